//! Which crate must not know which, as data, and the check over the dependency graph.

use super::Violation;
use super::tree::{Package, Tree};
use std::collections::BTreeSet;

/// What a crate of ours must not know, be it through others of ours.
struct Absence {
    of: &'static str,
    never: Never,
    /// Whether its tests may not know it either.
    tests_too: bool,
    why: &'static str,
}

enum Never {
    /// No crate of the workspace.
    Any,
    /// None of these.
    These(&'static [&'static str]),
}

/// One row for each crate of the workspace, so that a new crate has to say what it must not know.
const ABSENCES: &[Absence] = &[
    Absence {
        of: "reformer-tensor",
        never: Never::Any,
        tests_too: true,
        why: "the language stands below everything: no backend, no I/O",
    },
    Absence {
        of: "reformer-autodiff",
        never: Never::These(&["reformer-oracle", "reformer-cpu", "reformer-gpu", "reformer-model", "reformer-session"]),
        tests_too: false,
        why: "gradients are a function from program to program and run nothing",
    },
    Absence {
        of: "reformer-oracle",
        never: Never::These(&["reformer-cpu", "reformer-gpu", "reformer-autodiff", "reformer-model"]),
        tests_too: false,
        why: "the oracle shares no numeric code with what it judges",
    },
    Absence {
        of: "reformer-conformance",
        never: Never::These(&["reformer-cpu", "reformer-gpu", "reformer-model"]),
        tests_too: true,
        why: "the suite is the same for every backend; each backend opts in",
    },
    Absence {
        of: "reformer-cpu",
        never: Never::These(&["reformer-oracle", "reformer-gpu", "reformer-autodiff", "reformer-model"]),
        tests_too: false,
        why: "an interpreter knows the language and no other interpreter",
    },
    Absence {
        of: "reformer-gpu",
        never: Never::These(&[
            "reformer-oracle",
            "reformer-cpu",
            "reformer-autodiff",
            "reformer-model",
            "reformer-session",
            "reformer-trainer",
            "reformer-multiwoz",
        ]),
        tests_too: false,
        why: "an interpreter knows the language and no other interpreter",
    },
    Absence {
        of: "reformer-shaders",
        never: Never::Any,
        tests_too: true,
        why: "shaders are texts and what is known of them: building and judging them needs no GPU and no tensors",
    },
    Absence {
        of: "reformer-model",
        never: Never::These(&[
            "reformer-oracle",
            "reformer-cpu",
            "reformer-gpu",
            "reformer-session",
            "reformer-trainer",
            "reformer-multiwoz",
        ]),
        tests_too: false,
        why: "the model is recordings: no backend, no file, no data; the program and the tests choose those",
    },
    Absence {
        of: "reformer-multiwoz",
        never: Never::Any,
        tests_too: true,
        why: "data knows no tensors: `cargo test -p reformer-multiwoz` compiles no tensor code",
    },
    Absence {
        of: "reformer-session",
        never: Never::These(&[
            "reformer-trainer",
            "reformer-multiwoz",
            "reformer-oracle",
            "reformer-cpu",
            "reformer-gpu",
        ]),
        tests_too: false,
        why: "a run is loaded and talked to without training and without MultiWOZ; the caller chooses the backend",
    },
    Absence {
        of: "reformer-trainer",
        never: Never::These(&["reformer-oracle", "reformer-cpu", "reformer-gpu"]),
        tests_too: false,
        why: "the loop names no backend; the caller chooses one",
    },
    Absence {
        of: "reformer-cli",
        never: Never::These(&["reformer-conformance", "reformer-benches", "xtask"]),
        tests_too: false,
        why: "the program does not ship what only tests need",
    },
    Absence {
        of: "reformer-benches",
        never: Never::These(&["reformer-cli", "xtask"]),
        tests_too: true,
        why: "benches measure the libraries",
    },
    Absence {
        of: "reformer-shader-stats",
        never: Never::These(&[
            "reformer-tensor",
            "reformer-oracle",
            "reformer-cpu",
            "reformer-gpu",
            "reformer-autodiff",
            "reformer-model",
            "reformer-session",
            "reformer-trainer",
            "reformer-multiwoz",
            "reformer-cli",
        ]),
        tests_too: true,
        why: "it judges the shaders' texts by what compilers make of them, not what they are launched for",
    },
    Absence { of: "xtask", never: Never::Any, tests_too: true, why: "the runner builds though the rest does not" },
];

/// Packages from outside that only some crates may ask for.
struct Confined {
    packages: &'static [&'static str],
    to: &'static [&'static str],
    why: &'static str,
}

