//! `cargo xtask ci`: the list of checks and how they are run and reported. It reads no environment variable: what is
//! checked is the same on every machine.

use crate::output::Stdout;
use crate::{DONE, FAILED, no_arguments, workspace};
use anyhow::Context;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// What `cargo xtask ci --help` prints.
pub const HELP: &str = "\
Checks what must hold before a change lands, in this order: fmt, clippy, doc, tidy, shader-stats, test, drivers, arm,
windows, mutants, smoke.
Stops at the first failure, shows its output, and says how to repeat it; says what a step skipped on this machine. The
output of every step is kept in `ci/` of the target folder.
";

/// How much of a failed step's output is shown; all of it is in the log.
const SHOWN_LINES: usize = 400;

/// How a line begins that says what was not checked, and why.
const SKIPPED: &str = "SKIPPED: ";

/// One check.
struct Step<'a> {
    name: &'a str,
    purpose: &'a str,
    run: Run<'a>,
}

enum Run<'a> {
    /// cargo with these arguments, and one environment variable.
    Cargo(&'a [&'a str], Option<(&'a str, &'a str)>),
    /// A command of ours, and its arguments.
    Xtask(&'a str),
}

/// The release profile throughout, so that one build serves every step.
const STEPS: &[Step] = &[
    Step { name: "fmt", purpose: "the code is formatted", run: Run::Cargo(&["fmt", "--all", "--check"], None) },
    Step {
        name: "clippy",
        purpose: "no lint speaks up, in libraries, programs, tests and benches",
        run: Run::Cargo(
            &["clippy", "--release", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
            None,
        ),
    },
    Step {
        name: "doc",
        purpose: "every public item is documented and every link leads somewhere",
        run: Run::Cargo(
            &["doc", "--release", "--workspace", "--no-deps", "--quiet"],
            Some(("RUSTDOCFLAGS", "-D warnings")),
        ),
    },
    Step { name: "tidy", purpose: "the absences and the house rules hold", run: Run::Xtask("tidy") },
    Step {
        name: "shader-stats",
        purpose: "compilers of real GPUs keep every kernel within its budget",
        run: Run::Cargo(&["run", "--release", "--quiet", "--package", "reformer-shader-stats", "--", "--check"], None),
    },
    Step { name: "test", purpose: "every test passes", run: Run::Xtask("test") },
    Step { name: "drivers", purpose: "the GPU's suite passes on three drivers", run: Run::Xtask("drivers") },
    Step { name: "arm", purpose: "the CPU's tests pass on aarch64", run: Run::Xtask("arm") },
    Step {
        name: "windows",
        purpose: "Windows and macOS: the code fits, and runs as here under wine",
        run: Run::Xtask("windows"),
    },
    Step {
        name: "mutants",
        purpose: "faults that are planted are caught, an eighth of them with each commit",
        run: Run::Xtask("mutants --part commit"),
    },
    Step {
        name: "smoke",
        purpose: "a run can be planned, trained, killed, resumed, evaluated and talked to",
        run: Run::Xtask("smoke"),
    },
];

/// Runs all steps; the exit code is 0 if all pass, else 1.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    no_arguments("ci", arguments)?;
    let logs = workspace::target_folder(workspace::root())?.join("ci");
    let passed = run_steps(STEPS, &logs, &mut Stdout)?;
    Ok(if passed { DONE } else { FAILED })
}

