//! Every command that the program prints does what it says, typed into a shell as it stands, in folders as people have them. And every
//! place in the code that prints one is known here.
#![cfg(unix)]

mod harness;

use harness::{SMALL, executable, write_dialogues};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Blanks, quotes, letters that are not ASCII, and what shells take for something else.
const FOLDER: &str = "it's an \"ü\" & $HOME (a*)";

/// How the program is called.
enum Called {
    /// By its name, which is found in `PATH`.
    ByName,
    /// With its path, which needs quotes itself.
    WithPath,
    /// Through something that says how it was called.
    Through(&'static str),
}

/// A folder to work in, and how the program is called there.
struct Place {
    _around: tempfile::TempDir,
    folder: PathBuf,
    bin: PathBuf,
    called: Called,
}

impl Place {
    fn new(called: Called) -> Self {
        let around = tempfile::tempdir().expect("a temporary folder");
        let folder = around.path().join(FOLDER);
        let bin = around.path().join("my bin");
        for path in [&folder, &bin] {
            fs::create_dir(path).expect("writable");
        }
        std::os::unix::fs::symlink(executable(), bin.join("reformer")).expect("writable");
        write_dialogues(&folder.join("own data.jsonl"));
        Self { _around: around, folder, bin, called }
    }

    /// Types a line into a shell.
    fn sh(&self, line: &str) -> Output {
        let mut usual = harness::program(&self.folder);
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(&self.folder).stdin(Stdio::null());
        shell.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env_remove("CARGO").env_remove("REFORMER_CALLED_AS");
        if let Called::Through(name) = self.called {
            shell.env("REFORMER_CALLED_AS", name);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([self.bin.clone()].into_iter().chain(std::env::split_paths(&path)));
        shell.env("PATH", path.expect("a list"));
        _ = usual.stdin(Stdio::null());
        shell.output().expect("sh is everywhere")
    }

    /// The same, which must succeed; what it printed on both streams.
    fn typed(&self, line: &str) -> String {
        let output = self.sh(line);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "`{line}` ended with {:?}: {said}", output.status);
        said
    }

    fn program(&self) -> String {
        match self.called {
            Called::ByName | Called::Through(_) => "reformer".to_owned(),
            Called::WithPath => format!("'{}/reformer'", self.bin.display()),
        }
    }
}

/// What stands between a mark and the end of its line, or the next backtick.
fn after<'a>(said: &'a str, mark: &str) -> &'a str {
    let rest = said.split(mark).nth(1).unwrap_or_else(|| panic!("no {mark:?} in {said}"));
    rest.split(['\n', '`']).next().expect("there is one")
}

/// As `cargo xtask` would, without building anything.
const THROUGH: &str = "env reformer";

#[test]
fn a_program_that_is_found_prints_its_name() {
    every_command_that_is_printed_can_be_typed(&Place::new(Called::ByName));
}

#[test]
fn a_program_that_lies_elsewhere_prints_its_path() {
    every_command_that_is_printed_can_be_typed(&Place::new(Called::WithPath));
}

#[test]
fn a_program_that_is_called_through_another_prints_that() {
    every_command_that_is_printed_can_be_typed(&Place::new(Called::Through(THROUGH)));
}

