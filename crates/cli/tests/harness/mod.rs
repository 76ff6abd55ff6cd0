//! Running the built program as a user would: arguments, input, exit code, both streams. No test lives here.
#![allow(dead_code)]

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// What a call of the program did.
pub struct Said {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    typed: String,
}

/// What Vulkan's loader reads drivers from.
const DRIVER_VARIABLES: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/// The program, to be run in `folder`, with no data set in reach, and without Vulkan drivers: tests of the CPU's bits must not
/// land on a developer's GPU.
pub fn program(folder: &Path) -> Command {
    let mut command = program_with_drivers(folder);
    command.envs(DRIVER_VARIABLES.map(|variable| (variable, folder.join("no-driver.json"))));
    command
}

/// Where the program lies. Asked at run time: cargo compiles nothing anew in a checkout that was moved or copied, and tests would
/// run the old one's.
pub fn executable() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_reformer").unwrap_or_else(|| env!("CARGO_BIN_EXE_reformer").into()).into()
}

/// The program with the drivers of this machine.
pub fn program_with_drivers(folder: &Path) -> Command {
    let mut command = in_folder(Command::new(executable()), folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A command in a folder, with nothing of the developer's own in its environment.
fn in_folder(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder).env("REFORMER_DATA", folder.join("no-data")).env_remove("COLUMNS");
    command.env("REFORMER_CACHE", std::env::temp_dir().join("reformer-test-cache"));
    command
}

/// A command that calls the program, as a user does who has it installed: not through cargo, and without Vulkan drivers.
pub fn quiet(command: Command, folder: &Path) -> Command {
    let mut command = in_folder(command, folder);
    command.envs(DRIVER_VARIABLES.map(|variable| (variable, folder.join("no-driver.json")))).env_remove("CARGO");
    command
}

/// Runs the program to its end, with the drivers of this machine.
pub fn call_with_drivers(folder: &Path, arguments: &[&str]) -> Said {
    finish(program_with_drivers(folder), arguments, "")
}

/// Runs the program to its end.
pub fn call_with(folder: &Path, arguments: &[&str], input: &str) -> Said {
    finish(program(folder), arguments, input)
}

/// Runs a command to its end; arguments may be of any bytes.
pub fn finish(mut program: Command, arguments: &[impl AsRef<OsStr>], input: &str) -> Said {
    let typed: Vec<_> = arguments.iter().map(|argument| argument.as_ref().to_string_lossy()).collect();
    let typed = format!("reformer {}", typed.join(" "));
    let mut child = program.args(arguments).spawn().expect("the program was built");
    let mut stdin = child.stdin.take().expect("piped");
    // A program that reads no input closes the pipe: no matter.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it can be waited for");
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        typed,
    }
}

/// Runs the program to its end, with nothing to read.
pub fn call(folder: &Path, arguments: &[&str]) -> Said {
    call_with(folder, arguments, "")
}

impl Said {
    /// Fails unless it ended with this exit code, and without a panic.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert!(
            self.code == Some(code) && !self.stderr.contains("panicked"),
            "`{}` ended with {:?}, expected {code}\nstdout: {}\nstderr: {}",
            self.typed,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Fails unless it failed with one line `error: …` that holds all of `parts`; causes may follow.
    #[track_caller]
    pub fn refused(self, parts: &[&str]) -> Self {
        let said = self.ended(1);
        let errors: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "`{}` should say one error:\n{}", said.typed, said.stderr);
        for part in parts {
            assert!(said.stderr.contains(part), "`{}` does not say {part:?}:\n{}", said.typed, said.stderr);
        }
        said
    }

    /// Every line of stdout as an object.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("`{}`: {error}: {line}", self.typed))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The last line of stdout as an object.
    #[track_caller]
    pub fn object(&self) -> Value {
        self.objects().pop().unwrap_or_else(|| panic!("`{}` printed nothing\n{}", self.typed, self.stderr))
    }
}

/// A number above 0 in a field.
#[track_caller]
pub fn positive(object: &Value, field: &str) -> f64 {
    let value = object[field].as_f64().unwrap_or(f64::NAN);
    assert!(value.is_finite() && value > 0.0, "`{field}` is no positive number: {object}");
    value
}

/// Writes dialogues that a small model learns something from in a few steps.
pub fn write_dialogues(path: &Path) {
    let mut text = String::new();
    for number in 0..120 {
        let price = ["cheap", "moderate", "expensive"][number % 3];
        let area = ["north", "south", "east", "west", "centre"][number / 3 % 5];
        let place = ["hotel", "restaurant"][number % 2];
        let turn = |speaker: &str, text: String| serde_json::json!({ "speaker": speaker, "text": text });
        let turns = [
            turn("user", format!("i need a {price} {place} in the {area}")),
            turn("system", format!("there are {} of them in the {area}. shall i book one?", number % 7 + 2)),
            turn("user", format!("yes please, for {} people", number % 4 + 1)),
            turn("system", format!("it is booked. your reference is {}.", number * 7919 % 1000)),
        ];
        text += &format!("{}\n", serde_json::json!({ "turns": turns }));
    }
    std::fs::write(path, text).expect("a temporary folder is writable");
}

/// Reads the child's `--json` lines until it has trained this step. What it prints later stays in the pipe.
pub fn wait_for_step(child: &mut std::process::Child, step: u64) {
    use std::io::Read;
    let stdout = child.stdout.as_mut().expect("piped");
    let mut line = Vec::new();
    let mut byte = [0];
    // Byte by byte: a buffered reader would swallow what comes after.
    while stdout.read(&mut byte).expect("readable") == 1 {
        if byte[0] != b'\n' {
            line.push(byte[0]);
            continue;
        }
        let event: Value = serde_json::from_slice(&line).expect("an object a line");
        if event["event"] == "step" && event["step"].as_u64() >= Some(step) {
            return;
        }
        line.clear();
    }
    panic!("the run ended before step {step}");
}

/// Options of a run that takes a second.
pub const SMALL: [&str; 13] = [
    "train",
    "--preset",
    "tiny",
    "--data",
    "dialogues.jsonl",
    "--vocabulary",
    "300",
    "--length",
    "64",
    "--batch",
    "2",
    "--save-every",
    "5",
];

pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_dialogues(&folder.path().join("dialogues.jsonl"));
    folder
}

pub fn train(folder: &Path, more: &[&str]) -> Said {
    call(folder, &[&SMALL, more].concat())
}

/// A run of 20 steps that tests share; they only read it.
pub fn shared() -> &'static TempDir {
    static RUN: OnceLock<TempDir> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = folder();
        train(folder.path(), &["--steps", "20", "--run", "run", "--json"]).ended(0);
        folder
    })
}

/// The first adapter, by name and kind; where CI demands one, its absence is a failure.
pub fn adapter() -> Option<String> {
    let folder = folder();
    let list = call_with_drivers(folder.path(), &["info", "--adapters", "--json"]).ended(0).object();
    let adapters = list["adapters"].as_array().expect("a list");
    let gpu = adapters.iter().find(|entry| entry["backend"] == "gpu" && entry["adapter"].is_string());
    let here = gpu.and_then(|entry| entry["adapter"].as_str()).map(str::to_owned);
    assert!(
        here.is_some() || std::env::var_os("CI").is_none(),
        "CI runs the GPU's tests, but this machine has no adapter"
    );
    here
}
