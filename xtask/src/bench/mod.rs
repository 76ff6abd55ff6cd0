//! `cargo xtask bench`: passes a filter and a baseline to criterion, then has the page of results and its pictures made and
//! written. The benches themselves are in `benches/`; reading figures is in [`figures`], the page in [`page`].

mod figures;
mod memory;
mod page;
mod picture;

use crate::{DONE, FAILED, UsageError, forward, gpu_check, say, workspace};
use anyhow::Context;
use figures::Figures;
use page::Page;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// What `cargo xtask bench --help` prints.
pub const HELP: &str = "\
Runs the criterion benches, all of them or those whose name holds FILTER. All of them take some eight minutes on two idle
cores, and then docs/results.md and its pictures are written from what this run measured and from what `plan` says of memory.

  --save-baseline NAME   keeps the figures under NAME
  --baseline NAME        compares with the figures kept under NAME

A comparison means something on one machine, with nothing else running on it:
  git checkout main    && cargo xtask bench attention --save-baseline before
  git checkout my-work && cargo xtask bench attention --baseline before
";

/// Where the page and its pictures go, below the workspace's root.
const DOCS: &str = "docs";
const PAGE: &str = "results.md";

/// Runs the benches; the exit code is 0 if all ran, else 1.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    let wish = Wish::parse(arguments)?;
    let root = workspace::root();
    let kept = workspace::target_folder(root)?.join("criterion");
    if let Some(baseline) = &wish.baseline
        && !holds_baseline(&kept, baseline)
    {
        return Err(UsageError(format!(
            "no figures are kept under `{baseline}` in {}; keep some with `cargo xtask bench --save-baseline {baseline}`",
            kept.display()
        ))
        .into());
    }
    // Before anything is built: what is checked out may change while the benches run.
    let commit = workspace::commit(root, &[DOCS]);
    let start = SystemTime::now();
    let status =
        workspace::cargo().args(wish.command()).current_dir(root).status().context("cannot start `cargo bench`")?;
    if !status.success() {
        return Ok(FAILED);
    }
    say(format!("figures: {} (a folder a bench; `new/estimates.json` holds its times in ns)", kept.display()));
    if wish.filter.is_some() {
        say(format!("{DOCS}/{PAGE} is left as it is: it tells of one run of all benches"));
        return Ok(DONE);
    }
    let program = forward::build_reformer()?;
    let memory = memory::planned(&program)?;
    let adapters = gpu_check::adapters(&program);
    let page = Page {
        machine: vec![
            (
                "command",
                format!("`cargo xtask bench{}`", arguments.iter().map(|word| format!(" {word}")).collect::<String>()),
            ),
            ("CPU", format!("{}, {} cores, {}", cpu_name(), cores(), memory.adapter)),
            (
                "GPU",
                adapters.ok().and_then(|list| Some(list.first()?.full.clone())).unwrap_or_else(|| "none".to_owned()),
            ),
            ("commit", commit),
        ],
        figures: Figures::read(&kept, start)?,
        memory,
    };
    let docs = root.join(DOCS);
    write(&docs.join(PAGE), &page.text())?;
    for (name, charts) in page.pictures() {
        write(&docs.join(name), &picture::svg(&charts))?;
    }
    say(format!("written: {DOCS}/{PAGE} and its pictures"));
    Ok(DONE)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What the system calls its CPU, where it has a file that says so.
fn cpu_name() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    name_in(&text).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The first model name in Linux' list of processors.
fn name_in(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
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
    fn the_cpu_has_a_name() {
        let text = "processor\t: 0\nvendor_id\t: A\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(name_in(text).as_deref(), Some("AMD EPYC"));
        assert_eq!(name_in("model name"), None);
        assert!(!cpu_name().is_empty());
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
