//! Rules about single source files: `unsafe`, unfinished code, ignored tests, hash maps, module names, headers, length.

use super::tree::{File, Tree};
use super::{Violation, Weight, code};

/// Where `unsafe` may stand, and what for.
const UNSAFE_HOMES: &[(&str, &str)] = &[
    ("crates/cpu/", "SIMD kernels"),
    ("crates/gpu/", "two calls of the graphics library"),
    ("crates/shader-stats/", "raw Vulkan"),
];

/// A file longer than this deserves a second thought.
const LONG: usize = 400;
/// A file longer than this is split.
const TOO_LONG: usize = 600;

/// Names that say nothing about what a module holds.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];

/// What a hash map's neighbourhood must say: iteration order would reach results.
const NEVER_ITERATED: &str = "never iterated";

/// `unsafe` outside its homes, or without its reason.
pub fn unsafe_code(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let home = UNSAFE_HOMES.iter().any(|(home, _)| file.path.starts_with(home));
        for at in code::places(&file.code, "unsafe") {
            let line = file.line_of(at);
            if !home {
                violations.push(Violation::new(
                    &file.path,
                    line,
                    "`unsafe` in a crate that has none",
                    "write it without; the crates that may are in UNSAFE_HOMES of xtask/src/tidy/sources.rs",
                ));
            } else if !has_reason(file, line) {
                violations.push(Violation::new(
                    &file.path,
                    line,
                    "`unsafe` without its reason",
                    "write `// SAFETY: …` right above it: why nothing that can happen breaks it",
                ));
            }
        }
    }
    violations
}

/// Whether the comment above a line, or the line itself or the next, gives the reason. Up to two lines of the same
/// statement may stand between.
fn has_reason(file: &File, line: usize) -> bool {
    const STATEMENT_LINES: usize = 2;
    let lines: Vec<&str> = file.text.lines().collect();
    let gives = |text: &str| text.contains("SAFETY:") || text.contains("# Safety");
    if lines.iter().skip(line - 1).take(2).any(|text| gives(text)) {
        return true;
    }
    let mut between = 0;
    for text in lines[..line - 1].iter().rev().map(|text| text.trim()) {
        let aside = text.starts_with("//") || text.starts_with("#[");
        if gives(text) {
            return true;
        }
        between += usize::from(!aside);
        if between > STATEMENT_LINES || text.is_empty() {
            return false;
        }
    }
    false
}

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
    for file in tree.rust() {
        if let Some(part) = file.path.split('/').find(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"))) {
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

/// Files that don't begin with what lives there.
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
    for file in tree.rust() {
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
    fn unsafe_needs_a_home_and_a_reason() {
        let bare = "fn a() {\n    unsafe { b() }\n}\n";
        assert_eq!(lines(unsafe_code, "crates/model/src/a.rs", bare), [2]);
        assert_eq!(lines(unsafe_code, "crates/cpu/src/a.rs", bare), [2]);
        for reasoned in [
            "// SAFETY: b takes anything.\nunsafe { b() }\n",
            "// SAFETY: b takes\n// anything.\n#[allow(unsafe_code)]\nlet x = c(\n    unsafe { b() },\n);\n",
            "unsafe {\n    // SAFETY: b takes anything.\n    b()\n}\n",
            "/// # Safety\n/// Anything goes.\npub unsafe fn b() {}\n",
            "#![deny(unsafe_code)] // no unsafe here\nconst A: &str = \"unsafe\";\n",
        ] {
            assert_eq!(lines(unsafe_code, "crates/cpu/src/a.rs", reasoned), NONE, "{reasoned}");
        }
        let far = "// SAFETY: of something else.\nlet a = 1;\n\nlet b = unsafe { c() };\n";
        assert_eq!(lines(unsafe_code, "crates/cpu/src/a.rs", far), [4]);
        let planted = "// SAFETY: fine.\nunsafe { a() }\nlet b = 1;\nlet c = 2;\nunsafe { d() }\n";
        assert_eq!(lines(unsafe_code, "crates/cpu/src/a.rs", planted), [5]);
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
            let found = file_length(&Tree::of(&[("crates/cpu/src/a.rs", &"//! A.\n".repeat(count))]));
            assert_eq!(found.first().map(|violation| violation.weight), expected, "{count} lines");
        }
    }
}
