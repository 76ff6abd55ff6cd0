//! What the program must do on Windows as it does here: the same runs on both, side by side. How it is built and what it runs
//! in is decided elsewhere.

use super::wine::{Wine, windows_path};
use crate::smoke::last_object;
use crate::{DONE, FAILED, say, workspace};
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

const STEPS: &str = "20";
/// Often enough that a run which is killed after its first lines has something to resume from.
const SAVE_EVERY: &str = "5";
/// The run that is stopped with Ctrl-C has printed this step.
const STOP_AT_STEP: u64 = 3;
/// The run that is killed has printed this step: after the first checkpoint, long before the last step.
const KILL_AT_STEP: u64 = 8;
/// A few pairs beyond the bytes: wine takes half a minute to learn a usual vocabulary, of whose pieces it allocates each one slowly.
const VOCABULARY: &str = "260";
/// Folders as people have them on Windows: with blanks, and letters that are not ASCII.
const DATA: &str = "Beispiele für alle";
const STRAIGHT: &str = "ein Lauf ü";
const INTERRUPTED: &str = "gestörter Lauf ü";
/// What nobody should see: std's form of a whole path on Windows, as it is and as JSON has it.
const VERBATIM: [&str; 2] = [r"\\?\", r"\\\\?\\"];
/// The same program takes about as much memory on both; wine's own share is small beside a model's.
const MEMORY_FACTOR: f64 = 2.0;
const SHA: &str = "parameters_sha256";
const PEAK: &str = "peak_rss_bytes";

/// The program for both systems, and a folder for the runs of each.
pub struct Job<'a> {
    pub wine: &'a Wine,
    pub windows: PathBuf,
    pub linux: PathBuf,
    pub folder: PathBuf,
}

#[derive(Clone, Copy, PartialEq)]
enum System {
    Windows,
    Linux,
}

/// What a program printed.
struct Printed {
    results: String,
    notes: String,
}

