//! One part of the check: running it, and reading its figures from what it prints. Which parts there are, and what is written
//! about them, is elsewhere.

use super::Adapter;
use crate::{DONE, workspace};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Instant;

/// How many steps are trained.
pub const TRAINING_STEPS: &str = "10";

/// So many tests that failed are named.
const NAMED_TESTS: usize = 8;
/// So many lines of a failed part's output are shown.
const SHOWN_LINES: usize = 40;

/// A part before it ran.
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What one types to run the same.
    pub typed: String,
    /// What builds it, so that the time is that of running alone.
    pub build: Option<Command>,
    /// What is run.
    pub command: Command,
    /// From what is printed to the figures that count, or to what is wrong.
    pub read: fn(&str) -> anyhow::Result<Figures>,
}

/// What a part found out.
#[derive(Debug)]
pub struct Figures {
    /// In one line.
    pub line: String,
    /// Whether the page shows the whole output.
    pub show_all: bool,
}

/// A part after it ran.
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// What one types to run the same.
    pub typed: String,
    /// The figures that count, or what is wrong; one line.
    pub outcome: Result<String, String>,
    /// How long it ran, if that means anything.
    pub seconds: Option<f64>,
    /// The output that the page shows.
    pub shown: String,
}

impl Part {
    /// Tests, by cargo's arguments: those on one adapter, or on all if it is not known.
    pub fn tests(name: &'static str, purpose: &'static str, arguments: &[&str], adapter: Option<&Adapter>) -> Part {
        // As every name of such a test begins.
        let filter = adapter.map(|adapter| format!("{}::", adapter.full));
        let cargo = || {
            let mut cargo = workspace::cargo();
            cargo.args(["test", "--release", "--no-fail-fast"]).args(arguments).current_dir(workspace::root());
            cargo
        };
        let mut build = cargo();
        build.arg("--no-run");
        let mut command = cargo();
        command.args(&filter);
        // With it, tests that find no adapter fail whatever the filter; without it they would pass over that.
        command.env("CI", "true");
        let typed = format!("cargo test --release {}", arguments.join(" ")) + &quoted(filter.as_deref());
        Part { name, purpose, typed, build: Some(build), command, read: tests }
    }

    /// An example of the GPU's crate, with its arguments; the last is the adapter.
    pub fn example(
        name: &'static str,
        purpose: &'static str,
        arguments: &[&str],
        adapter: Option<&Adapter>,
        read: fn(&str) -> anyhow::Result<Figures>,
    ) -> Part {
        let cargo = |verb: &str| {
            let mut cargo = workspace::cargo();
            cargo.args([verb, "--release", "-p", "reformer-gpu", "--example", name]).current_dir(workspace::root());
            cargo
        };
        let adapter = adapter.map(Adapter::name);
        let mut command = cargo("run");
        command.args(arguments).args(adapter);
        let typed =
            ["cargo run --release -p reformer-gpu --example", name].into_iter().chain(arguments.iter().copied());
        let typed = typed.collect::<Vec<_>>().join(" ") + &quoted(adapter);
        Part { name, purpose, typed, build: Some(cargo("build")), command, read }
    }

    /// Builds and runs it.
    pub fn run(mut self) -> Report {
        let (mut seconds, mut shown) = (None, String::new());
        let outcome = self.built().and_then(|()| self.ran(&mut seconds, &mut shown));
        Report { name: self.name, typed: self.typed, outcome, seconds, shown }
    }

    fn built(&mut self) -> Result<(), String> {
        let Some(build) = &mut self.build else { return Ok(()) };
        // Minutes may pass: cargo's progress goes to the terminal, and so do the compiler's messages.
        let status =
            build.stdin(Stdio::null()).status().map_err(|error| format!("cargo cannot be started: {error}"))?;
        if status.success() { Ok(()) } else { Err("it was not built".to_owned()) }
    }

    fn ran(&mut self, seconds: &mut Option<f64>, shown: &mut String) -> Result<String, String> {
        let begin = Instant::now();
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("it cannot be started: {error}"))?;
        *seconds = Some(begin.elapsed().as_secs_f64());
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        *shown = last_lines(&format!("{text}{errors}"));
        let code = workspace::exit_code(output.status);
        match (self.read)(&text) {
            Ok(figures) if code == DONE => {
                *shown = if figures.show_all { text.into_owned() } else { String::new() };
                Ok(figures.line)
            }
            Ok(figures) => Err(format!("it ended with exit code {code}; before that: {}", figures.line)),
            Err(error) if code == DONE => Err(error.to_string()),
            Err(error) => Err(format!("{error} (exit code {code})")),
        }
    }
}

