//! What the rules look at: the text files of the workspace and its packages. Reads, and judges nothing.

use super::code;
use crate::{listing, workspace};
use anyhow::Context;
use serde_json::Value;
use std::path::Path;

/// Everything the rules look at.
#[derive(Default)]
pub struct Tree {
    /// All text files of the project, by path.
    pub files: Vec<File>,
    /// All packages of the dependency graph, by name and version.
    pub packages: Vec<Package>,
}

/// A text file.
pub struct File {
    /// Path below the workspace's root, with `/`.
    pub path: String,
    /// The text.
    pub text: String,
    /// For Rust and WGSL, the text with comments and the contents of strings blanked out, at the same offsets; else empty.
    pub code: String,
}

/// A package of the dependency graph.
pub struct Package {
    /// The name, as in `Cargo.toml`.
    pub name: String,
    /// The version.
    pub version: String,
    /// The SPDX expression, if the package gives one.
    pub licence: Option<String>,
    /// Whether it belongs to the workspace.
    pub member: bool,
    /// Its `Cargo.toml`: below the workspace's root for members.
    pub manifest: String,
    /// What it asks for.
    pub dependencies: Vec<Dependency>,
}

/// A line of a manifest's dependencies.
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// Whether only tests and benches get it.
    pub only_for_tests: bool,
}

impl Tree {
    /// Reads the workspace below `root`.
    pub fn read(root: &Path) -> anyhow::Result<Tree> {
        let mut files = Vec::new();
        for path in listing::files(root)? {
            let full = root.join(&path);
            let bytes = match std::fs::read(&full) {
                Ok(bytes) => bytes,
                // git lists what is deleted but not yet committed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", full.display())),
            };
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File::new(&path, text));
            }
        }
        Ok(Tree { files, packages: packages(&workspace::metadata(root, true)?, root)? })
    }

    /// A tree of these files and no package, for tests of rules.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Tree {
        Tree { files: files.iter().map(|(path, text)| File::new(path, (*text).into())).collect(), packages: vec![] }
    }

    /// The file with this path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// All Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// All shaders.
    pub fn wgsl(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_wgsl())
    }

    /// All files of code.
    pub fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust() || file.is_wgsl())
    }
}

impl File {
    fn new(path: &str, text: String) -> File {
        let mut file = File { path: path.into(), text, code: String::new() };
        // WGSL has Rust's comments, and no strings or characters but in our `#include` lines.
        if file.is_rust() || file.is_wgsl() {
            file.code = code::without_text(&file.text);
        }
        file
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_wgsl(&self) -> bool {
        self.path.ends_with(".wgsl")
    }

    /// The line of a byte offset, counted from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count()
    }

    /// Whether the whole file is test code.
    pub fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| matches!(part, "tests" | "benches" | "examples" | "tests.rs"))
    }
}

/// The packages in the output of `cargo metadata`.
fn packages(metadata: &Value, root: &Path) -> anyhow::Result<Vec<Package>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let members = list(&metadata["workspace_members"]);
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().context("`cargo metadata` lists no packages")? {
        let member = members.contains(&package["id"]);
        let manifest = text(&package["manifest_path"]);
        let below = Path::new(&manifest).strip_prefix(root).map(|path| path.to_string_lossy().replace('\\', "/"));
        let dependency = |dependency: &Value| Dependency {
            name: text(&dependency["name"]),
            only_for_tests: dependency["kind"] == "dev",
        };
        packages.push(Package {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: package["license"].as_str().map(String::from),
            member,
            manifest: below.unwrap_or(manifest),
            dependencies: list(&package["dependencies"]).iter().map(dependency).collect(),
        });
    }
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_metadata() {
        let metadata = serde_json::json!({
            "workspace_members": ["path+file:///w/a#0.1.0"],
            "packages": [
                {"id": "path+file:///w/a#0.1.0", "name": "a", "version": "0.1.0", "license": "MIT", "manifest_path": "/w/a/Cargo.toml",
                 "dependencies": [{"name": "b", "kind": "dev"}, {"name": "c", "kind": null}, {"name": "d", "kind": "build"}]},
                {"id": "registry#b@1.0.0", "name": "b", "version": "1.0.0", "license": null, "manifest_path": "/r/b/Cargo.toml",
                 "dependencies": []},
            ],
        });
        let packages = packages(&metadata, Path::new("/w")).expect("well formed");
        let seen: Vec<_> = packages[0].dependencies.iter().map(|d| (d.name.as_str(), d.only_for_tests)).collect();
        assert_eq!(seen, [("b", true), ("c", false), ("d", false)]);
        assert_eq!((packages[0].member, packages[0].manifest.as_str()), (true, "a/Cargo.toml"));
        assert_eq!((packages[1].member, packages[1].licence.as_deref()), (false, None));
    }

    #[test]
    fn this_workspace_can_be_read() {
        let root = workspace::root();
        // Without dependencies: those of other platforms may not be on this machine, and no test needs the network.
        let packages = packages(&workspace::metadata(root, false).expect("a workspace"), root).expect("well formed");
        let xtask = packages.iter().find(|package| package.name == "xtask").expect("we are a member");
        assert!(xtask.member && xtask.manifest == "xtask/Cargo.toml");
    }
}
