//! Which files are the project's: those that git knows or would add, and without git those that lie there. Reads none of them.

use anyhow::Context;
use std::path::Path;
use std::process::Command;

/// A file that every checkout has: a list without it is not ours, as where the checkout lies in another repository that ignores it.
const ALWAYS: &str = "Cargo.toml";
/// What `.gitignore` leaves out.
const NOT_OURS: &[&str] = &[".git", "target", "runs"];
const NOT_OURS_ENDING: &str = ".tmp";
/// What lies in every folder that cargo builds in, whatever its name is.
const CACHE_MARK: &str = "CACHEDIR.TAG";

/// The paths of the project's files below `root`, with `/`, in order.
///
/// # Errors
/// If there is no git that knows them and a folder can't be listed.
pub fn files(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut paths = match of_git(root) {
        Some(paths) if paths.iter().any(|path| path == ALWAYS) => paths,
        // An unpacked archive, a system without git, or a checkout of another user, which git refuses.
        _ => {
            let mut found = Vec::new();
            walk(root, "", &mut found).with_context(|| format!("cannot list {}", root.display()))?;
            found
        }
    };
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn of_git(root: &Path) -> Option<Vec<String>> {
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = git.stdout.split(|&byte| byte == 0).filter(|path| !path.is_empty());
    Some(names.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if NOT_OURS.contains(&name.as_str()) || name.ends_with(NOT_OURS_ENDING) {
            continue;
        }
        if kind.is_file() {
            found.push(format!("{prefix}{name}"));
        } else if kind.is_dir() && !entry.path().join(CACHE_MARK).exists() {
            walk(&entry.path(), &format!("{prefix}{name}/"), found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;
    use std::fs;

    fn folder_with(paths: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for path in paths {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("has one")).expect("writable");
            fs::write(path, "text").expect("writable");
        }
        folder
    }

    #[test]
    fn without_git_files_are_found_and_builds_left_out() {
        let folder = folder_with(&[
            "Cargo.toml",
            "src/a.rs",
            "target/release/b.rs",
            "built/CACHEDIR.TAG",
            "built/c.rs",
            "runs/run-0001/d.rs",
            ".git",
            "e.tmp",
        ]);
        assert_eq!(files(folder.path()).expect("readable"), ["Cargo.toml", "src/a.rs"]);
    }

    /// Unpacked into the folder of another repository that ignores everything but its own, as homes that are under git do.
    #[test]
    fn a_repository_around_us_hides_nothing() {
        let around = folder_with(&[".gitignore", "project/Cargo.toml", "project/src/a.rs"]);
        fs::write(around.path().join(".gitignore"), "*\n").expect("writable");
        // Where there is no git, it hides nothing either.
        let _ = Command::new("git").args(["init", "--quiet"]).current_dir(around.path()).status();
        assert_eq!(files(&around.path().join("project")).expect("readable"), ["Cargo.toml", "src/a.rs"]);
    }

    #[test]
    fn this_workspace_can_be_listed() {
        assert!(files(workspace::root()).expect("readable").contains(&"xtask/src/listing.rs".to_string()));
    }
}