/// An argument as one types it behind others.
pub fn quoted(argument: Option<&str>) -> String {
    argument.map_or_else(String::new, |argument| format!(" \"{argument}\""))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(SHOWN_LINES);
    let before = if skipped > 0 { format!("({skipped} lines before these)\n") } else { String::new() };
    format!("{before}{}\n", lines[skipped..].join("\n"))
}

/// How many tests passed, over all test programs.
fn tests(printed: &str) -> anyhow::Result<Figures> {
    let (mut passed, mut failed) = (0, 0);
    for line in printed.lines().filter(|line| line.starts_with("test result: ")) {
        let count = |word: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.iter().position(|other| other.trim_end_matches(';') == word)?;
            words[at.checked_sub(1)?].parse::<usize>().ok()
        };
        passed += count("passed").with_context(|| format!("no count in: {line}"))?;
        failed += count("failed").with_context(|| format!("no count in: {line}"))?;
    }
    // Some programs pad their tests' names to one width.
    let names = printed.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let names: Vec<&str> = names.map(str::trim_end).collect();
    let more = if names.len() > NAMED_TESTS { ", …" } else { "" };
    let named = &names[..names.len().min(NAMED_TESTS)];
    ensure!(failed == 0, "{failed} of {} tests failed: {}{more}", passed + failed, named.join(", "));
    ensure!(passed > 0, "no test ran");
    Ok(Figures { line: format!("{passed} tests passed"), show_all: false })
}

/// Steps, losses and speed, from `train --json`.
pub fn training(printed: &str) -> anyhow::Result<Figures> {
    let events: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let event = |name: &str| events.iter().find(|event| event["event"] == name);
    let plan = event("plan").context("it printed no `plan` event")?;
    ensure!(plan["backend"] == "gpu", "it did not train on the GPU: {plan}");
    let done = event("done").context("it printed no `done` event")?;
    ensure!(done["steps"].as_u64() == TRAINING_STEPS.parse().ok(), "it did not make {TRAINING_STEPS} steps: {done}");
    let number = |object: &Value, field: &str| {
        let value = object[field].as_f64().filter(|value| value.is_finite() && *value > 0.0);
        value.with_context(|| format!("`{field}` is no positive number: {object}"))
    };
    let mut steps = events.iter().filter(|event| event["event"] == "step");
    let first = steps.next().context("it printed no `step` event")?;
    // `done` holds the mean over all steps.
    let (first, last) = (number(first, "loss")?, number(steps.next_back().unwrap_or(first), "loss")?);
    let line = format!(
        "{TRAINING_STEPS} steps, loss {first:.4} to {last:.4}, {:.0} tokens/s, {:.1} MiB planned, on {}",
        number(done, "tokens_per_second")?,
        number(plan, "planned_peak_bytes")? / f64::from(1 << 20),
        plan["adapter"].as_str().unwrap_or("an adapter without a name"),
    );
    Ok(Figures { line, show_all: false })
}

/// The fastest of all variants.
pub fn products(printed: &str) -> anyhow::Result<Figures> {
    let rates = printed.lines().filter_map(|line| {
        let (rate, variant) = line.split_once(" GFLOP/s")?;
        Some((rate.trim().parse::<f64>().ok()?, variant.trim()))
    });
    let best = rates.max_by(|a, b| a.0.total_cmp(&b.0)).context("it printed no rate")?;
    Ok(Figures { line: format!("{:.1} GFLOP/s with {}", best.0, best.1), show_all: true })
}

