//! The program on machines as people have them: folders whose names are no text, a full disk behind stdout, no streams at all, no
//! environment, little memory. What it computes there is not looked at.
#![cfg(target_os = "linux")]

mod harness;

use harness::{SMALL, Said, call, folder, program, shared};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A name in Latin-1: no UTF-8.
const NO_TEXT: &[u8] = b"caf\xe9 one";
/// As messages show it.
const SHOWN: &str = "caf\u{fffd} one";

/// A folder with dialogues whose name is no text, inside a temporary one.
fn odd_folder() -> (tempfile::TempDir, PathBuf) {
    let around = tempfile::tempdir().expect("a temporary folder");
    let odd = around.path().join(OsStr::from_bytes(NO_TEXT));
    fs::create_dir(&odd).expect("Linux takes any bytes");
    harness::write_dialogues(&odd.join("dialogues.jsonl"));
    (around, odd)
}

/// Calls with arguments of any bytes.
fn call_odd(folder: &Path, arguments: &[&OsStr]) -> Said {
    harness::finish(program(folder), arguments, "")
}

fn as_odd<'a>(arguments: &[&'a str]) -> Vec<&'a OsStr> {
    arguments.iter().map(|argument| OsStr::new(*argument)).collect()
}

#[test]
fn a_working_folder_may_have_any_name() {
    let (_around, odd) = odd_folder();
    let straight = harness::train(&odd, &["--steps", "8", "--json"]).ended(0);
    assert!(straight.objects().iter().any(|event| event["event"] == "checkpoint"), "{}", straight.stdout);
    let straight = straight.object();
    // As if it had been killed on the way. Its config names the data, which is found again, from another folder too.
    let run = odd.join("runs/run-0001");
    fs::remove_dir_all(run.join("checkpoints/step-8")).expect("the run was saved");
    let resume = ["train", "--resume", "--json", "--run"];
    let resumed = call_odd(Path::new("/"), &[&as_odd(&resume)[..], &[run.as_os_str()]].concat()).ended(0).object();
    assert_eq!(resumed["parameters_sha256"], straight["parameters_sha256"]);

    let info = call(&odd, &["info", "--json"]).ended(0).object();
    let whole = dunce::canonicalize(&odd).expect("it is there").join("dialogues.jsonl");
    let bytes: Vec<Value> = whole.as_os_str().as_bytes().iter().map(|&byte| byte.into()).collect();
    assert_eq!(info["config"]["data"]["path"], Value::Array(bytes), "JSON has no other way to be exact");
    assert_eq!(info["run"], json!("runs/run-0001"));
    let text = call(&odd, &["info"]).ended(0).stdout;
    assert!(text.contains(SHOWN), "{text}");
    for arguments in [&["evaluate", "--json"][..], &["generate", "--prompt", "i need", "--max-tokens", "3"], &["chat"]]
    {
        call(&odd, arguments).ended(0);
    }
}

