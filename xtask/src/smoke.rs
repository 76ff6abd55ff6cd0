//! `cargo xtask smoke`: the main job in small, as a user would do it, through the built program. It looks at exit codes
//! and at the fields that others read; what the numbers are is the tests' business.

use crate::{DONE, forward, no_arguments, say, workspace};
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `cargo xtask smoke --help` prints.
pub const HELP: &str = "\
Builds the program and does the main job in small on the embedded sample: plan, train the tiny preset for a few steps,
train it again but kill it on the way and resume (the parameters must be the same), evaluate, generate, chat through a
pipe, and make two mistakes that must be answered with the right exit code. Needs a minute or two and no data.
";

const STEPS: &str = "30";
/// Often enough that a run which is killed after its first lines has something to resume from.
const SAVE_EVERY: &str = "5";
/// The killed run has printed this step: after the first checkpoint, long before the last step.
const KILL_AT_STEP: u64 = 8;

/// Does the job; an error says which command did what instead of what.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    no_arguments("smoke", arguments)?;
    let folder = workspace::target_folder(workspace::root())?.join("smoke").join(std::process::id().to_string());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let job = Job { program: forward::build_reformer()?, folder: folder.clone() };
    job.whole().with_context(|| format!("the runs are kept in {}", folder.display()))?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(DONE)
}

struct Job {
    program: PathBuf,
    folder: PathBuf,
}

impl Job {
    fn whole(&self) -> anyhow::Result<()> {
        let plan = last_object(&self.call(&["plan", "--preset", "tiny", "--json"], "", DONE)?)?;
        positive(&plan, "planned_peak_bytes")?;
        positive(&plan, "parameters")?;

        let straight = last_object(&self.call(&self.train("straight", &[]), "", DONE)?)?;
        ensure!(straight["event"] == "done", "train's last line is no `done` event: {straight}");
        ensure!(straight["steps"] == 30, "train did not say that it made {STEPS} steps: {straight}");
        positive(&straight, "loss")?;

        self.kill_on_the_way("killed")?;
        let resumed = last_object(&self.call(&self.train("killed", &["--resume"]), "", DONE)?)?;
        let bits = "parameters_sha256";
        ensure!(straight[bits].is_string(), "`done` holds no {bits}: {straight}");
        ensure!(
            straight[bits] == resumed[bits],
            "killed and resumed, the parameters are others: {} became {}",
            straight[bits],
            resumed[bits]
        );

        let run = self.run_folder("straight");
        let evaluate = ["evaluate", "--run", &run, "--data", "sample", "--split", "test", "--json"];
        positive(&last_object(&self.call(&evaluate, "", DONE)?)?, "bits_per_byte")?;

        let generate =
            ["generate", "--run", &run, "--prompt", "I need a", "--max-tokens", "8", "--seed", "1", "--json"];
        let generated = self.call(&generate, "", DONE)?;
        ensure!(last_object(&generated)?["text"].is_string(), "generate gave no text: {generated}");

        let replies = self.call(&["chat", "--run", &run], "I need a cheap hotel.\nIn the north, please.\n", DONE)?;
        ensure!(replies.lines().count() == 2, "two lines went into chat, but these came out: {replies:?}");

        let info = last_object(&self.call(&["info", "--run", &run, "--json"], "", DONE)?)?;
        ensure!(info.is_object(), "info printed no object: {info}");

        self.call(&["train", "--no-such-option"], "", crate::WRONG_USAGE)?;
        self.call(&["chat", "--run", &self.run_folder("missing")], "", crate::FAILED)?;
        Ok(())
    }