impl Job<'_> {
    /// Does all of it; an error says which command did what instead of what.
    pub fn whole(&self) -> anyhow::Result<()> {
        for system in [System::Windows, System::Linux] {
            let folder = self.folder(system);
            fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
            self.call(system, &["data", "sample", "--out", DATA], "", DONE)?;
        }
        self.same_results(&["data", "stats", "--data", DATA, "--json"], "")?;
        self.same_results(&["plan", "--preset", "tiny", "--json"], "")?;

        let straight = train(STRAIGHT, &[]);
        let done = last_object(&self.call(System::Windows, &straight, "", DONE)?.results)?;
        let expected = last_object(&self.call(System::Linux, &straight, "", DONE)?.results)?;
        ensure!(expected[SHA].is_string(), "train on Linux ended without {SHA}: {expected}");
        same_parameters("trained", &done, &expected)?;
        memory_is_plausible(&done, &expected)?;

        // A whole path for once, as a program with windows would pass it.
        let run = windows_path(&self.folder(System::Windows).join(INTERRUPTED))?;
        self.stop(&run)?;
        self.kill_on_the_way(&run)?;
        let resumed = last_object(&self.call(System::Windows, &train(&run, &["--resume"]), "", DONE)?.results)?;
        same_parameters("stopped, killed and resumed", &resumed, &expected)?;

        let generate = ["generate", "--run", STRAIGHT, "--prompt", "I need a", "--max-tokens", "8", "--json"];
        let text = |system| -> anyhow::Result<Value> {
            Ok(last_object(&self.call(system, &generate, "", DONE)?.results)?["text"].clone())
        };
        let (windows, linux) = (text(System::Windows)?, text(System::Linux)?);
        ensure!(windows.is_string() && windows == linux, "generate gave {windows} on Windows, {linux} on Linux");
        let chat = ["chat", "--run", STRAIGHT, "--seed", "1", "--max-tokens", "12"];
        // The ends of lines are those of Windows.
        self.same_results(&chat, "I need a cheap hotel.\r\nIn the north, please.\r\n")?;

        let info = self.call(System::Windows, &["info", "--run", STRAIGHT], "", DONE)?;
        ensure!(info.results.contains(DATA), "info names no data in {DATA}: {}", info.results);
        let config = fs::read_to_string(self.folder(System::Windows).join(STRAIGHT).join("config.json"))?;
        ensure!(config.contains("Z:"), "the run does not remember where its data is: {config}");
        no_verbatim_path("config.json", &config)?;

        let missing = self.call(System::Windows, &["chat", "--run", "kein Lauf"], "", FAILED)?;
        ensure!(missing.notes.contains("kein Lauf"), "the run that is not there is not named: {}", missing.notes);
        self.call(System::Windows, &["train", "--no-such-option"], "", crate::WRONG_USAGE)?;
        for name in ["nul", "a:b", "what?"] {
            let refused = self.call(System::Windows, &train(name, &[]), "", FAILED)?;
            ensure!(
                refused.notes.contains(name),
                "a name that Windows has no file for is not named: {}",
                refused.notes
            );
        }
        Ok(())
    }

    fn folder(&self, system: System) -> PathBuf {
        self.folder.join(if system == System::Windows { "windows" } else { "linux" })
    }

    /// A call of the program, not started yet, and how one would type it.
    fn command(&self, system: System, arguments: &[impl AsRef<str>]) -> (Command, String) {
        let mut command = match system {
            System::Windows => self.wine.program(&self.windows),
            System::Linux => Command::new(&self.linux),
        };
        let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        command.args(&arguments).current_dir(self.folder(system));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = if system == System::Windows { "reformer.exe" } else { "reformer" };
        (command, format!("{program} {}", arguments.join(" ")))
    }

    /// Runs the program, gives it `input`, and returns what it prints. Any exit code but `expected` is an error.
    fn call(
        &self,
        system: System,
        arguments: &[impl AsRef<str>],
        input: &str,
        expected: u8,
    ) -> anyhow::Result<Printed> {
        let (mut command, typed) = self.command(system, arguments);
        say(format!("{typed}{}", if input.is_empty() { "" } else { "   (through a pipe)" }));
        let mut child = command.stdin(Stdio::piped()).spawn().with_context(|| format!("cannot start `{typed}`"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input closes the pipe; the exit code and output tell the rest.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().with_context(|| format!("cannot wait for `{typed}`"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = Printed { results: text(&output.stdout), notes: text(&output.stderr) };
        let code = if system == System::Windows && self.wine.killed_at_its_end(output.status) {
            expected
        } else {
            workspace::exit_code(output.status)
        };
        let said = expected != FAILED || printed.notes.contains("error: ");
        let Printed { results, notes } = &printed;
        if code != expected || !said || notes.contains("panicked at") {
            bail!("`{typed}` ended with exit code {code}, expected {expected}; it printed:\n{results}{notes}");
        }
        no_verbatim_path(&typed, results)?;
        no_verbatim_path(&typed, notes)?;
        Ok(printed)
    }

    /// Both systems print the same results.
    fn same_results(&self, arguments: &[&str], input: &str) -> anyhow::Result<()> {
        let windows = self.call(System::Windows, arguments, input, DONE)?.results;
        let linux = self.call(System::Linux, arguments, input, DONE)?.results;
        ensure!(!linux.is_empty(), "`reformer {}` printed nothing", arguments.join(" "));
        let typed = arguments.join(" ");
        ensure!(windows == linux, "`reformer {typed}` printed on Windows:\n{windows}\nand on Linux:\n{linux}");
        Ok(())
    }

    /// Starts a training run and reads what it prints until it has made `step` steps.
    fn until(&self, step: u64, run: &str, more: &[&str], how: &str) -> anyhow::Result<Running> {
        let (mut command, typed) = self.command(System::Windows, &train(run, more));
        say(format!("{typed}   ({how})"));
        let mut child = command.spawn().with_context(|| format!("cannot start `{typed}`"))?;
        let mut lines = child.stdout.take().map(BufReader::new).context("the output is piped")?.lines();
        for line in &mut lines {
            let event: Value = serde_json::from_str(&line?).unwrap_or_default();
            if event["event"] == "step" && event["step"].as_u64() >= Some(step) {
                return Ok(Running { child, lines });
            }
        }
        let output = child.wait_with_output().with_context(|| format!("cannot wait for `{typed}`"))?;
        bail!("`{typed}` printed no step {step}, but:\n{}", String::from_utf8_lossy(&output.stderr))
    }

    /// Ctrl-C, which wine makes of the signal: the run saves and ends.
    fn stop(&self, run: &str) -> anyhow::Result<()> {
        let Running { child, lines } = self.until(STOP_AT_STEP, run, &[], "stopped with Ctrl-C")?;
        signal(&child, "-INT")?;
        let rest = lines.collect::<Result<Vec<String>, _>>()?.join("\n");
        let output = child.wait_with_output().context("cannot wait for the stopped run")?;
        let notes = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "stopped with Ctrl-C, training failed:\n{rest}\n{notes}");
        for said in ["stopping: ", "stopped and saved at step "] {
            ensure!(notes.contains(said), "stopped with Ctrl-C, training did not say `{said}`:\n{rest}\n{notes}");
        }
        no_verbatim_path("what training prints when it is stopped", &notes)
    }

    /// Goes on with a run, starts it once more, which must be refused, and kills the first, as the task manager would.
    fn kill_on_the_way(&self, run: &str) -> anyhow::Result<()> {
        let Running { mut child, .. } = self.until(KILL_AT_STEP, run, &["--resume"], "killed on the way")?;
        // It holds still meanwhile, or it might be over before the second one has begun.
        signal(&child, "-STOP")?;
        let refused = self.call(System::Windows, &train(run, &["--resume"]), "", FAILED);
        child.kill().context("cannot kill the training run")?;
        child.wait().context("cannot wait for the killed run")?;
        let notes = refused?.notes;
        // The number is wine's, and nobody outside knows it.
        let holder = notes.split("in use by process ").nth(1).unwrap_or_default();
        ensure!(holder.starts_with(|c: char| c.is_ascii_digit()), "the holder of the lock is not named: {notes}");
        let last = self.folder(System::Windows).join(INTERRUPTED).join("checkpoints").join(format!("step-{STEPS}"));
        ensure!(!last.exists(), "the run was over before it was killed");
        Ok(())
    }
}

/// A program, and the lines that it has still to print.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Sends a signal to the process of a Windows program, which is one of this machine, too.
fn signal(child: &Child, name: &str) -> anyhow::Result<()> {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().context("cannot start `kill`")?;
    ensure!(sent.success(), "`kill {name}` failed");
    Ok(())
}

fn train<'a>(run: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["train", "--data", DATA, "--preset", "tiny", "--steps", STEPS, "--save-every", SAVE_EVERY];
    let place = ["--vocabulary", VOCABULARY, "--backend", "cpu", "--json", "--run", run];
    fixed.iter().chain(&place).chain(more).copied().collect()
}

fn same_parameters(how: &str, windows: &Value, linux: &Value) -> anyhow::Result<()> {
    let (windows, linux) = (&windows[SHA], &linux[SHA]);
    ensure!(windows == linux, "{how} on Windows, the parameters are {windows}; on Linux they are {linux}");
    say(format!("  {how}: {SHA} {windows} on both"));
    Ok(())
}

fn memory_is_plausible(windows: &Value, linux: &Value) -> anyhow::Result<()> {
    let bytes = |done: &Value| done[PEAK].as_f64().with_context(|| format!("`done` has no {PEAK}: {done}"));
    let (windows, linux) = (bytes(windows)?, bytes(linux)?);
    let factor = (windows / linux).max(linux / windows);
    say(format!("  {PEAK}: {:.0} MB on Windows, {:.0} MB on Linux", windows / 1e6, linux / 1e6));
    ensure!(factor <= MEMORY_FACTOR, "{PEAK} is {windows} on Windows and {linux} on Linux: one of them counts wrongly");
    Ok(())
}

fn no_verbatim_path(place: &str, text: &str) -> anyhow::Result<()> {
    for line in text.lines() {
        ensure!(!VERBATIM.iter().any(|form| line.contains(form)), r"{place} shows a path as `\\?\…`: {line}");
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn faults_are_told() {
        let done = |sha: &str, peak: Value| json!({ SHA: sha, PEAK: peak });
        let linux = done("a", json!(200_000_000));
        same_parameters("trained", &done("a", json!(1)), &linux).expect("they are the same");
        let error = same_parameters("trained", &done("b", json!(1)), &linux).expect_err("others").to_string();
        assert!(error.contains(r#"are "b"; on Linux they are "a""#), "{error}");

        memory_is_plausible(&done("a", json!(230_000_000)), &linux).expect("about the same");
        for peak in [json!(9_000_000), json!(900_000_000), json!(0), Value::Null] {
            memory_is_plausible(&done("a", peak), &linux).expect_err("it is not plausible");
        }

        no_verbatim_path("a note", "C:\\runs\\run-0001 \\\\server\\share").expect("nothing is wrong with these");
        for text in [r"ok\n in \\?\C:\runs", r#"{"path":"\\\\?\\C:\\runs"}"#] {
            no_verbatim_path("a note", text).expect_err("this is what nobody should see");
        }
        assert_eq!(windows_path(Path::new("/a b/ü")).expect("it has one"), r"Z:\a b\ü");
    }
}