#[test]
fn every_path_may_have_any_name() {
    let (around, odd) = odd_folder();
    let name = OsStr::from_bytes(NO_TEXT);
    let data = odd.join("dialogues.jsonl");
    let with = |arguments: &[&str], more: &[&OsStr]| call_odd(around.path(), &[&as_odd(arguments)[..], more].concat());
    with(&["data", "stats", "--json", "--data"], &[data.as_os_str()]).ended(0);
    with(&["data", "check", "--data"], &[data.as_os_str()]).ended(0);
    let missing = odd.join("missing");
    with(&["data", "check", "--data"], &[missing.as_os_str()]).refused(&[SHOWN]);
    let out = odd.join("sample");
    let said = with(&["data", "sample", "--out"], &[out.as_os_str()]).ended(0);
    assert!(
        said.stderr.contains(r#"caf\351 one/sample')""#),
        "what is to be typed must be what a shell reads: {}",
        said.stderr
    );
    let picture = odd.join("memory.svg");
    with(&["plan", "--preset", "tiny", "--picture"], &[picture.as_os_str()]).ended(0);
    assert!(picture.is_file());

    let first = odd.join("first");
    let train = [&SMALL[..3], &["--vocabulary", "300", "--length", "64", "--batch", "2", "--steps", "2"]].concat();
    let trained = with(&train, &as_odd(&["--data"])).code;
    assert_eq!(trained, Some(2), "an option without its value");
    let options = [OsStr::new("--data"), data.as_os_str(), OsStr::new("--run"), first.as_os_str()];
    let said = with(&train, &options).ended(0);
    assert!(said.stdout.contains("chat --run \"$(printf '"), "{}", said.stdout);
    let second = odd.join("second");
    let from = [OsStr::new("--init-from"), first.as_os_str(), OsStr::new("--run"), second.as_os_str()];
    let options = [&options[..2], &from].concat();
    with(&train, &options).ended(0);
    with(&[&train[..], &["--resume"]].concat(), &options).ended(0);
    with(&["info", "--json", "--run"], &[second.as_os_str()]).ended(0);
    with(&["info", "--run"], &[name]).refused(&[r"caf\351 one", "not a run"]);
}

/// A path with a blank is quoted where it is to be typed.
#[test]
fn what_is_to_be_typed_can_be_typed() {
    let folder = folder();
    let said = harness::train(folder.path(), &["--steps", "2", "--run", "my run"]).ended(0);
    assert!(said.stdout.contains("chat --run 'my run'"), "{}", said.stdout);
}

/// A disk that is full is an error, of help as well; nobody is there to read (`>&-`) is none.
#[test]
fn what_could_not_be_printed_is_an_error() {
    let folder = folder();
    let run = shared().path().join("run");
    let run = run.to_str().expect("a temporary folder's name is text");
    let rows: [&[&str]; 13] = [
        &["--help"],
        &["--version"],
        &["help"],
        &["train", "--help"],
        &["data", "fetch", "--help"],
        &["plan"],
        &["plan", "--json"],
        &["info", "--adapters"],
        &["info", "--adapters", "--json"],
        &["info", "--run", run],
        &["data", "stats"],
        &["evaluate", "--run", run, "--json"],
        &["generate", "--run", run, "--prompt", "i need", "--max-tokens", "3"],
    ];
    for arguments in rows {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = program(folder.path()).args(arguments).stdout(full).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("error: cannot write to stdout"), "{arguments:?}: {said}");
    }
}

#[test]
fn no_stream_need_be_open() {
    let folder = folder();
    for arguments in
        ["--help", "plan --preset tiny", "train --preset tiny --data dialogues.jsonl --steps 2 --length 64"]
    {
        let script = format!("exec \"$0\" {arguments} <&- >&- 2>&-");
        let usual = harness::program(folder.path());
        let mut closed = Command::new("sh");
        closed.args(["-c", &script]).arg(harness::executable()).current_dir(folder.path());
        closed.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let status = closed.status().expect("sh is everywhere");
        assert_eq!(status.code(), Some(0), "{arguments}");
    }
}

/// Containers and services start programs without a home, without a name, with no variable at all.
#[test]
fn no_variable_need_be_set() {
    let folder = folder();
    let bare = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(harness::executable());
        command.env_clear().envs(variables.iter().copied()).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("VK_DRIVER_FILES", "/nonexistent.json");
        harness::finish(command, &as_odd(arguments), "")
    };
    let nowhere =
        [("HOME", "/nonexistent"), ("TMPDIR", "/nonexistent"), ("TERM", "no-such-terminal"), ("LANG", "xx_YY")];
    for variables in [&[][..], &nowhere] {
        bare(&["plan", "--preset", "tiny"], variables).ended(0);
        let train = [&SMALL[..], &["--steps", "2"]].concat();
        let said = bare(&train, variables).ended(0);
        assert_eq!(said.stderr, "", "{variables:?}");
        bare(&["chat"], variables).ended(0);
    }
    // Without data that was named, what is at hand is the sample, wherever that is.
    let said = bare(&["train", "--preset", "tiny", "--steps", "1"], &[]).ended(0).stdout;
    assert!(said.starts_with("there is no MultiWOZ: the embedded sample will do"), "{said}");
    bare(&["data", "fetch"], &[]).refused(&["--out DIR", "REFORMER_DATA"]);
}

/// What bounds the process is seen before it is run into.
#[test]
fn a_bound_on_memory_bounds_what_is_planned() {
    let folder = folder();
    let script = "ulimit -v 1048576; exec \"$0\" plan --preset book --length 1048576 --threads 1";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(harness::executable())
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .current_dir(folder.path())
        .output()
        .expect("sh is everywhere");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    // Half of what the limit leaves, and not half of the machine's gigabytes.
    assert!(
        said.contains("--memory-limit: a step takes at least")
            && said.contains(" MiB, half of what the limit of this process's"),
        "{said}"
    );
}
