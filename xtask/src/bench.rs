//! `cargo xtask bench`: passes a filter and a baseline to criterion and says where the figures are. The benches
//! themselves are in `benches/`.

use crate::{DONE, FAILED, UsageError, say, workspace};
use anyhow::Context;
use std::path::Path;

/// What `cargo xtask bench --help` prints.
pub const HELP: &str = "\
Runs the criterion benches, all of them or those whose name holds FILTER.

  --save-baseline NAME   keeps the figures under NAME
  --baseline NAME        compares with the figures kept under NAME

A comparison means something on one machine, with nothing else running on it:
  git switch main    && cargo xtask bench attention --save-baseline before
  git switch my-work && cargo xtask bench attention --baseline before
";

/// Runs the benches; the exit code is 0 if all ran, else 1.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    let wish = Wish::parse(arguments)?;
    let figures = workspace::target_folder(workspace::root())?.join("criterion");
    if let Some(baseline) = &wish.baseline
        && !holds_baseline(&figures, baseline)
    {
        return Err(UsageError(format!(
            "no figures are kept under `{baseline}` in {}; keep some with `cargo xtask bench --save-baseline {baseline}`",
            figures.display()
        ))
        .into());
    }
    let status = workspace::cargo()
        .args(wish.command())
        .current_dir(workspace::root())
        .status()
        .context("cannot start `cargo bench`")?;
    if !status.success() {
        return Ok(FAILED);
    }
    say(format!("figures: {} (a folder a bench; `new/estimates.json` holds its times in ns)", figures.display()));
    Ok(DONE)
}

/// What was asked for.
#[derive(Default, PartialEq, Debug)]
struct Wish {
    filter: Option<String>,
    baseline: Option<String>,
    save: Option<String>,
}

impl Wish {
    fn parse(arguments: &[String]) -> Result<Wish, UsageError> {
        let mut wish = Wish::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (option, attached) = match argument.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option, Some(value.to_string())),
                _ => (argument.as_str(), None),
            };
            let slot = match option {
                "--baseline" => &mut wish.baseline,
                "--save-baseline" => &mut wish.save,
                option if option.starts_with('-') => {
                    return Err(UsageError(format!("there is no option `{option}`; see `cargo xtask bench --help`")));
                }
                _ if wish.filter.is_some() => {
                    return Err(UsageError(format!("one filter, please, not also `{argument}`")));
                }
                _ => {
                    wish.filter = Some(argument.clone());
                    continue;
                }
            };
            let value = attached.or_else(|| rest.next().cloned()).filter(|name| !name.is_empty());
            *slot = Some(value.ok_or_else(|| UsageError(format!("`{option}` needs a name")))?);
        }
        if wish.baseline.is_some() && wish.save.is_some() {
            return Err(UsageError("compare with a baseline or keep one, not both".to_string()));
        }
        Ok(wish)
    }

    fn command(&self) -> Vec<String> {
        let mut command: Vec<String> =
            ["bench", "--package", "reformer-benches", "--benches", "--"].map(String::from).to_vec();
        command.extend(self.filter.clone());
        for (option, name) in [("--baseline", &self.baseline), ("--save-baseline", &self.save)] {
            if let Some(name) = name {
                command.extend([option.to_string(), name.clone()]);
            }
        }
        command
    }
}

/// Whether some bench below `folder` has figures under `name`: criterion keeps them as `group/bench/name`, and would
/// stop in the middle if there were none.
fn holds_baseline(folder: &Path, name: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).any(|path| {
        path.file_name().is_some_and(|last| last == name) && path.join("estimates.json").is_file()
            || holds_baseline(&path, name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Vec<String>, UsageError> {
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
        Wish::parse(&arguments).map(|wish| wish.command()[4..].to_vec())
    }

    #[test]
    fn filter_and_baseline_reach_criterion() {
        assert_eq!(parse(&["lsh", "--baseline", "old"]).expect("fine"), ["--", "lsh", "--baseline", "old"]);
        assert_eq!(parse(&["--save-baseline=new"]).expect("fine"), ["--", "--save-baseline", "new"]);
        for wrong in [
            &["--baseline"][..],
            &["--baseline="],
            &["a", "b"],
            &["--fast"],
            &["--baseline", "a", "--save-baseline", "b"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_baseline_is_found_where_criterion_keeps_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kept = folder.path().join("attention/lsh/before");
        std::fs::create_dir_all(&kept).expect("writable");
        assert!(!holds_baseline(folder.path(), "before"), "a folder without figures is none");
        std::fs::write(kept.join("estimates.json"), "{}").expect("writable");
        assert!(holds_baseline(folder.path(), "before"));
        assert!(!holds_baseline(folder.path(), "after"));
    }
}
