//! Rules about WGSL files: their first line, no sum that depends on scheduling, no blanks that rustfmt would have removed, and
//! that somebody launches them. Whether they are right WGSL is checked by the build of `shaders/`; length and names of files, in
//! `sources.rs`.

use super::tree::{File, Tree};
use super::{Violation, code};
use std::collections::BTreeSet;

/// Where shaders are.
const FOLDER: &str = "shaders/";
/// Where functions are that shaders include.
const SHARED: &str = "shared/";
/// Whose Rust launches them.
const LAUNCHED_BY: &str = "crates/gpu/src/";
/// The module with one module a kernel, which the build of `shaders/` makes.
const ENTRIES: &str = "entries::";

/// What the order of adding does not change.
const ORDERLESS: &[&str] = &["u32", "i32"];

/// All of these rules.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let launched = launched(tree);
    let included: BTreeSet<&str> = tree.wgsl().flat_map(|file| file.text.lines().filter_map(include)).collect();
    let mut violations = Vec::new();
    for file in tree.wgsl() {
        header(file, &mut violations);
        atomics(file, &mut violations);
        blanks(file, &mut violations);
        if let Some(below) = file.path.strip_prefix(FOLDER) {
            orphan(file, below, &launched, &included, &mut violations);
        }
    }
    violations
}

fn header(file: &File, violations: &mut Vec<Violation>) {
    let first = file.text.lines().next().unwrap_or_default();
    if first.strip_prefix("//").is_none_or(|header| header.trim_start_matches(['/', '!']).trim().is_empty()) {
        violations.push(Violation::new(
            &file.path,
            1,
            "the file does not say what lives in it",
            "begin the file with a `//` line: what lives there and what doesn't",
        ));
    }
}

/// Sums of floats depend on their order, and atomics have none.
fn atomics(file: &File, violations: &mut Vec<Violation>) {
    let mend = "write what each invocation has to its own place, and add the places in a fixed order in another launch";
    for at in code::places(&file.code, "atomic") {
        let rest = file.code[at + "atomic".len()..].trim_start();
        let inner = rest.strip_prefix('<').and_then(|rest| rest.split('>').next()).map(str::trim);
        if let Some(inner) = inner.filter(|inner| !ORDERLESS.contains(inner)) {
            let found = format!("`atomic<{inner}>`: results would depend on who comes first");
            violations.push(Violation::new(&file.path, file.line_of(at), found, mend));
        }
    }
    // With `bitcast` it makes an atomic sum of floats out of words.
    let exchange = "atomicCompareExchangeWeak";
    for at in code::places(&file.code, exchange) {
        let found = format!("`{exchange}`: results would depend on who comes first");
        violations.push(Violation::new(&file.path, file.line_of(at), found, mend));
    }
}

fn blanks(file: &File, violations: &mut Vec<Violation>) {
    let mut lines = file.text.lines().enumerate();
    if let Some((index, _)) = lines.find(|(_, line)| line.ends_with(char::is_whitespace)) {
        violations.push(Violation::new(&file.path, index + 1, "blanks at the end of a line", "remove them"));
    }
    if !file.text.ends_with('\n') || file.text.ends_with("\n\n") {
        let last = file.text.lines().count();
        violations.push(Violation::new(
            &file.path,
            last,
            "the file does not end with one line break",
            "end it with one",
        ));
    }
}

/// A kernel that nobody launches, or functions that nobody includes.
fn orphan(
    file: &File,
    below: &str,
    launched: &BTreeSet<String>,
    included: &BTreeSet<&str>,
    violations: &mut Vec<Violation>,
) {
    let stem = below.trim_end_matches(".wgsl");
    let (found, mend) = if below.starts_with(SHARED) {
        if included.contains(below) {
            return;
        }
        (format!("no shader includes `{below}`"), "remove it, or include what is needed".to_owned())
    } else if stem.contains('/') {
        (format!("the build reads {FOLDER} and {FOLDER}{SHARED}, and not this file"), "move it".to_owned())
    } else {
        if launched.contains(stem) {
            return;
        }
        (
            format!("nothing in {LAUNCHED_BY} launches `{stem}`"),
            format!("remove it, or launch it: by `{ENTRIES}{stem}::…` or `use reformer_shaders::{ENTRIES}{stem}`"),
        )
    };
    violations.push(Violation::new(&file.path, 0, found, mend));
}

/// The kernels that the backend names, tests aside.
fn launched(tree: &Tree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in tree.rust().filter(|file| file.path.starts_with(LAUNCHED_BY) && !file.is_test()) {
        let code = code::without_tests(&file.code);
        for at in code::places(&code, ENTRIES) {
            names.extend(code::names_after(&code, at + ENTRIES.len()).into_iter().map(|(_, name)| name.to_owned()));
        }
    }
    names
}