/// The line about the whole step.
pub fn training_step(printed: &str) -> anyhow::Result<Figures> {
    let line =
        printed.lines().rfind(|line| line.starts_with("step of ")).context("it printed nothing about the step")?;
    Ok(Figures { line: line.to_owned(), show_all: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(read: fn(&str) -> anyhow::Result<Figures>, printed: &str) -> Result<String, String> {
        read(printed).map(|figures| figures.line).map_err(|error| error.to_string())
    }

    #[test]
    fn tests_are_counted_over_all_programs() {
        let good = "running 2 tests\ntest fast::zeros ... ok\n\n\
                    test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        assert_eq!(line(tests, &good.repeat(2)), Ok("4 tests passed".to_owned()));
        let bad = "test A (software)::cut::adamw  ... FAILED\ntest A (software)::fast::embed ... FAILED\n\
                   test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        let expected = "2 of 11 tests failed: A (software)::cut::adamw, A (software)::fast::embed";
        assert_eq!(line(tests, &format!("{good}{bad}")), Err(expected.to_owned()));
        let none = good.replace("2 passed", "0 passed");
        assert_eq!(line(tests, &none), Err("no test ran".to_owned()), "a filter that finds nothing is no success");
        assert_eq!(line(tests, ""), Err("no test ran".to_owned()));
    }

    const TRAINED: &str = r#"{"event":"plan","planned_peak_bytes":3145728,"backend":"gpu","adapter":"RTX 4090 (discrete GPU, Vulkan)"}
{"event":"step","step":1,"loss":5.5}
{"event":"step","step":10,"loss":5.0}
{"event":"done","steps":10,"loss":5.2,"tokens_per_second":1234.5}
"#;

    #[test]
    fn training_is_summed_up() {
        let expected =
            "10 steps, loss 5.5000 to 5.0000, 1234 tokens/s, 3.0 MiB planned, on RTX 4090 (discrete GPU, Vulkan)";
        assert_eq!(line(training, TRAINED), Ok(expected.to_owned()));
        for (right, wrong, message) in [
            ("\"gpu\"", "\"cpu\"", "it did not train on the GPU"),
            ("\"steps\":10", "\"steps\":9", "it did not make 10 steps"),
            ("\"loss\":5.5", "\"loss\":null", "`loss` is no positive number"),
            ("\"loss\":5.0", "\"loss\":null", "`loss` is no positive number"),
            ("\"event\":\"done\"", "\"event\":\"stop\"", "no `done` event"),
            ("\"event\":\"plan\"", "\"event\":\"plans\"", "no `plan` event"),
        ] {
            let error = line(training, &TRAINED.replacen(right, wrong, 1)).expect_err(message);
            assert!(error.contains(message), "{wrong} gave: {error}");
        }
    }

    #[test]
    fn the_fastest_product_and_the_whole_step_are_taken() {
        let rates =
            "   123.4 GFLOP/s  Simple\n  9876.5 GFLOP/s  Tiled { tile: 64, terms: 16 }\n     7.0 GFLOP/s  Registers\n";
        assert_eq!(line(products, rates), Ok("9876.5 GFLOP/s with Tiled { tile: 64, terms: 16 }".to_owned()));
        assert!(line(products, "no rates\n").is_err());
        let step = "attention   2 x   1.00 ms\nstep of 4096 tokens: 12 ms\n";
        assert_eq!(line(training_step, step), Ok("step of 4096 tokens: 12 ms".to_owned()));
        assert!(line(training_step, "attention   2 x   1.00 ms\n").is_err());
    }

    #[cfg(unix)]
    mod running {
        use super::*;

        fn shell(script: &str) -> Command {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        }

        fn run(build: &str, script: &str) -> Report {
            let typed = "cargo try".to_owned();
            let (build, command) = (Some(shell(build)), shell(script));
            Part { name: "a", purpose: "b", typed, build, command, read: training_step }.run()
        }

        #[test]
        fn what_passes_shows_its_output() {
            let report = run("true", "echo an op; echo step of 1 token; echo noise >&2");
            assert_eq!(report.outcome, Ok("step of 1 token".to_owned()));
            assert_eq!(report.shown, "an op\nstep of 1 token\n");
            assert!(report.seconds.is_some());
        }

        #[test]
        fn each_failure_is_told_apart_and_shows_why() {
            for (build, script, outcome, shown) in [
                ("false", "echo step of 1 token", "it was not built", ""),
                ("true", "echo lost >&2", "it printed nothing about the step", "lost\n"),
                ("true", "echo lost >&2; exit 3", "it printed nothing about the step (exit code 3)", "lost\n"),
                (
                    "true",
                    "echo step of 1; echo lost >&2; kill -9 $$",
                    "it ended with exit code 137; before that: step of 1",
                    "step of 1\nlost\n",
                ),
            ] {
                let report = run(build, script);
                assert_eq!(report.outcome, Err(outcome.to_owned()), "{script}");
                assert_eq!(report.shown, shown, "{script}");
            }
            let long = run("true", "seq 100");
            assert!(long.shown.starts_with("(60 lines before these)\n61\n"), "{}", long.shown);
        }

        #[test]
        fn what_cannot_be_started_is_a_failure() {
            let part =
                Part { command: Command::new("no-such-program-here"), ..Part::example("a", "b", &[], None, products) };
            let report = Part { build: None, ..part }.run();
            assert!(report.outcome.expect_err("there is none").starts_with("it cannot be started"));
        }
    }
}