/// Runs steps until one fails; what is printed goes to `out`, where a closed pipe is no reason to stop checking.
fn run_steps(steps: &[Step], logs: &Path, out: &mut dyn Write) -> anyhow::Result<bool> {
    fs::create_dir_all(logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let begin = Instant::now();
    for (index, step) in steps.iter().enumerate() {
        let _ = write!(out, "[{}/{}] {}: {}", index + 1, steps.len(), step.name, step.purpose);
        let _ = out.flush();
        let log = logs.join(format!("{}.log", step.name));
        let step_begin = Instant::now();
        let code = step.run.logged(&log)?;
        let seconds = step_begin.elapsed().as_secs_f64();
        if code == DONE {
            let _ = writeln!(out, "   {seconds:.1} s");
            for line in skipped_in(&log) {
                let _ = writeln!(out, "      {line}");
            }
            continue;
        }
        let _ = writeln!(out, "   failed with exit code {code} after {seconds:.1} s\n");
        let _ = writeln!(out, "{}", tail_of(&log));
        let _ = writeln!(out, "      repeat: {}", step.run.as_typed());
        return Ok(false);
    }
    let _ = writeln!(out, "all {} steps passed in {:.0} s", steps.len(), begin.elapsed().as_secs_f64());
    Ok(true)
}

impl Run<'_> {
    /// Runs with both output streams in `log` and nothing to read; returns the exit code.
    fn logged(&self, log: &Path) -> anyhow::Result<u8> {
        let mut command = match self {
            Run::Cargo(arguments, variable) => {
                let mut cargo = workspace::cargo();
                cargo.args(*arguments).envs(*variable);
                cargo
            }
            Run::Xtask(name) => {
                // Through cargo: a step before may have built this program anew, with the features of the whole workspace, in its place.
                let mut cargo = workspace::cargo();
                cargo.args(["run", "--release", "--quiet", "--package", "xtask", "--"]).args(name.split(' '));
                cargo
            }
        };
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = file.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
        // rustfmt would put colours into a file.
        command.env("TERM", "dumb").current_dir(workspace::root()).stdin(Stdio::null()).stdout(file).stderr(errors);
        let status = command.status().with_context(|| format!("cannot start `{}`", self.as_typed()))?;
        Ok(workspace::exit_code(status))
    }

    /// What one types to run the same.
    fn as_typed(&self) -> String {
        match self {
            Run::Cargo(arguments, variable) => {
                let variable = variable.map(|(name, value)| format!("{name}=\"{value}\" ")).unwrap_or_default();
                format!("{variable}cargo {}", arguments.join(" "))
            }
            Run::Xtask(name) => format!("cargo xtask {name}"),
        }
    }
}

/// The last lines of a log.
fn tail_of(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(SHOWN_LINES);
    let mut shown = lines[skipped..].join("\n");
    if skipped > 0 {
        shown = format!("({skipped} lines before these are in {})\n{shown}", log.display());
    }
    shown
}

/// What a step says that it did not check on this machine.
fn skipped_in(log: &Path) -> Vec<String> {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().filter(|line| line.starts_with(SKIPPED)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(steps: &[Step]) -> (bool, String) {
        let logs = tempfile::tempdir().expect("a temporary folder");
        let mut out = Vec::new();
        let passed = run_steps(steps, logs.path(), &mut out).expect("cargo starts");
        (passed, String::from_utf8(out).expect("we print text"))
    }

    const GOOD: Step = Step { name: "good", purpose: "cargo is there", run: Run::Cargo(&["--version"], None) };

    #[test]
    fn steps_are_counted_and_timed() {
        let (passed, text) = print(&[GOOD, GOOD]);
        assert!(passed);
        assert!(text.starts_with("[1/2] good: cargo is there   0."), "{text}");
        assert!(text.contains(" s\n[2/2] good: cargo is there   "), "{text}");
        assert!(text.contains("all 2 steps passed in "), "{text}");
    }

    #[test]
    fn the_first_failure_stops_shows_its_output_and_says_how_to_repeat() {
        let bad = Step { name: "bad", purpose: "fails", run: Run::Cargo(&["no-such-command"], Some(("A", "b c"))) };
        let (passed, text) = print(&[GOOD, bad, GOOD]);
        assert!(!passed);
        assert!(text.contains("[2/3] bad: fails   failed with exit code 101 after "), "{text}");
        assert!(text.contains("no such command"), "cargo's own message is not in:\n{text}");
        assert!(text.ends_with("      repeat: A=\"b c\" cargo no-such-command\n"), "{text}");
        assert!(!text.contains("[3/3]"), "{text}");
    }

    #[test]
    fn what_a_step_skipped_is_said_though_it_passed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("a.log");
        fs::write(&log, "test a ... ok\nSKIPPED: no driver\nit SKIPPED: that\nSKIPPED: no data\n").expect("writable");
        assert_eq!(skipped_in(&log), ["SKIPPED: no driver", "SKIPPED: no data"]);
        assert_eq!(skipped_in(&folder.path().join("missing")), Vec::<String>::new());
    }

    #[test]
    fn a_long_log_is_cut_and_says_where_the_rest_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("a.log");
        let lines: Vec<String> = (0..SHOWN_LINES + 5).map(|line| format!("line {line}")).collect();
        fs::write(&log, lines.join("\n")).expect("writable");
        let shown = tail_of(&log);
        assert!(shown.starts_with(&format!("(5 lines before these are in {})\nline 5\n", log.display())), "{shown}");
        assert!(shown.ends_with(&format!("line {}", SHOWN_LINES + 4)));
    }
}