/// What a line includes.
fn include(line: &str) -> Option<&str> {
    line.strip_prefix("#include \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str =
        "// A kernel.\n#include \"shared/a.wgsl\"\n@group(0) @binding(1) var<storage> faults: array<atomic<u32>>;\n";

    /// What is found in one shader that is launched.
    fn found(text: &str) -> Vec<String> {
        let launch = ("crates/gpu/src/a.rs", "use reformer_shaders::entries::kernel;\n");
        let violations = check(&Tree::of(&[("shaders/kernel.wgsl", text), launch]));
        violations.into_iter().map(|violation| format!("{}: {}", violation.line, violation.found)).collect()
    }

    #[test]
    fn a_shader_as_it_is_meant_to_be_passes() {
        assert_eq!(found(CODE), Vec::<String>::new());
        assert_eq!(
            found("// No atomic<f32> here, and no atomicCompareExchangeWeak.\nfn f() {}\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_shader_begins_with_its_header() {
        for text in
            ["fn f() {}\n", "//\nfn f() {}\n", "\n// A kernel.\n", "///\nfn f() {}\n", "#include \"a\"\n// A.\n"]
        {
            assert_eq!(found(text), ["1: the file does not say what lives in it"], "{text:?}");
        }
    }

    #[test]
    fn sums_without_order_are_found() {
        for (line, what) in [
            ("var<workgroup> sums: array<atomic<f32>, 4>;", "atomic<f32>"),
            ("var<workgroup> sum: atomic < f32 >;", "atomic<f32>"),
            ("var<workgroup> sum: atomic<number>;", "atomic<number>"),
            ("let old = atomicCompareExchangeWeak(&sum, a, bitcast<u32>(b));", "atomicCompareExchangeWeak"),
        ] {
            let expected = format!("4: `{what}`: results would depend on who comes first");
            assert_eq!(found(&format!("{CODE}{line}\n")), [expected], "{line}");
        }
    }

    #[test]
    fn blanks_at_the_end_are_found() {
        assert_eq!(found(&format!("{CODE}\nfn f() {{ \n}}\n")), ["5: blanks at the end of a line"]);
        assert_eq!(found(&format!("{CODE}\t\n")), ["4: blanks at the end of a line"]);
        let ends = "3: the file does not end with one line break";
        assert_eq!(found(CODE.trim_end()), [ends]);
        assert_eq!(found(&format!("{CODE}\n")), [ends.replace('3', "4")]);
    }

    /// The shaders that are orphans beside this Rust.
    fn orphans(rust: &[(&str, &str)]) -> Vec<String> {
        let shaders = ["fill", "product", "attention", "shared/stream", "shared/math", "old/fill"];
        let shaders = shaders.map(|stem| (format!("shaders/{stem}.wgsl"), "// A.\n#include \"shared/math.wgsl\"\n"));
        let mut files: Vec<(&str, &str)> = shaders.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        files.extend(rust);
        check(&Tree::of(&files))
            .into_iter()
            .map(|violation| format!("{}: {}", violation.path, violation.found))
            .collect()
    }

    #[test]
    fn what_nobody_launches_or_includes_is_found() {
        let text = "use reformer_shaders::{Entry, entries::{attention as kernel, fill}};\nfn f() { g(&entries::product::MAIN) }\n";
        // Nobody includes the one, and the build does not read the other.
        let always = [
            "shaders/shared/stream.wgsl: no shader includes `shared/stream.wgsl`",
            "shaders/old/fill.wgsl: the build reads shaders/ and shaders/shared/, and not this file",
        ];
        assert_eq!(orphans(&[("crates/gpu/src/ops/a.rs", text)]), always);
        let kernels = ["fill", "product", "attention"];
        let kernels = kernels.map(|name| format!("shaders/{name}.wgsl: nothing in crates/gpu/src/ launches `{name}`"));
        let all = [kernels.to_vec(), always.map(String::from).to_vec()].concat();
        let comment = "// entries::fill::MAIN\nconst A: &str = \"entries::product\";\nfn f() { attention() }\n";
        for rust in [
            ("crates/gpu/tests/a.rs", text),
            ("crates/gpu/src/ops/tests.rs", text),
            ("crates/shader-stats/src/a.rs", text),
            ("crates/gpu/src/a.rs", &format!("#[cfg(test)]\nmod tests {{ {text} }}\n")),
            ("crates/gpu/src/a.rs", comment),
        ] {
            assert_eq!(orphans(&[rust]), all, "{rust:?}");
        }
    }
}