    fn run_folder(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn train(&self, name: &str, more: &[&str]) -> Vec<String> {
        let run = self.run_folder(name);
        let fixed = ["train", "--data", "sample", "--preset", "tiny", "--steps", STEPS, "--save-every", SAVE_EVERY];
        fixed.iter().chain(&["--run", &run, "--json"]).chain(more).map(|argument| argument.to_string()).collect()
    }

    /// Runs the program, gives it `input`, and returns what it prints. Any exit code but `expected` is an error.
    fn call(&self, arguments: &[impl AsRef<str>], input: &str, expected: u8) -> anyhow::Result<String> {
        let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        let typed = format!("reformer {}", arguments.join(" "));
        say(format!("{typed}{}", if input.is_empty() { "" } else { "   (through a pipe)" }));
        let mut child = Command::new(&self.program)
            .args(&arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input closes the pipe; the exit code and output tell the rest.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().with_context(|| format!("cannot wait for `{typed}`"))?;
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let code = workspace::exit_code(output.status);
        let said = if expected == crate::FAILED { errors.contains("error: ") } else { true };
        if code != expected || !said || errors.contains("panicked at") {
            bail!("`{typed}` ended with exit code {code}, expected {expected}; it printed:\n{text}{errors}");
        }
        Ok(text.into_owned())
    }

    /// Starts a training run and kills it, as a power cut would, once some steps are done.
    fn kill_on_the_way(&self, name: &str) -> anyhow::Result<()> {
        let arguments = self.train(name, &[]);
        say(format!("reformer {}   (killed on the way)", arguments.join(" ")));
        let mut child = Command::new(&self.program)
            .args(&arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let mut reached = false;
        if let Some(lines) = child.stdout.take() {
            for line in BufReader::new(lines).lines() {
                let event: Value = serde_json::from_str(&line?).unwrap_or_default();
                reached = event["event"] == "step" && event["step"].as_u64() >= Some(KILL_AT_STEP);
                if reached {
                    child.kill().context("cannot kill the training run")?;
                    break;
                }
            }
        }
        child.wait().context("cannot wait for the killed run")?;
        ensure!(reached, "a training run of {STEPS} steps printed no `step` event from step {KILL_AT_STEP} on");
        ensure!(Path::new(&self.run_folder(name)).join("checkpoints").is_dir(), "the killed run left no checkpoint");
        Ok(())
    }
}

/// The object in the last line.
pub fn last_object(printed: &str) -> anyhow::Result<Value> {
    let line = printed.lines().last().context("nothing was printed where a JSON object was expected")?;
    serde_json::from_str(line).with_context(|| format!("the last line is no JSON: {line}"))
}

fn positive(object: &Value, field: &str) -> anyhow::Result<()> {
    let value = object[field].as_f64();
    ensure!(value.is_some_and(|value| value.is_finite() && value > 0.0), "`{field}` is no positive number: {object}");
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A job whose program is a shell script: right in everything but what `fault` replaces.
    fn done_by(fault: (&str, &str)) -> anyhow::Result<()> {
        let script = r#"#!/bin/sh
name=$1
case "$*" in *no-such-option*) exit 2;; *missing*) echo "error: no run" >&2; exit 1;; esac
case "$name" in
plan) echo '{"planned_peak_bytes":1,"parameters":2}';;
train)
  while [ $# -gt 1 ]; do [ "$1" = --run ] && mkdir -p "$2/checkpoints"; shift; done
  hash=same; [ "$1" = --resume ] || hash=same
  for step in 1 2 3 4 5 6 7 8; do echo "{\"event\":\"step\",\"step\":$step}"; done
  echo '{"event":"done","steps":30,"loss":1.5,"parameters_sha256":"'$hash'"}';;
evaluate) echo '{"bits_per_byte":2.5}';;
generate) echo '{"text":"hello"}';;
chat) while read line; do echo "reply to $line"; done;;
info) echo '{"steps":30}';;
esac
"#;
        assert!(script.contains(fault.0), "the fault is planted nowhere: {}", fault.0);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("reformer");
        write_program(&program, &script.replacen(fault.0, fault.1, 1));
        Job { program, folder: folder.path().into() }.whole()
    }

    /// Another process writes it: as long as one of our own had the file open, a test that starts a process at that
    /// moment would pass the open file on, and Linux refuses to run a file that someone may write ("text file busy").
    fn write_program(program: &Path, script: &str) {
        let mut writer = Command::new("sh")
            .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
            .arg(program)
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh is everywhere");
        writer.stdin.take().expect("piped").write_all(script.as_bytes()).expect("sh reads");
        assert!(writer.wait().expect("ours").success());
    }

    #[test]
    fn a_program_that_does_its_job_passes() {
        done_by(("", "")).expect("nothing is wrong with it");
    }

    #[test]
    fn each_fault_is_named() {
        let rows = [
            (("\"planned_peak_bytes\":1", "\"planned_peak_bytes\":0"), "`planned_peak_bytes` is no positive number"),
            (("|| hash=same", "|| hash=other"), "killed and resumed, the parameters are others"),
            (("\"steps\":30,\"loss\"", "\"steps\":29,\"loss\""), "did not say that it made 30 steps"),
            (("\"loss\":1.5", "\"loss\":null"), "`loss` is no positive number"),
            (("1 2 3 4 5 6 7 8", "1"), "printed no `step` event"),
            (("/checkpoints", ""), "left no checkpoint"),
            (("2.5", "\"NaN\""), "`bits_per_byte` is no positive number"),
            (("\"text\"", "\"txt\""), "generate gave no text"),
            (("echo \"reply", "true \"reply"), "two lines went into chat"),
            (("info) echo", "info) true"), "nothing was printed where"),
            (("exit 2", "exit 1"), "ended with exit code 1, expected 2"),
            (("error: no run", "oh"), "ended with exit code 1, expected 1; it printed:\noh"),
            (("plan) ", "plan) exit 101;"), "ended with exit code 101, expected 0"),
        ];
        for (fault, message) in rows {
            let error = done_by(fault).expect_err(message).to_string();
            assert!(error.contains(message), "{fault:?} gave: {error}");
        }
    }
}
