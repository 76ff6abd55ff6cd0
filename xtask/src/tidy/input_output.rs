//! Which crates touch no file, socket, clock, thread or process. Their tests may.

use super::tree::Tree;
use super::{Violation, code};

/// Crates that compute what they are asked and nothing else.
const PURE: &[&str] = &["crates/tensor/src/", "crates/autodiff/src/", "crates/model/src/"];

/// Parts of `std` that reach outside, or that make a result depend on more than its arguments.
const OUTSIDE: &[&str] = &["env", "fs", "io", "net", "os", "process", "thread", "time"];

/// Every use of those parts in those crates.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test()) {
        let Some(home) = PURE.iter().find(|home| file.path.starts_with(**home)) else { continue };
        let code = code::without_tests(&file.code);
        for at in code::places(&code, "std::") {
            for (offset, name) in code::names_after(&code, at + "std::".len()) {
                if OUTSIDE.contains(&name) {
                    violations.push(Violation::new(
                        &file.path,
                        file.line_of(offset),
                        format!("`std::{name}` in {}: this crate does no I/O and knows no clock or thread", home),
                        "take what is needed as an argument, and read or write in session, trainer or cli",
                    ));
                }
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn each_way_to_name_it_is_found() {
        let text =
            "//! A.\nuse std::fs;\nuse std::{fmt, io::{self, Read}, thread};\nfn a() { std::time::Instant::now(); }\n";
        assert_eq!(lines("crates/model/src/a.rs", text), [2, 3, 3, 4]);
    }

    #[test]
    fn what_is_allowed_passes() {
        let text = "//! std::fs\nuse std::fmt;\nuse std::{collections::BTreeMap, io_free};\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(lines("crates/model/src/a.rs", text), NONE);
        assert_eq!(lines("crates/session/src/a.rs", "use std::fs;\n"), NONE);
        assert_eq!(lines("crates/model/tests/a.rs", "use std::fs;\n"), NONE);
        assert_eq!(lines("crates/model/src/a/tests.rs", "use std::fs;\n"), NONE);
    }
}
