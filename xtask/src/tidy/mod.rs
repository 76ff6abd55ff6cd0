//! `cargo xtask tidy`: the list of rules, and the report. Each rule lives in the module of its subject; what a rule
//! looks at is in [`tree`]. Rules are ordinary functions from a tree to violations, tested on small planted ones.

mod code;
mod dependencies;
mod input_output;
mod licences;
mod matches;
mod op_names;
mod shaders;
mod sources;
mod tree;
mod unsafe_code;
mod words;

use crate::{DONE, FAILED, no_arguments, say, workspace};
use std::fmt;
use tree::Tree;

/// What `cargo xtask tidy --help` prints.
pub const HELP: &str = "\
Checks what the compiler does not: the absences of docs/ARCHITECTURE.md and the house rules of CONTRIBUTING.md, over
the dependency graph and over all files that git knows or would add. Reports every violation with its place and what to
do; the exit code is 1 if there is any. A warning asks for a second thought and fails nothing.

The rules and their data (which crate must not know which, which licences, which words) are in xtask/src/tidy/.
";

/// A rule: what it is called in the report, and the check.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Violation>,
}

const RULES: &[Rule] = &[
    Rule { name: "dependencies", check: dependencies::check },
    Rule { name: "licences", check: licences::check },
    Rule { name: "input-output", check: input_output::check },
    Rule { name: "unsafe", check: unsafe_code::check },
    Rule { name: "unfinished", check: sources::unfinished },
    Rule { name: "ignored-tests", check: sources::ignored_tests },
    Rule { name: "hash-maps", check: sources::hash_maps },
    Rule { name: "module-names", check: sources::module_names },
    Rule { name: "file-headers", check: sources::file_headers },
    Rule { name: "file-length", check: sources::file_length },
    Rule { name: "op-matches", check: matches::check },
    Rule { name: "op-names", check: op_names::check },
    Rule { name: "shaders", check: shaders::check },
    Rule { name: "words", check: words::check },
];

/// How much a violation matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Weight {
    /// Fails the check.
    Error,
    /// Is only reported.
    Warning,
}

/// A place where a rule is broken.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Violation {
    /// Path below the workspace's root, with `/`.
    path: String,
    /// Counted from 1; 0 where the whole file is meant.
    line: usize,
    weight: Weight,
    /// What is wrong.
    found: String,
    /// What to do about it.
    mend: String,
}

impl Violation {
    fn new(path: &str, line: usize, found: impl Into<String>, mend: impl Into<String>) -> Violation {
        Violation { path: path.into(), line, weight: Weight::Error, found: found.into(), mend: mend.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = if self.weight == Weight::Warning { "warning: " } else { "" };
        let line = if self.line > 0 { format!(":{}", self.line) } else { String::new() };
        write!(f, "{}{line}: {weight}{}\n      do: {}", self.path, self.found, self.mend)
    }
}

/// Checks the workspace and prints the report.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    no_arguments("tidy", arguments)?;
    let tree = Tree::read(workspace::root())?;
    let (report, errors) = report(&tree);
    say(report);
    Ok(if errors == 0 { DONE } else { FAILED })
}

/// The text about all violations, and how many of them are errors.
fn report(tree: &Tree) -> (String, usize) {
    let mut text = String::new();
    let (mut errors, mut warnings) = (0, 0);
    for rule in RULES {
        let mut violations = (rule.check)(tree);
        violations.sort();
        for violation in violations {
            match violation.weight {
                Weight::Error => errors += 1,
                Weight::Warning => warnings += 1,
            }
            text += &format!("[{}] {violation}\n", rule.name);
        }
    }
    let looked_at = format!("{} files, {} packages, {} rules", tree.files.len(), tree.packages.len(), RULES.len());
    text += &match (errors, warnings) {
        (0, 0) => format!("tidy: nothing found in {looked_at}"),
        _ => format!("tidy: {errors} violations and {warnings} warnings in {looked_at}"),
    };
    (text, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_holds_every_violation_with_its_place_and_what_to_do() {
        let tree =
            Tree::of(&[("crates/model/src/a.rs", "fn a() { todo!() }\n"), ("crates/model/src/utils.rs", "//! U.\n")]);
        let (text, errors) = report(&tree);
        let expected = [
            "[file-headers] crates/model/src/a.rs:1: ",
            "[unfinished] crates/model/src/a.rs:1: ",
            "[module-names] crates/model/src/utils.rs: ",
            "      do: ",
        ];
        for part in expected {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert!(errors >= 3, "{text}");
    }

    #[test]
    fn warnings_fail_nothing() {
        let long = format!("//! Long.\n{}", "const A: u32 = 0;\n".repeat(450));
        let tree = Tree::of(&[("xtask/src/long.rs", &long)]);
        let violations = sources::file_length(&tree);
        assert_eq!(violations.iter().map(|v| v.weight).collect::<Vec<_>>(), [Weight::Warning]);
    }
}
