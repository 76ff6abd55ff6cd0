//! Rules about single source files: unfinished code, ignored tests, hash maps, module names, headers, length. `unsafe` has
//! its own file, and so have the shaders.

use super::tree::Tree;
use super::{Violation, Weight, code};

/// A file longer than this deserves a second thought.
const LONG: usize = 400;
/// A file longer than this is split.
const TOO_LONG: usize = 600;

/// Names that say nothing about what a module holds.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];

/// What a hash map's neighbourhood must say: iteration order would reach results.
const NEVER_ITERATED: &str = "never iterated";

/// Macros that mark what is not done, or was only for looking.
pub fn unfinished(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        for name in ["todo", "unimplemented", "dbg"] {
            for at in code::places(&file.code, name) {
                if file.code[at + name.len()..].starts_with('!') {
                    let found = format!("`{name}!` in code");
                    violations.push(Violation::new(
                        &file.path,
                        file.line_of(at),
                        found,
                        "finish it, or return an error",
                    ));
                }
            }
        }
    }
    violations
}

/// Tests that are not run, without a reason.
pub fn ignored_tests(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        for (at, head) in file.code.match_indices("#[ignore") {
            let rest = file.text[at + head.len()..].split(']').next().unwrap_or_default();
            let reason = rest.split('"').nth(1).unwrap_or_default();
            if reason.trim().is_empty() {
                violations.push(Violation::new(
                    &file.path,
                    file.line_of(at),
                    "a test is ignored without a reason",
                    "assert what happens today and say why it is wrong, or write `#[ignore = \"reason\"]`",
                ));
            }
        }
    }
    violations
}

/// Hash maps that don't say that they are never iterated.
pub fn hash_maps(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let said = file.text.contains(NEVER_ITERATED);
        let first = ["HashMap", "HashSet"].iter().flat_map(|name| code::places(&file.code, name)).min();
        if let Some(at) = first.filter(|_| !said) {
            violations.push(Violation::new(
                &file.path,
                file.line_of(at),
                "a hash map: its order of iteration would reach results",
                format!("use BTreeMap or a sorted Vec; for look-ups alone, say `{NEVER_ITERATED}` in a comment"),
            ));
        }
    }
    violations
}

/// Modules whose name says nothing.
pub fn module_names(tree: &Tree) -> Vec<Violation> {
    let mend = "name it after what it holds";
    let mut violations = Vec::new();
    for file in tree.sources() {
        if let Some(part) = file.path.split('/').find(|part| says_nothing(part)) {
            violations.push(Violation::new(&file.path, 0, format!("`{part}` says nothing"), mend));
        }
        for at in code::places(&file.code, "mod") {
            let rest = file.code[at + "mod".len()..].trim_start();
            let name: String = rest.chars().take_while(|c| *c == '_' || c.is_alphanumeric()).collect();
            if EMPTY_NAMES.contains(&name.as_str()) && rest[name.len()..].trim_start().starts_with('{') {
                violations.push(Violation::new(
                    &file.path,
                    file.line_of(at),
                    format!("`mod {name}` says nothing"),
                    mend,
                ));
            }
        }
    }
    violations
}

fn says_nothing(part: &str) -> bool {
    EMPTY_NAMES.contains(&part.split_once('.').map_or(part, |(stem, _)| stem))
}

/// Files that don't begin with what lives there. Shaders are in their own rule.
pub fn file_headers(tree: &Tree) -> Vec<Violation> {
    let headless = tree.rust().filter(|file| {
        let first = file.text.lines().next().unwrap_or_default();
        first.strip_prefix("//!").is_none_or(|header| header.trim().is_empty())
    });
    let mend = "begin the file with a `//!` line: what lives there and what doesn't";
    headless.map(|file| Violation::new(&file.path, 1, "the file does not say what lives in it", mend)).collect()
}

/// Files that hold too much.
pub fn file_length(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.sources() {
        let lines = file.text.lines().count();
        if lines > LONG {
            violations.push(Violation {
                weight: if lines > TOO_LONG { Weight::Error } else { Weight::Warning },
                ..Violation::new(
                    &file.path,
                    0,
                    format!("{lines} lines; {LONG} are many and {TOO_LONG} the most"),
                    "split it by subject; tests may move to a neighbouring tests.rs",
                )
            });
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn lines(rule: fn(&Tree) -> Vec<Violation>, path: &str, text: &str) -> Vec<usize> {
        rule(&Tree::of(&[(path, text)])).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn unfinished_code_is_found() {
        let text = "fn a() { todo!() }\nfn b() { dbg!(1); unimplemented!(\"x\") }\n// todo!\nfn todo() { todo() }\n";
        assert_eq!(lines(unfinished, "crates/cpu/src/a.rs", text), [1, 2, 2]);
    }

    #[test]
    fn a_test_is_ignored_only_with_a_reason() {
        let text = "#[ignore]\nfn a() {}\n#[ignore = \"needs a GPU\"]\nfn b() {}\n#[ignore = \" \"]\nfn c() {}\n";
        assert_eq!(lines(ignored_tests, "crates/cpu/tests/a.rs", text), [1, 5]);
    }

    #[test]
    fn a_hash_map_says_that_it_is_never_iterated() {
        let text = "//! A.\nuse std::collections::HashMap;\nfn a(b: HashMap<u32, u32>) {}\n";
        assert_eq!(lines(hash_maps, "crates/cpu/src/a.rs", text), [2]);
        let said = format!("{text}// Look-ups alone, {NEVER_ITERATED}.\n");
        assert_eq!(lines(hash_maps, "crates/cpu/src/a.rs", &said), NONE);
    }

    #[test]
    fn empty_names_are_found() {
        assert_eq!(lines(module_names, "crates/cpu/src/utils.rs", "//! U.\n"), [0]);
        assert_eq!(lines(module_names, "crates/cpu/tests/common/mod.rs", "//! C.\n"), [0]);
        assert_eq!(lines(module_names, "crates/cpu/src/a.rs", "//! A.\nmod misc { }\nmod common_case { }\n"), [2]);
        assert_eq!(lines(module_names, "crates/cpu/src/util_free.rs", "//! U.\n"), NONE);
        assert_eq!(lines(module_names, "shaders/shared/common.wgsl", "// C.\n"), [0]);
        assert_eq!(lines(module_names, "shaders/shared/stream.wgsl", "// S.\n"), NONE);
    }

    #[test]
    fn a_file_begins_with_its_header() {
        for (text, expected) in
            [("//! A.\n", &[][..]), ("fn a() {}\n", &[1]), ("//!\n", &[1]), ("", &[1]), ("\n//! A.\n", &[1])]
        {
            assert_eq!(lines(file_headers, "crates/cpu/build.rs", text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_file_may_be_too_long() {
        for (count, expected) in
            [(400, None), (401, Some(Weight::Warning)), (600, Some(Weight::Warning)), (601, Some(Weight::Error))]
        {
            for path in ["crates/cpu/src/a.rs", "shaders/a.wgsl"] {
                let found = file_length(&Tree::of(&[(path, &"//! A.\n".repeat(count))]));
                assert_eq!(found.first().map(|violation| violation.weight), expected, "{count} lines in {path}");
            }
        }
    }
}
