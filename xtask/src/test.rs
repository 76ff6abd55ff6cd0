//! `cargo xtask test`: which tests there are to pass. The tests themselves live beside what they test.

use crate::{DONE, FAILED, workspace};
use anyhow::Context;

/// What `cargo xtask test --help` prints.
pub const HELP: &str = "\
Runs every test a contributor must pass, with the release profile: unit, integration and documentation tests of the
whole workspace. Benches are compiled, not run. No test needs the network or a data set.

Arguments go to `cargo test`:
  cargo xtask test -p reformer-cpu          one crate (`-p` replaces the whole workspace)
  cargo xtask test reversible               tests whose name holds a word
  cargo xtask test -- --nocapture           what follows `--` goes to the test programs
";

/// Runs the tests; the exit code is 0 if all pass, else 1.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    for command in commands(arguments) {
        let status = workspace::cargo()
            .args(&command)
            .current_dir(workspace::root())
            .status()
            .with_context(|| format!("cannot start `cargo {}`", command.join(" ")))?;
        if !status.success() {
            return Ok(FAILED);
        }
    }
    Ok(DONE)
}

/// The calls of cargo, in order.
fn commands(arguments: &[String]) -> Vec<Vec<String>> {
    let before_separator = arguments.iter().take_while(|argument| *argument != "--");
    let chosen = before_separator.into_iter().any(|argument| {
        ["-p", "--package", "--workspace", "--manifest-path"].contains(&argument.as_str())
            || argument.starts_with("--package=")
            || argument.starts_with("-p") && !argument.starts_with("--")
    });
    let mut test = vec!["test".to_string(), "--release".to_string()];
    if !chosen {
        // Without target options `cargo test` runs library, program, integration and documentation tests, and no bench.
        test.push("--workspace".to_string());
    }
    test.extend(arguments.iter().cloned());
    let mut commands = vec![test];
    if arguments.is_empty() {
        // With the features of the whole workspace, as above: one package alone would compile its dependencies again.
        commands.push(["build", "--release", "--workspace", "--bench", "*"].map(String::from).to_vec());
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
        commands(&arguments).iter().map(|command| command.join(" ")).collect()
    }

    #[test]
    fn the_whole_workspace_unless_a_crate_is_named() {
        assert_eq!(
            lines(&[]),
            ["test --release --workspace", "build --release --workspace --bench *"],
            "all tests, and benches compile"
        );
        assert_eq!(lines(&["-p", "reformer-cpu"]), ["test --release -p reformer-cpu"]);
        assert_eq!(lines(&["--package=reformer-cpu", "x"]), ["test --release --package=reformer-cpu x"]);
        assert_eq!(lines(&["-preformer-cpu"]), ["test --release -preformer-cpu"]);
        assert_eq!(lines(&["word", "--", "-p"]), ["test --release --workspace word -- -p"]);
    }
}
