//! A run that is killed at random moments and resumed until it is done has the parameters of a run that was left alone.
//!
//! `REFORMER_KILLS=20 cargo test --release -p reformer-cli --test kills -- --nocapture` kills more often and tells of it.

mod harness;

use harness::{call, program, write_dialogues};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Names how often to kill.
const VARIABLE: &str = "REFORMER_KILLS";

/// Where the runs are, and how many they are.
struct Place {
    backend: &'static str,
    program: fn(&Path) -> Command,
    /// How often the test kills when nobody says how often.
    kills: usize,
    /// Enough steps that a run takes longer than all of its kills leave it between them.
    steps: &'static str,
}

fn train(place: &Place, folder: &Path, run: &str, more: &[&str]) -> Command {
    let mut command = (place.program)(folder);
    command.args(["train", "--preset", "tiny", "--data", "dialogues.jsonl", "--vocabulary", "300", "--length", "64"]);
    command.args(["--batch", "4", "--save-every", "2", "--evaluate-every", "7", "--steps", place.steps, "--json"]);
    command.args(["--backend", place.backend, "--run", run]).args(more);
    command
}

/// A run that was begun is resumed, be it that nothing of it was saved. A kill before it had its lock leaves nothing to resume: there it
/// begins, as any other.
fn how_to_go_on(folder: &Path, run: &str) -> &'static [&'static str] {
    if folder.join(run).join("lock").exists() { &["--resume"] } else { &[] }
}

/// A generator of moments that is not the project's own; its seed is printed.
struct Moments(u64);

impl Moments {
    fn next(&mut self, longest: Duration) -> Duration {
        // xorshift64: any odd start has a period of 2^64 − 1.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        longest.mul_f64((self.0 >> 11) as f64 / (1u64 << 53) as f64)
    }
}

#[test]
fn killed_and_resumed_is_the_same_as_left_alone() {
    kill(&Place { backend: "cpu", program, kills: 5, steps: "60" });
}

/// Two processes on one adapter give the same bits, too. It takes seconds to start, so it is killed less often.
#[cfg(feature = "gpu")]
#[test]
fn killed_and_resumed_on_the_gpu_is_the_same_as_left_alone() {
    if harness::adapter().is_some() {
        kill(&Place { backend: "gpu", program: harness::program_with_drivers, kills: 2, steps: "20" });
    }
}

#[expect(clippy::print_stdout, reason = "twenty kills by hand should say what they showed")]
fn kill(place: &Place) {
    let kills = std::env::var(VARIABLE).ok().and_then(|number| number.parse().ok()).unwrap_or(place.kills);
    let seed = u64::from(std::process::id()) << 1 | 1;
    let mut moments = Moments(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_dialogues(&folder.path().join("dialogues.jsonl"));

    let begin = Instant::now();
    let whole = train(place, folder.path(), "whole", &[]).output().expect("it runs");
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    let longest = begin.elapsed();
    let parameters = |output: &[u8]| {
        let text = String::from_utf8_lossy(output);
        let line = text.lines().last().unwrap_or_default();
        let done: serde_json::Value = serde_json::from_str(line).expect("`done` is an object");
        assert_eq!(done["event"], "done", "{line}");
        done["parameters_sha256"].clone()
    };
    let expected = parameters(&whole.stdout);

    let (mut killed, mut ended) = (0, 0);
    let mut run = 0;
    while killed < kills {
        // A run that got through is checked, and the next one begins.
        let name = format!("killed-{run}");
        let mut child =
            train(place, folder.path(), &name, how_to_go_on(folder.path(), &name)).spawn().expect("it runs");
        let drain = std::thread::spawn({
            let mut stdout = child.stdout.take().expect("piped");
            move || {
                let mut bytes = Vec::new();
                let _ = std::io::Read::read_to_end(&mut stdout, &mut bytes);
                bytes
            }
        });
        std::thread::sleep(moments.next(longest));
        // Fails only where it has ended by itself.
        let _ = child.kill();
        let output = child.wait_with_output().expect("ours");
        let printed = drain.join().expect("reading does not panic");
        if output.status.success() {
            assert_eq!(parameters(&printed), expected, "seed {seed}, run {run} after {killed} kills");
            (run, ended) = (run + 1, ended + 1);
            continue;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("error:"), "seed {seed}: it failed instead of being killed: {said}");
        killed += 1;
    }
    let name = format!("killed-{run}");
    let last = train(place, folder.path(), &name, how_to_go_on(folder.path(), &name)).output().expect("it runs");
    assert!(last.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&last.stderr));
    assert_eq!(parameters(&last.stdout), expected, "seed {seed}, run {run}, {killed} kills");
    // What was killed can be used like any other.
    call(folder.path(), &["evaluate", "--run", &name, "--json"]).ended(0);
    println!("{killed} kills over {} runs, seed {seed}: the same parameters {expected}", ended + 1);
}
