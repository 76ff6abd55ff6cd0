//! `cargo xtask mutants`: plants each fault of `list.rs` in a copy of the sources, and sees that the test it names fails. A fault that
//! survives means that a test has stopped testing.

mod list;

use crate::{DONE, FAILED, UsageError, listing, say, workspace};
use anyhow::{Context, ensure};
use list::{FAULTS, Fault};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What `cargo xtask mutants --help` prints.
pub const HELP: &str = "\
Plants faults one by one in a copy of the sources (in `mutants/` of the target folder) and runs the test that must catch
each. What is committed or not makes no difference: the copy is of what git lists, or of what lies there.

  NAME         only faults whose name holds NAME
  --part K/N   every Nth fault from the Kth on, counted from 1
  --part commit  an eighth, by the commit: all come around
  --list       what there is
";

/// What was asked for.
#[derive(Debug, PartialEq, Default)]
struct Wish {
    name: Option<String>,
    part: Option<(usize, usize)>,
    list: bool,
}

impl Wish {
    fn parse(arguments: &[String]) -> Result<Self, UsageError> {
        let mut wish = Wish::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--list" => wish.list = true,
                "--part" => wish.part = Some(part(rest.next().map_or("", String::as_str))?),
                text if text.starts_with("--part=") => wish.part = Some(part(&text["--part=".len()..])?),
                text if text.starts_with('-') || wish.name.is_some() => {
                    return Err(UsageError(format!("mutants: what is `{text}`? See `cargo xtask mutants --help`")));
                }
                text => wish.name = Some(text.to_owned()),
            }
        }
        Ok(wish)
    }

    fn takes(&self, index: usize, fault: &Fault) -> bool {
        self.name.as_ref().is_none_or(|name| fault.name.contains(name.as_str()))
            && self.part.is_none_or(|(k, n)| index % n == k - 1)
    }
}

/// Parts that CI takes in turn: two faults or so, a minute.
const PARTS: usize = 8;

/// One of [`PARTS`] by the commit's number; the first where there is no commit.
fn part_of_commit() -> (usize, usize) {
    let head = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(workspace::root()).output();
    let head = head.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let number = head.get(..8).and_then(|digits| usize::from_str_radix(digits, 16).ok()).unwrap_or(0);
    (1 + number % PARTS, PARTS)
}

fn part(text: &str) -> Result<(usize, usize), UsageError> {
    if text == "commit" {
        return Ok(part_of_commit());
    }
    let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    let possible = numbers.filter(|&(k, n): &(usize, usize)| 1 <= k && k <= n);
    possible.ok_or_else(|| {
        UsageError(format!("mutants: `--part {text}` is no part: take K/N with K from 1 to N, or commit"))
    })
}

/// Runs the faults; the exit code is 0 if all are caught, else 1.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    let wish = Wish::parse(arguments)?;
    let chosen: Vec<&Fault> =
        FAULTS.iter().enumerate().filter(|&(index, fault)| wish.takes(index, fault)).map(|(_, fault)| fault).collect();
    ensure!(!chosen.is_empty(), "no fault has such a name: `cargo xtask mutants --list` prints them");
    if wish.list {
        chosen.iter().for_each(|fault| say(format!("{}: {} ({})", fault.name, fault.file, fault.caught_by)));
        return Ok(DONE);
    }
    let target = workspace::target_folder(workspace::root())?;
    let tree = Tree::copy(workspace::root(), target.join("mutants"))?;
    let (begin, mut survivors) = (Instant::now(), 0);
    for fault in &chosen {
        let start = Instant::now();
        let outcome = tree.with(fault, || test(&tree.folder, &target, fault))?;
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Outcome::Caught => say(format!("caught    {} by {}   {seconds:.0} s", fault.name, fault.caught_by)),
            Outcome::Survived(output) => {
                survivors += 1;
                say(format!("SURVIVED  {}: {} passed\n{output}", fault.name, fault.caught_by));
            }
        }
    }
    let caught = chosen.len() - survivors;
    say(format!("{caught} of {} faults caught in {:.0} s", chosen.len(), begin.elapsed().as_secs_f64()));
    Ok(if survivors == 0 { DONE } else { FAILED })
}

enum Outcome {
    Caught,
    Survived(String),
}

/// Runs the test that must catch the fault.
fn test(tree: &Path, target: &Path, fault: &Fault) -> anyhow::Result<Outcome> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--release", "--package", fault.package]);
    if fault.target == "--lib" {
        command.arg("--lib")
    } else {
        command.args(["--test", fault.target])
    };
    // A test on a GPU has the adapter before its name, so `--exact` would not find it. With one thread a test's name is printed before it
    // runs, so that one which takes the process down is told from one which isn't there. Other packages' artefacts serve here too.
    command.args(["--", fault.caught_by, "--test-threads=1"]).current_dir(tree).env("CARGO_TARGET_DIR", target);
    let output = command.output().context("cannot start cargo")?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    outcome(fault, &text)
}

/// What the output of the test means, on every adapter that it ran on; others, whose names are longer, don't count. A fault that does not
/// compile, or whose test is not there, is a mistake in the list.
fn outcome(fault: &Fault, output: &str) -> anyhow::Result<Outcome> {
    let on_adapter = format!("::{}", fault.caught_by);
    let results = output.lines().filter_map(|line| line.strip_prefix("test ")?.rsplit_once(" ... "));
    let mut results = results.filter_map(|(name, result)| {
        let name = name.trim_end();
        (name == fault.caught_by || name.ends_with(&on_adapter)).then_some(result)
    });
    let first = results.next().filter(|&result| result != "ignored");
    ensure!(
        first.is_some(),
        "`{}`: {} did not run; has it another name, is it ignored, or does the fault not compile?\n{output}",
        fault.name,
        fault.caught_by
    );
    let passed = first.into_iter().chain(results).all(|result| ["ok", "ignored"].contains(&result));
    Ok(if passed { Outcome::Survived(output.to_owned()) } else { Outcome::Caught })
}

