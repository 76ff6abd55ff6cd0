//! One op has one name everywhere: for each variant of `Op`, the files that must exist. What is in them is the
//! compiler's and the tests' business.

use super::tree::{File, Tree};
use super::{Violation, code};

/// Where each operation has a file of its name.
struct Home {
    folder: &'static str,
    what: &'static str,
}

const HOMES: &[Home] = &[
    Home { folder: "crates/tensor/src/op/", what: "its fields, shape rule and FLOP count" },
    Home { folder: "crates/oracle/src/ops/", what: "its formula in float64" },
    Home { folder: "crates/cpu/src/ops/", what: "its kernel" },
    Home { folder: "crates/gpu/src/ops/", what: "what it launches" },
    Home { folder: "crates/conformance/src/cases/", what: "its cases" },
];

/// Where the enum may be.
const ENUM_FILES: &[&str] = &["crates/tensor/src/op/mod.rs", "crates/tensor/src/op.rs"];

/// What ends the name of a gradient, which may share the file of its operation.
const GRADIENT: &str = "_gradient";

/// Operations that have no file of their name somewhere, or another name than their variant.
pub fn check(tree: &Tree) -> Vec<Violation> {
    // Small trees of other rules' tests have no operations; a workspace without the enum has another shape than we know.
    if tree.packages.is_empty() && !ENUM_FILES.iter().any(|path| tree.file(path).is_some()) {
        return Vec::new();
    }
    let Some(file) = ENUM_FILES.iter().find_map(|path| tree.file(path)) else {
        return vec![lost(ENUM_FILES[0], 0)];
    };
    let operations = operations(file);
    if operations.is_empty() {
        return vec![lost(&file.path, 1)];
    }
    let mut violations = Vec::new();
    for operation in &operations {
        let squeezed = operation.name.replace('_', "");
        if squeezed != operation.variant.to_lowercase() {
            violations.push(Violation::new(
                &file.path,
                operation.line,
                format!("`Op::{}` is called `{}`", operation.variant, operation.name),
                "give both the same name: one op, one name",
            ));
        }
        for home in HOMES.iter().filter(|home| !has_file(tree, home.folder, &operation.name)) {
            violations.push(Violation::new(
                &file.path,
                operation.line,
                format!("`{}` has no file in {}", operation.name, home.folder),
                format!(
                    "write {}{}.rs with {}; a file that holds several operations names each as `{}` in its `//!` header",
                    home.folder, operation.name, home.what, operation.name
                ),
            ));
        }
    }
    violations
}

fn lost(path: &str, line: usize) -> Violation {
    Violation::new(
        path,
        line,
        "the list of operations is not where this rule looks for it",
        "tell ENUM_FILES and `operations` in xtask/src/tidy/op_names.rs where `Op` is",
    )
}

struct Operation {
    variant: String,
    name: String,
    line: usize,
}

/// The variants in `pub enum Op { Name(…), … }`, or in `operations! { Name(…) = "name", … }` which makes it.
fn operations(file: &File) -> Vec<Operation> {
    let open = ["operations! {", "pub enum Op {"]
        .iter()
        .flat_map(|head| file.code.match_indices(head).map(|(at, head)| at + head.len() - 1))
        // The macro's own definition has the enum's head too, with a repetition where variants would be.
        .find(|&open| !file.code[open + 1..].trim_start().starts_with('$'));
    let Some(open) = open else { return Vec::new() };
    let end = code::closing(&file.code, open);
    let mut operations = Vec::new();
    let mut at = open + 1;
    for line in file.code[at..end].split_inclusive('\n') {
        let variant: String = line.trim_start().chars().take_while(|c| c.is_alphanumeric()).collect();
        if variant.starts_with(|c: char| c.is_uppercase()) {
            // Strings are blank in `code`, at the same offsets as in the text.
            let name = file.text[at..at + line.len()].split('"').nth(1).map(String::from);
            let name = name.unwrap_or_else(|| snake_case(&variant));
            operations.push(Operation { variant, name, line: file.line_of(at) });
        }
        at += line.len();
    }
    operations
}

fn snake_case(variant: &str) -> String {
    let mut name = String::new();
    for character in variant.chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(character.to_lowercase());
    }
    name
}

