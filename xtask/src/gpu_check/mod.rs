//! `cargo xtask gpu-check`: what is tried on a real GPU, in which order, and where the page of results goes. Running a part and
//! reading its figures is in [`parts`], the page in [`page`]; the tests and programs themselves belong to their crates.

mod page;
mod parts;

use crate::{DONE, FAILED, UsageError, forward, say, workspace};
use anyhow::{Context, bail};
use page::Page;
use parts::{Part, Report};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What `cargo xtask gpu-check --help` prints.
pub const HELP: &str = "\
Tries everything on this machine's GPU and writes one page of results: which adapters there are, the conformance suite,
the model's identities, ten training steps through the program, the speed of the matrix products and of a training step
op by op. Takes ten minutes at most, most of them to compile. What fails is marked, the rest goes on, and the exit code
is then 1. A software adapter (lavapipe, WARP) can be checked too; it is slow.

  --adapter NAME   everything runs on the adapter whose name contains NAME; the best one if left out
  --out FILE       where the page goes; docs/gpu-results/NAME-OF-THE-ADAPTER.md if left out
  --force          replace FILE even if it isn't such a page

A page from a GPU that docs/gpu-results/ does not have yet is worth a pull request, also and above all one with failures.
";

/// Where pages are kept, below the workspace's root.
const PAGES: &str = "docs/gpu-results";

/// Runs all parts; the exit code is 0 if all pass, else 1.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    let wish = Wish::parse(arguments)?;
    // Before ten minutes are spent, and once more at their end.
    if let Some(out) = &wish.out {
        refuse_to_replace(out, wish.force)?;
    }
    let root = workspace::root();
    // Before anything is built: what is checked out may change while the parts run.
    let commit = workspace::commit(root, &[PAGES]);
    let program = forward::build_reformer()?;
    let adapters = adapters(&program);
    let chosen = match &adapters {
        Ok(list) => Some(choose(list, wish.adapter.as_deref())?),
        Err(_) => None,
    };
    let folder = workspace::target_folder(root)?.join("gpu-check").join(std::process::id().to_string());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut reports = vec![adapters_report(&adapters)];
    reports.extend(run_parts(all(&program, &folder, chosen)));
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;

    let page = Page {
        adapter: chosen.cloned(),
        commit,
        seconds_since_1970: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        reports,
    };
    let text = page.text(root);
    say(format!("\n{text}"));
    let out = wish.out.unwrap_or_else(|| root.join(PAGES).join(format!("{}.md", page.slug())));
    if let Some(above) = out.parent() {
        fs::create_dir_all(above).with_context(|| format!("cannot create {}", above.display()))?;
    }
    refuse_to_replace(&out, wish.force)?;
    let written = if out.exists() {
        fs::write(&out, text)
    } else {
        fs::File::create_new(&out).and_then(|mut file| file.write_all(text.as_bytes()))
    };
    written.with_context(|| format!("cannot write {}", out.display()))?;
    say(format!("written to {}", out.strip_prefix(root).unwrap_or(&out).display()));
    Ok(if page.passed() { DONE } else { FAILED })
}

/// Only a page of this command is replaced, and nothing but a file.
fn refuse_to_replace(out: &Path, force: bool) -> anyhow::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(out) else { return Ok(()) };
    if !metadata.is_file() {
        bail!("--out {}: it is a folder or a link: name a file", out.display());
    }
    let mut start = [0; page::TITLE.len()];
    let is_page = fs::File::open(out).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *page::TITLE.as_bytes();
    if !is_page && !force {
        bail!(
            "--out {}: it is there already, and it is no page of gpu-check: name another file, or replace it with --force",
            out.display()
        );
    }
    Ok(())
}

/// What was asked for.
#[derive(Default, PartialEq, Debug)]
struct Wish {
    adapter: Option<String>,
    out: Option<PathBuf>,
    force: bool,
}

impl Wish {
    fn parse(arguments: &[String]) -> Result<Wish, UsageError> {
        let mut wish = Wish::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (option, attached) = match argument.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            if argument == "--force" {
                wish.force = true;
                continue;
            }
            if !["--adapter", "--out"].contains(&option) {
                let what = if option.starts_with('-') { "option" } else { "argument" };
                return Err(UsageError(format!("there is no {what} `{option}`; see `cargo xtask gpu-check --help`")));
            }
            let value = attached.or_else(|| rest.next().cloned()).filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| UsageError(format!("`{option}` needs a value")))?;
            match option {
                "--adapter" => wish.adapter = Some(value),
                _ => wish.out = Some(value.into()),
            }
        }
        Ok(wish)
    }
}