const CONFINED: &[Confined] = &[
    Confined {
        packages: &["wgpu", "wgpu-core", "wgpu-hal", "wgpu-types", "ash"],
        to: &["reformer-gpu", "reformer-shader-stats"],
        why: "only the GPU backend names a graphics library",
    },
    Confined {
        packages: &["clap", "indicatif"],
        to: &["reformer-cli"],
        why: "arguments and printing are the program's alone",
    },
];

/// Members that the table forgets, rows about nobody, and every path to what must not be known.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let members: Vec<&Package> = tree.packages.iter().filter(|package| package.member).collect();
    let mut violations = Vec::new();
    for package in &members {
        match ABSENCES.iter().find(|absence| absence.of == package.name) {
            Some(absence) => absence_of(tree, package, absence, &members, &mut violations),
            None => violations.push(Violation::new(
                &package.manifest,
                1,
                format!("`{}` has no row in the table of absences", package.name),
                "say in ABSENCES of xtask/src/tidy/dependencies.rs what this crate must not know",
            )),
        }
        for confined in CONFINED.iter().filter(|confined| !confined.to.contains(&package.name.as_str())) {
            for dependency in package.dependencies.iter().filter(|d| confined.packages.contains(&d.name.as_str())) {
                violations.push(Violation::new(
                    &package.manifest,
                    line_naming(tree, &package.manifest, &dependency.name),
                    format!("`{}` asks for `{}`: {}", package.name, dependency.name, confined.why),
                    format!("move what needs it to {}", confined.to.join(" or ")),
                ));
            }
        }
    }
    for absence in ABSENCES.iter().filter(|_| !members.is_empty()) {
        if !members.iter().any(|package| package.name == absence.of) {
            violations.push(Violation::new(
                "Cargo.toml",
                1,
                format!("the table of absences speaks of `{}`, which is no member", absence.of),
                "rename or remove the row in ABSENCES of xtask/src/tidy/dependencies.rs",
            ));
        }
    }
    violations
}

fn absence_of(
    tree: &Tree,
    package: &Package,
    absence: &Absence,
    members: &[&Package],
    violations: &mut Vec<Violation>,
) {
    let forbidden = |name: &str| match absence.never {
        Never::Any => true,
        Never::These(names) => names.contains(&name),
    };
    for chain in chains(package, members, absence.tests_too) {
        let last = chain[chain.len() - 1];
        // What is reached through a forbidden crate is the same violation once more.
        if forbidden(last) && !chain[1..chain.len() - 1].iter().any(|name| forbidden(name)) {
            violations.push(Violation::new(
                &package.manifest,
                line_naming(tree, &package.manifest, chain[1]),
                format!("{}: {}", chain.join(" → "), absence.why),
                format!("remove the dependency, or move what needs it out of `{}`", package.name),
            ));
        }
    }
}