fn every_command_that_is_printed_can_be_typed(place: &Place) {
    let program = place.program();
    let begins = match place.called {
        Called::Through(name) => name,
        _ => program.as_str(),
    };
    let small = "--preset tiny --vocabulary 300 --length 64 --batch 2 --steps 2";
    let folder = &place.folder;

    // A run, and talking to it.
    let said = place.typed(&format!("{program} train --data 'own data.jsonl' --run 'my ü run' {small}"));
    let talk = after(&said, "talk to it: ");
    assert!(talk.starts_with(&format!("{begins} chat ")), "{talk}");
    place.typed(talk);

    // A run that forgot what it was trained on remembers it again.
    fs::remove_file(folder.join("my ü run/trained-on.txt")).expect("it is there");
    let evaluate = format!("{program} evaluate --run 'my ü run'");
    let line = after(&place.typed(&evaluate), "lies, `").to_owned();
    assert!(line.starts_with(&format!("{begins} train --resume --run ")), "{line}");
    place.typed(&line);
    assert!(!place.typed(&evaluate).contains("does not remember"));

    // Weights alone, and talking to them.
    let said = place.typed(&format!("{program} export 'my ü run' --to \"my run's weights\""));
    place.typed(after(&said, "talk to it: "));

    // The sample as files is what is trained on, and not the embedded one.
    let by_name = matches!(place.called, Called::ByName);
    for (typed, out) in
        if by_name { &[("sample", "sample"), ("'my sample'", "my sample")][..] } else { &[("./-s", "-s")] }
    {
        let said = place.typed(&format!("{program} data sample --out {typed}"));
        let train = after(&said, "train on it with: ");
        let said = place.typed(&format!("{train} {small} --run 'of {out}'"));
        let path = dunce::canonicalize(folder.join(out)).expect("it was written");
        assert!(said.contains(&format!("data    {} (", path.display())), "{out}: {said}");
    }

    // Dialogues that are not read: what says more of them.
    fs::create_dir_all(folder.join("their data/eval")).expect("writable");
    write_dialogues(&folder.join("their data/train.jsonl"));
    write_dialogues(&folder.join("their data/eval/more.dat"));
    let said = place.typed(&format!("{program} data stats --data 'their data'"));
    let line = after(&said, "more.dat; `").to_owned();
    assert!(line.starts_with(&format!("{begins} data check --data ")), "{line}");
    let said = String::from_utf8_lossy(&place.sh(&line).stdout).into_owned();
    assert!(said.contains("more.dat: it holds dialogues and is not read"), "{line}: {said}");

    // Nothing to take: how to make one.
    for arguments in ["info", "chat", "info --run nowhere", "train --resume"] {
        let output = place.sh(&format!("{program} {arguments}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.contains("` makes one") {
            let line = said.split('`').nth(1).expect("a command").to_owned();
            let made = place.sh(&format!("{line} --help"));
            assert!(made.status.success() && line == format!("{begins} train"), "{line}");
        } else {
            assert!(said.contains("There are: "), "{arguments}: {said}");
        }
    }

    // Stopped, and gone on with, as both say who has stopped it and who looks at it.
    stop(place, "a stopped run");
    let said = place.typed(&format!("{program} info --run './a stopped run'"));
    let line = after(&said, "tokens; `").to_owned();
    assert!(line.starts_with(&format!("{begins} train --resume --run ")), "{line}");
    assert!(place.typed(&format!("{line} --quiet")).contains("done: 100 steps"));
}

/// Begins a run of 100 steps, stops it, and checks the command that it prints then.
fn stop(place: &Place, run: &str) {
    let mut child = harness::program(&place.folder);
    let arguments =
        [&SMALL[..3], &["--data", "own data.jsonl", "--vocabulary", "300", "--length", "64", "--batch", "2"]].concat();
    child.args(arguments).args(["--steps", "100", "--json", "--run", run]).env_remove("CARGO");
    match place.called {
        Called::ByName => _ = std::os::unix::process::CommandExt::arg0(&mut child, "reformer"),
        Called::WithPath => _ = std::os::unix::process::CommandExt::arg0(&mut child, place.bin.join("reformer")),
        Called::Through(name) => _ = child.env("REFORMER_CALLED_AS", name),
    }
    let mut child = child.spawn().expect("it runs");
    harness::wait_for_step(&mut child, 3);
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is everywhere").success());
    let output = child.wait_with_output().expect("ours");
    let said = String::from_utf8_lossy(&output.stderr);
    let line = after(&said, "go on with: ");
    // A copy, so that the run itself stays stopped.
    let copy = place.folder.join("copy");
    copy_folder(&place.folder.join(run), &copy);
    let there = place.folder.join(run);
    assert!(place.typed(&format!("{line} --quiet")).contains("done: 100 steps"));
    fs::remove_dir_all(&there).expect("ours");
    fs::rename(&copy, &there).expect("ours");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("writable");
    for entry in fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy_folder(&path, &target) } else { _ = fs::copy(&path, &target).expect("writable") }
    }
}

/// The program's commands. After a backtick in a message one would be a command that can't be typed: it lacks the program.
const COMMANDS: [&str; 8] = ["train", "generate", "chat", "evaluate", "plan", "info", "export", "data"];

/// Whoever prints another command, or an option with a path that is not quoted, is found here and adds a test.
#[test]
fn every_place_that_prints_a_command_is_known() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut printing, mut mentioning) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&source).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("text");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let calls = code.matches("program()").count() - code.matches("fn program()").count();
        if calls > 0 {
            printing.push(format!("{name} {calls}"));
        }
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let is_command = |after: &&str| COMMANDS.iter().any(|command| after.starts_with(&format!("{command} ")));
            mentioning.extend(line.split('`').filter(is_command).map(|mentioned| format!("{name}: {mentioned}")));
            assert!(
                !line.contains("`cargo xtask") && !line.contains("`reformer "),
                "{name}: `program()` knows how: {line}"
            );
        }
    }
    printing.sort();
    mentioning.sort();
    // Options by their command's name, which nobody is told to type as they stand.
    assert_eq!(mentioning, ["info.rs: train --init-from", "text_file.rs: train --bytes"]);
    // `fetch` says `train --data` as `data sample` does; it can't be tried without its server.
    assert_eq!(
        printing,
        [
            "data.rs 1",
            "evaluate.rs 1",
            "fetch.rs 1",
            "info.rs 1",
            "material.rs 1",
            "run_names.rs 1",
            "train.rs 1",
            "trained.rs 1"
        ]
    );
}