/// An adapter, as the program describes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Adapter {
    /// `NVIDIA H100 (discrete GPU, Vulkan)`.
    pub full: String,
    /// The driver, and what it allows.
    remark: String,
}

impl Adapter {
    /// The name alone: `NVIDIA H100`. The first adapter whose name contains it is this one.
    fn name(&self) -> &str {
        self.full.rsplit_once(" (").map_or(&self.full, |(name, _)| name)
    }
}

/// What `info --adapters` says of this machine's GPUs, best first.
pub fn adapters(program: &Path) -> anyhow::Result<Vec<Adapter>> {
    let output = Command::new(program).args(["info", "--adapters", "--json"]).output();
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    let code = workspace::exit_code(output.status);
    if code != DONE {
        bail!("it ended with exit code {code} and said: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let list: Value = serde_json::from_slice(&output.stdout).context("it printed something that is not JSON")?;
    Ok(adapters_in(&list))
}

fn adapters_in(list: &Value) -> Vec<Adapter> {
    let list = list["adapters"].as_array().map_or(&[][..], Vec::as_slice);
    let gpus = list.iter().filter(|entry| entry["backend"] == "gpu");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    gpus.filter_map(|gpu| Some(Adapter { full: text(&gpu["adapter"])?, remark: text(&gpu["remark"])? })).collect()
}

/// The adapter that is wanted. With none there is nothing to check.
fn choose<'a>(list: &'a [Adapter], wanted: Option<&str>) -> anyhow::Result<&'a Adapter> {
    let Some(best) = list.first() else {
        bail!(
            "this machine has no GPU adapter: install the driver of its GPU (`cargo xtask info --adapters` must list it)"
        );
    };
    let Some(wanted) = wanted else { return Ok(best) };
    let found = list.iter().find(|adapter| adapter.name().to_lowercase().contains(&wanted.to_lowercase()));
    found.with_context(|| {
        let names: Vec<&str> = list.iter().map(|adapter| adapter.full.as_str()).collect();
        format!("--adapter {wanted}: no adapter's name contains it; there are: {}", names.join("; "))
    })
}

fn adapters_report(adapters: &anyhow::Result<Vec<Adapter>>) -> Report {
    let (outcome, shown) = match adapters {
        Ok(list) => {
            let lines = list.iter().map(|adapter| format!("{}: {}\n", adapter.full, adapter.remark));
            (
                Ok(if list.len() == 1 { "1 adapter".to_owned() } else { format!("{} adapters", list.len()) }),
                lines.collect(),
            )
        }
        Err(error) => (Err("the adapters can't be listed".to_owned()), format!("{error:#}\n")),
    };
    Report { name: "adapters", typed: "cargo xtask info --adapters".to_owned(), outcome, seconds: None, shown }
}

/// Everything that is run after the adapters are known.
fn all(program: &Path, folder: &Path, adapter: Option<&Adapter>) -> Vec<Part> {
    let name = adapter.map(Adapter::name);
    let train = ["train", "--backend", "gpu", "--preset", "tiny", "--data", "sample", "--steps", parts::TRAINING_STEPS];
    let mut typed = format!("cargo xtask {}", train.join(" "));
    let mut trainer = Command::new(program);
    trainer.args(train).arg("--json").arg("--run").arg(folder.join("run")).current_dir(folder);
    if name.is_some() {
        typed += " --adapter";
        typed += &parts::quoted(name);
        trainer.arg("--adapter").args(name);
    }
    vec![
        Part::tests("conformance", "every op against float64", &["-p", "reformer-gpu"], adapter),
        Part::tests(
            "identities",
            "what a whole model must keep",
            &["-p", "reformer-model", "--test", "identities_on_gpu"],
            adapter,
        ),
        Part {
            name: "training",
            purpose: "ten steps through the program",
            typed,
            build: None,
            command: trainer,
            read: parts::training,
        },
        Part::example("products", "the speed of the matrix products", &[], adapter, parts::products),
        Part::example("gpu_training_step", "a training step op by op", &["4096", "lsh"], adapter, parts::training_step),
    ]
}