/// Whether `folder` has the operation's file: `name.rs` or `name/`, for a gradient also that of its operation, or a file
/// whose header names it.
fn has_file(tree: &Tree, folder: &str, name: &str) -> bool {
    let stems = [Some(name), name.strip_suffix(GRADIENT)];
    let quoted = format!("`{name}`");
    tree.files.iter().filter(|file| file.path.starts_with(folder)).any(|file| {
        let below = &file.path[folder.len()..];
        let stem = below.split('/').next().unwrap_or(below).trim_end_matches(".rs");
        let header = file.text.lines().take_while(|line| line.starts_with("//!"));
        stems.contains(&Some(stem)) || header.into_iter().any(|line| line.contains(&quoted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "//! Ops.\nmacro_rules! operations { ($($v:ident),*) => { pub enum Op { $($v),* } } }\n\
        operations! {\n    /// A doc (with = \"text\").\n    FeedForward(FeedForward) = \"feed_forward\",\n\
        \n    FeedForwardGradient(FeedForwardGradient) = \"feed_forward_gradient\",\n    AdamW(AdamW) = \"adamw\",\n}\n";

    const FOLDERS: [&str; 5] = [
        "crates/tensor/src/op/",
        "crates/oracle/src/ops/",
        "crates/cpu/src/ops/",
        "crates/gpu/src/ops/",
        "crates/conformance/src/cases/",
    ];

    fn tree(list: &str, leave_out: &str) -> Tree {
        let mut files = vec![("crates/tensor/src/op/mod.rs".to_string(), list.to_string())];
        for folder in FOLDERS {
            for stem in ["feed_forward", "adamw"] {
                files.push((format!("{folder}{stem}.rs"), format!("//! {stem}.\n")));
            }
        }
        files.retain(|(path, _)| path != leave_out);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        Tree::of(&files)
    }

    fn found(tree: &Tree) -> Vec<String> {
        check(tree).into_iter().map(|violation| format!("{}: {}", violation.line, violation.found)).collect()
    }

    #[test]
    fn operations_are_read_from_the_macro_and_from_an_enum() {
        let enumeration =
            "//! Ops.\npub enum Op {\n    /// A doc.\n    FeedForward(FeedForward),\n    LshHash(LshHash),\n}\n";
        for (list, expected) in [
            (LIST, &["FeedForward feed_forward", "FeedForwardGradient feed_forward_gradient", "AdamW adamw"][..]),
            (enumeration, &["FeedForward feed_forward", "LshHash lsh_hash"]),
        ] {
            let tree = Tree::of(&[("crates/tensor/src/op/mod.rs", list)]);
            let got: Vec<_> =
                operations(&tree.files[0]).iter().map(|op| format!("{} {}", op.variant, op.name)).collect();
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_missing_file_is_found_and_a_gradient_may_share() {
        assert_eq!(found(&tree(LIST, "")), Vec::<String>::new());
        for folder in FOLDERS {
            let missing = found(&tree(LIST, &format!("{folder}feed_forward.rs")));
            let expected = [
                format!("5: `feed_forward` has no file in {folder}"),
                format!("7: `feed_forward_gradient` has no file in {folder}"),
            ];
            assert_eq!(missing, expected);
        }
    }

    #[test]
    fn a_header_may_name_it() {
        let mut tree = tree(LIST, "crates/oracle/src/ops/adamw.rs");
        assert_eq!(found(&tree).len(), 1);
        let more = Tree::of(&[("crates/oracle/src/ops/optimizer.rs", "//! The ops `adamw` and others.\n")]);
        tree.files.extend(more.files);
        assert_eq!(found(&tree), Vec::<String>::new());
    }

    #[test]
    fn two_names_for_one_op_are_found() {
        let list = LIST.replace("\"adamw\"", "\"adam\"");
        assert!(found(&tree(&list, "")).contains(&"8: `Op::AdamW` is called `adam`".to_string()));
    }

    #[test]
    fn a_list_that_moved_is_no_silent_pass() {
        let found = found(&Tree::of(&[("crates/tensor/src/op/mod.rs", "//! Elsewhere.\n")]));
        assert_eq!(found, ["1: the list of operations is not where this rule looks for it"]);
    }
}