/// The workspace's manifest, and the line with the version of all its packages.
const MANIFEST: &str = "Cargo.toml";
const VERSION_BEGINS: &str = "\nversion = \"";

/// The manifest with another version in it. Cargo's names of artefacts tell packages apart by name and version, but not by where their
/// workspace lies: with the same version the sources themselves would afterwards be taken as built, and run with the faults of their copy.
fn with_own_version(manifest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let text = std::str::from_utf8(manifest).context("the workspace's Cargo.toml is no UTF-8")?;
    ensure!(text.matches(VERSION_BEGINS).count() == 1, "{MANIFEST} has not exactly one line `version = …`");
    let (before, rest) = text.split_once(VERSION_BEGINS).unwrap_or_default();
    let (version, after) = rest.split_once('"').with_context(|| format!("{MANIFEST}: the version has no end"))?;
    Ok(format!("{before}{VERSION_BEGINS}{version}-planted\"{after}").into_bytes())
}

/// A copy of the sources.
struct Tree {
    folder: PathBuf,
}

impl Tree {
    /// Copies the project's files, committed or not; what is the same already keeps its time, so that nothing is built in vain.
    fn copy(root: &Path, folder: PathBuf) -> anyhow::Result<Self> {
        for name in listing::files(root)? {
            let (from, to) = (root.join(&name), folder.join(&name));
            let Ok(mut content) = fs::read(&from) else { continue };
            if name == MANIFEST {
                content = with_own_version(&content)?;
            }
            if fs::read(&to).is_ok_and(|known| known == content) {
                continue;
            }
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
            }
            fs::write(&to, content).with_context(|| format!("cannot write {}", to.display()))?;
        }
        Ok(Self { folder })
    }

    /// Does something while the fault is planted.
    fn with<T>(&self, fault: &Fault, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let path = self.folder.join(fault.file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        fs::write(&path, plant(fault, &text)?).with_context(|| format!("cannot write {}", path.display()))?;
        let result = work();
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        result
    }
}

/// A file's text with the fault in it.
fn plant(fault: &Fault, text: &str) -> anyhow::Result<String> {
    let places = text.matches(fault.text).count();
    ensure!(
        places == 1,
        "`{}`: {} holds its text {places} times, not once: bring xtask/src/mutants/list.rs up to date",
        fault.name,
        fault.file
    );
    Ok(text.replacen(fault.text, fault.planted, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code moves; the list must move with it, or a fault would be tested that is not there.
    #[test]
    fn every_fault_has_its_place() {
        for (index, fault) in FAULTS.iter().enumerate() {
            let text = fs::read_to_string(workspace::root().join(fault.file)).unwrap();
            assert_ne!(plant(fault, &text).unwrap(), text, "{}", fault.name);
            assert!(FAULTS[..index].iter().all(|other| other.name != fault.name), "{} twice", fault.name);
        }
    }

    /// A build of the copy must not pass for one of the sources.
    #[test]
    fn the_copy_has_another_version() {
        let manifest = fs::read(workspace::root().join(MANIFEST)).unwrap();
        let own = String::from_utf8(with_own_version(&manifest).unwrap()).unwrap();
        let version = concat!("\nversion = \"", env!("CARGO_PKG_VERSION"));
        assert_eq!(own.replace("-planted", "").as_bytes(), manifest);
        assert!(own.contains(&format!("{version}-planted\"\n")), "{own}");
        assert!(with_own_version(b"[workspace]\n").is_err());
    }

    #[test]
    fn parts_take_every_fault_once() {
        let arguments = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let taken: usize = (1..=3)
            .map(|k| {
                let wish = Wish::parse(&arguments(&format!("--part {k}/3"))).unwrap();
                FAULTS.iter().enumerate().filter(|&(index, fault)| wish.takes(index, fault)).count()
            })
            .sum();
        assert_eq!(taken, FAULTS.len());
        for wrong in ["--part 0/3", "--part 4/3", "--part x", "--port 1/2"] {
            assert!(Wish::parse(&arguments(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_test_that_ran_and_failed_has_caught() {
        let fault = Fault { caught_by: "fast::a::b", ..FAULTS[0] };
        let caught = |output: &str| Ok::<_, anyhow::Error>(matches!(outcome(&fault, output)?, Outcome::Caught));
        assert!(caught("running 1 test\ntest fast::a::b ... FAILED\n").unwrap());
        assert!(caught("test fast::a::b ... ").unwrap(), "it took the whole process down");
        assert!(
            !caught("test fast::a::b ... ok\ntest fast::a::b_too ... FAILED\n").unwrap(),
            "another test has caught it"
        );
        let adapters = "test A (software)::fast::a::b  ... ok\ntest A 2 (software)::fast::a::b ... ok\n";
        assert!(!caught(adapters).unwrap());
        assert!(caught(&adapters.replace("b ... ok", "b ... FAILED")).unwrap(), "one adapter is enough");
        assert!(caught("running 0 tests").is_err(), "a test of that name is not there");
        assert!(caught("error[E0425]").is_err(), "it does not compile");
        assert!(caught("test fast::a::b ... ignored\n").is_err(), "it tests nothing");
    }
}