/// Runs one part after another, whatever became of those before.
fn run_parts(parts: Vec<Part>) -> Vec<Report> {
    let count = parts.len();
    let report = |(index, part): (usize, Part)| {
        say(format!("[{}/{count}] {}: {}", index + 1, part.name, part.purpose));
        let report = part.run();
        match &report.outcome {
            Ok(figures) => say(format!("      passed: {figures}")),
            Err(what) => say(format!("      failed: {what}\n      repeat: {}", report.typed)),
        }
        report
    };
    parts.into_iter().enumerate().map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Wish, UsageError> {
        Wish::parse(&arguments.iter().map(|argument| argument.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        assert_eq!(parse(&[]).expect("fine"), Wish::default());
        let both = Wish { adapter: Some("RTX 4090".into()), out: Some("a.md".into()), force: false };
        assert_eq!(parse(&["--adapter", "RTX 4090", "--out", "a.md"]).expect("fine"), both);
        assert_eq!(parse(&["--out=a.md", "--adapter=RTX 4090"]).expect("fine"), both);
        assert!(parse(&["--force", "--out=a.md"]).expect("fine").force);
        for wrong in
            [&["--adapter"][..], &["--force=yes"], &["--out="], &["--fast"], &["page.md"], &["--adapter", "a", "b"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_a_page_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("page.md");
        let refused = |force| refuse_to_replace(&out, force).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(refused(false), "");
        for (text, message) in
            [("", "no page of gpu-check"), ("# GPU", "no page of gpu-check"), ("# GPU check: H100\n", "")]
        {
            fs::write(&out, text).expect("writable");
            assert!(refused(false).contains(message) && refused(false).is_empty() == message.is_empty(), "{text:?}");
            assert_eq!(refused(true), "");
        }
        let folder = refuse_to_replace(folder.path(), true).expect_err("a folder").to_string();
        assert!(folder.contains("it is a folder or a link"), "{folder}");
    }

    fn list() -> Vec<Adapter> {
        adapters_in(&serde_json::json!({"adapters": [
            {"backend": "cpu", "adapter": "2 threads", "remark": "AVX2"},
            {"backend": "gpu", "adapter": "NVIDIA H100 (discrete GPU, Vulkan)", "remark": "NVIDIA 550; tensors"},
            {"backend": "gpu", "adapter": "llvmpipe (LLVM 15) (software, Vulkan)", "remark": "llvmpipe Mesa 25"},
        ], "auto": "gpu"}))
    }

    #[test]
    fn the_wanted_adapter_is_found_by_a_part_of_its_name() {
        let list = list();
        let name = |wanted| choose(&list, wanted).map(|adapter| adapter.name().to_owned());
        assert_eq!(name(None).expect("there is one"), "NVIDIA H100");
        assert_eq!(name(Some("LLVM")).expect("there is one"), "llvmpipe (LLVM 15)");
        let error = name(Some("vulkan")).expect_err("that is no name").to_string();
        assert!(error.contains("--adapter vulkan: ") && error.contains("NVIDIA H100 (discrete GPU"), "{error}");
    }

    #[test]
    fn without_an_adapter_there_is_nothing_to_check() {
        let none = serde_json::json!({"adapters": [{"backend": "gpu", "adapter": null, "remark": "no adapter here"}]});
        let error = choose(&adapters_in(&none), None).expect_err("there is none").to_string();
        assert!(error.contains("no GPU adapter: install"), "{error}");
    }

    #[test]
    fn adapters_that_cannot_be_listed_are_a_failure_and_not_the_end() {
        let report = adapters_report(&Err(anyhow::anyhow!("the driver crashed")));
        assert!(report.outcome.is_err());
        assert!(report.shown.contains("the driver crashed"), "{}", report.shown);
        assert_eq!(adapters_report(&Ok(list())).outcome, Ok("2 adapters".to_owned()));
    }

    #[test]
    fn every_part_gets_the_adapter_and_no_page_names_the_folder() {
        let adapter = &list()[0];
        let parts = all(Path::new("reformer"), Path::new("the-folder"), Some(adapter));
        let expected = [
            ("conformance", "NVIDIA H100 (discrete GPU, Vulkan)::"),
            ("identities", "NVIDIA H100 (discrete GPU, Vulkan)::"),
            ("training", "NVIDIA H100"),
            ("products", "NVIDIA H100"),
            ("gpu_training_step", "NVIDIA H100"),
        ];
        for (part, (name, last)) in parts.iter().zip(expected) {
            let mut given = part.command.get_args();
            assert_eq!((part.name, given.any(|argument| argument == last)), (name, true), "{:?}", part.command);
            assert!(part.typed.ends_with(&format!(" \"{last}\"")), "{}", part.typed);
            assert!(!part.typed.contains("the-folder"), "{}", part.typed);
        }
        assert_eq!(parts.len(), expected.len());
        let mut given = parts[2].command.get_args().map(|argument| argument.to_string_lossy());
        assert!(given.any(|argument| argument.starts_with("the-folder")), "{:?}", parts[2].command);
        let unknown = all(Path::new("reformer"), Path::new("the-folder"), None);
        assert!(unknown.iter().all(|part| !part.typed.contains('"')), "nothing is asked of an unknown adapter");
    }
}