/// A shortest path from `package` to each member that it knows, itself first.
fn chains<'a>(package: &'a Package, members: &[&'a Package], tests_too: bool) -> Vec<Vec<&'a str>> {
    let mut chains: Vec<Vec<&str>> = vec![vec![&package.name]];
    let mut seen = BTreeSet::from([package.name.as_str()]);
    let mut next = 0;
    while next < chains.len() {
        let chain = chains[next].clone();
        next += 1;
        let Some(from) = members.iter().find(|member| member.name == chain[chain.len() - 1]) else { continue };
        // A dependency's own tests are not built with us.
        let tests = tests_too && chain.len() == 1;
        for dependency in from.dependencies.iter().filter(|dependency| tests || !dependency.only_for_tests) {
            if members.iter().any(|member| member.name == dependency.name) && seen.insert(&dependency.name) {
                chains.push(chain.iter().copied().chain([dependency.name.as_str()]).collect());
            }
        }
    }
    chains.split_off(1)
}

/// The line of a manifest that names a package; 1 if none does.
fn line_naming(tree: &Tree, manifest: &str, name: &str) -> usize {
    let line = tree.file(manifest).and_then(|file| file.text.lines().position(|line| line.starts_with(name)));
    line.map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::super::tree::Dependency;
    use super::*;

    /// A workspace of all crates in the table, where `edges` are (from, to, only for tests).
    fn workspace(edges: &[(&str, &str, bool)]) -> Tree {
        let package = |name: &str| Package {
            name: name.into(),
            version: "0.1.0".into(),
            licence: Some("MIT".into()),
            member: true,
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: edges
                .iter()
                .filter(|(from, ..)| *from == name)
                .map(|(_, to, tests)| Dependency { name: to.to_string(), only_for_tests: *tests })
                .collect(),
        };
        Tree { packages: ABSENCES.iter().map(|absence| package(absence.of)).collect(), files: vec![] }
    }

    fn found(edges: &[(&str, &str, bool)]) -> Vec<String> {
        check(&workspace(edges)).into_iter().map(|violation| violation.found).collect()
    }

    #[test]
    fn the_house_as_it_is_meant_to_be_passes() {
        let edges = [
            ("reformer-autodiff", "reformer-tensor", false),
            ("reformer-autodiff", "reformer-cpu", true),
            ("reformer-cpu", "reformer-tensor", false),
            ("reformer-cpu", "reformer-conformance", true),
            ("reformer-conformance", "reformer-oracle", false),
            ("reformer-oracle", "reformer-tensor", false),
            ("reformer-model", "reformer-autodiff", false),
            ("reformer-model", "reformer-cpu", true),
            ("reformer-session", "reformer-model", false),
            ("reformer-trainer", "reformer-session", false),
            ("reformer-cli", "reformer-trainer", false),
            ("reformer-cli", "reformer-cpu", false),
            ("reformer-gpu", "reformer-tensor", false),
            ("reformer-gpu", "reformer-shaders", false),
            ("reformer-gpu", "wgpu", false),
            ("reformer-gpu", "reformer-model", true),
            ("reformer-shaders", "naga", false),
            ("reformer-shader-stats", "reformer-shaders", false),
            ("reformer-shader-stats", "ash", false),
            ("reformer-model", "reformer-gpu", true),
            ("reformer-cli", "reformer-gpu", false),
            ("reformer-multiwoz", "serde", false),
        ];
        assert_eq!(found(&edges), Vec::<String>::new());
    }

    #[test]
    fn each_forbidden_edge_is_found() {
        for edge in [
            ("reformer-tensor", "reformer-autodiff", false),
            ("reformer-autodiff", "reformer-cpu", false),
            ("reformer-model", "reformer-oracle", false),
            ("reformer-cpu", "reformer-oracle", false),
            ("reformer-oracle", "reformer-cpu", false),
            ("reformer-multiwoz", "reformer-tensor", true),
            ("reformer-session", "reformer-multiwoz", false),
            ("reformer-session", "reformer-trainer", false),
            ("xtask", "reformer-tensor", true),
            ("reformer-gpu", "reformer-cpu", false),
            ("reformer-gpu", "reformer-model", false),
            ("reformer-cpu", "reformer-gpu", false),
            ("reformer-model", "reformer-gpu", false),
            ("reformer-shaders", "reformer-tensor", true),
            ("reformer-shaders", "reformer-gpu", true),
            ("reformer-shaders", "wgpu", false),
            ("reformer-shader-stats", "reformer-gpu", true),
            ("reformer-shaders", "wgpu-types", true),
            ("reformer-cpu", "wgpu", false),
            ("reformer-cli", "ash", false),
            ("reformer-trainer", "clap", false),
        ] {
            let found = found(&[edge]);
            assert_eq!(found.len(), 1, "{edge:?}: {found:?}");
            assert!(found[0].contains(edge.0) && found[0].contains(edge.1), "{edge:?}: {found:?}");
        }
    }

    #[test]
    fn a_path_through_others_is_found_once_and_shown() {
        let edges = [
            ("reformer-session", "reformer-model", false),
            ("reformer-model", "reformer-autodiff", false),
            ("reformer-autodiff", "reformer-trainer", false),
        ];
        let found = found(&edges);
        let of_session: Vec<_> = found.iter().filter(|text| text.starts_with("reformer-session")).collect();
        assert_eq!(of_session.len(), 1, "{found:?}");
        let chain = "reformer-session → reformer-model → reformer-autodiff → reformer-trainer: ";
        assert!(of_session[0].starts_with(chain), "{found:?}");
    }

    #[test]
    fn tests_of_a_dependency_are_no_path() {
        let edges = [("reformer-conformance", "reformer-oracle", false), ("reformer-oracle", "reformer-cpu", true)];
        assert_eq!(found(&edges), Vec::<String>::new());
        let edges = [("reformer-conformance", "reformer-oracle", true), ("reformer-oracle", "reformer-model", false)];
        assert_eq!(found(&edges).len(), 2, "but what a test's dependency is built with is one");
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_found() {
        let mut tree = workspace(&[]);
        tree.packages[0].name = "reformer-new".into();
        let found: Vec<_> = check(&tree).into_iter().map(|violation| violation.found).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`reformer-new` has no row"), "{found:?}");
        assert!(found[1].contains("`reformer-tensor`, which is no member"), "{found:?}");
    }
}
