//! `cargo xtask drivers`: the GPU's suite on several software drivers, beside the one that is installed. Packages are unpacked into the
//! target folder and nothing is installed.

use crate::{DONE, no_arguments, say, workspace};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `cargo xtask drivers --help` prints.
pub const HELP: &str = "\
Runs the GPU's conformance suite, known answers and long walks on drivers that compute on the CPU: those of Debian's own
Mesa, of its backports' Mesa, and SwiftShader, which Debian's chromium brings. Their packages are downloaded and unpacked
in `drivers/` of the target folder; nothing is installed. A version that is installed anyway is left to
`cargo xtask test`. What can't be had is skipped, as without Debian's apt-get; where the variable CI is set, it fails if
that leaves none.
";

/// A driver that a package brings.
struct Driver {
    name: &'static str,
    /// The packages that may hold it, the first that does is taken: what follows a slash is added to the release's name.
    packages: &'static [&'static str],
    /// The file of the driver itself.
    library: &'static str,
}

const DRIVERS: &[Driver] = &[
    Driver { name: "own-mesa", packages: &["mesa-vulkan-drivers/"], library: "libvulkan_lvp.so" },
    Driver { name: "backports-mesa", packages: &["mesa-vulkan-drivers/-backports"], library: "libvulkan_lvp.so" },
    Driver { name: "swiftshader", packages: &["chromium-common", "chromium"], library: "libvk_swiftshader.so" },
];

/// A server that does not answer is asked again, and not for long.
const PATIENT: [&str; 4] = ["-o", "Acquire::Retries=3", "-o", "Acquire::http::Timeout=30"];

/// What runs on each: with the features of the whole workspace, as `cargo xtask test` built them. Other crates' tests of these names
/// aren't named after an interface.
const TESTS: &[&str] = &[
    "test",
    "--release",
    "--workspace",
    "--test",
    "conformance",
    "--test",
    "known",
    "--test",
    "walks",
    "--",
    "Vulkan",
];

/// Runs the tests on every driver.
///
/// # Errors
/// If tests fail, with the driver's manifest; if CI is set and no driver could be had.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    no_arguments("drivers", arguments)?;
    let folder = workspace::target_folder(workspace::root())?.join("drivers");
    let (mut there, mut failed) = (0, Vec::new());
    for driver in DRIVERS {
        let found = driver.manifest(&folder);
        there += usize::from(found.is_ok());
        match found {
            Ok(Found::Installed(version)) => {
                say(format!("{}: {version} is installed, and `cargo xtask test` runs on it", driver.name));
            }
            Ok(Found::Unpacked(manifest)) => {
                say(format!("{}: {}", driver.name, manifest.display()));
                if !passes(&manifest)? {
                    failed.push(format!("VK_DRIVER_FILES={}", manifest.display()));
                }
            }
            Err(reason) => say(format!("SKIPPED: the driver {}: {reason:#}", driver.name)),
        }
    }
    ensure!(failed.is_empty(), "tests failed on a driver; what repeats them: {}", failed.join(", "));
    ensure!(there > 0 || std::env::var_os("CI").is_none(), "none of the drivers could be had, and CI demands one");
    Ok(DONE)
}

fn passes(manifest: &Path) -> anyhow::Result<bool> {
    // Older loaders know the second name alone.
    let variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].map(|variable| (variable, manifest));
    let mut cargo = workspace::cargo();
    // With CI set, a driver that does not load fails instead of being no adapter.
    let status = cargo.args(TESTS).envs(variables).env("CI", "true").current_dir(workspace::root()).status();
    Ok(status.context("cannot start `cargo test`")?.success())
}

/// Where a driver is.
enum Found {
    /// Of this version, and taken without being asked for.
    Installed(String),
    /// Unpacked, and its manifest for Vulkan's loader.
    Unpacked(PathBuf),
}

impl Driver {
    /// Downloads and unpacks the driver, unless it is there.
    fn manifest(&self, folder: &Path) -> anyhow::Result<Found> {
        let own = folder.join(self.name);
        let manifest = own.join("driver.json");
        // Written anew each time: the folder may have moved.
        fs::create_dir_all(&own).with_context(|| format!("cannot create {}", own.display()))?;
        if let Some(library) = find(&own, self.library)? {
            write_manifest(&manifest, &library)?;
            return Ok(Found::Unpacked(manifest));
        }
        let release = release(&fs::read_to_string("/etc/os-release").context("this is no Debian: /etc/os-release")?)?;
        for package in self.packages {
            let wanted = match package.split_once('/') {
                Some((package, suffix)) => format!("{package}/{release}{suffix}"),
                None => (*package).to_owned(),
            };
            let parts = own.join("part");
            // What a broken attempt has left.
            let _ = fs::remove_dir_all(&own);
            fs::create_dir_all(&parts).with_context(|| format!("cannot create {}", parts.display()))?;
            output(Command::new("apt-get").args(PATIENT).args(["download", &wanted]).current_dir(&parts))?;
            let archive = only_file(&parts)?;
            let [name, version] = ["Package", "Version"].map(|field| output(dpkg("--field", &archive).arg(field)));
            let version = version?;
            if installed(&name?).is_some_and(|installed| installed == version) {
                return Ok(Found::Installed(version));
            }
            output(dpkg("--extract", &archive).arg(&own))?;
            fs::remove_dir_all(&parts).with_context(|| format!("cannot remove {}", parts.display()))?;
            if let Some(library) = find(&own, self.library)? {
                write_manifest(&manifest, &library)?;
                return Ok(Found::Unpacked(manifest));
            }
        }
        bail!("{} is not in {}", self.library, self.packages.join(" or "))
    }
}

fn dpkg(what: &str, archive: &Path) -> Command {
    let mut command = Command::new("dpkg-deb");
    command.arg(what).arg(archive);
    command
}

/// The version of an installed package.
fn installed(package: &str) -> Option<String> {
    output(Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package])).ok()
}

/// `bookworm`, from the lines of /etc/os-release.
fn release(text: &str) -> anyhow::Result<String> {
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(|value| value.trim_matches('"'))
    };
    match (field("ID"), field("VERSION_CODENAME")) {
        (Some("debian"), Some(release)) => Ok(release.to_owned()),
        (system, _) => {
            bail!("this is {}, and the packages are Debian's", system.unwrap_or("no system that says its name"))
        }
    }
}

/// What a command prints, without its last line's end.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", text(output.stderr).replace('\n', "; "));
    }
    Ok(text(output.stdout))
}

fn only_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut files = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(files.next().with_context(|| format!("nothing came to {}", folder.display()))??.path())
}

/// A file of this name anywhere below a folder.
fn find(folder: &Path, name: &str) -> anyhow::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if let Some(found) = find(&entry.path(), name)? {
                return Ok(Some(found));
            }
        } else if entry.file_name() == name {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

fn write_manifest(manifest: &Path, library: &Path) -> anyhow::Result<()> {
    fs::write(manifest, manifest_of(library)?).with_context(|| format!("cannot write {}", manifest.display()))
}

/// The manifest by which Vulkan's loader finds a driver.
fn manifest_of(library: &Path) -> anyhow::Result<String> {
    let path = library
        .to_str()
        .with_context(|| format!("{}: a manifest is JSON, which holds no such path", library.display()))?;
    let path = path.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!(
        "{{\"file_format_version\":\"1.0.0\",\"ICD\":{{\"library_path\":\"{path}\",\"api_version\":\"1.1.0\"}}}}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_debian_has_these_packages() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(release(debian).expect("it is Debian"), "bookworm");
        let error = release("ID=\"fedora\"\nID_LIKE=debian\n").expect_err("it is another");
        assert_eq!(error.to_string(), "this is fedora, and the packages are Debian's");
    }

    #[test]
    fn a_library_is_found_and_named_by_its_manifest() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let deep = folder.path().join("usr").join("lib \"x\"");
        fs::create_dir_all(&deep).expect("writable");
        assert_eq!(find(folder.path(), "lib.so").expect("readable"), None);
        fs::write(deep.join("lib.so"), "").expect("writable");
        let found = find(folder.path(), "lib.so").expect("readable").expect("it is there");
        let manifest = manifest_of(&found).expect("text");
        assert!(manifest.contains("lib \\\"x\\\"/lib.so\",\"api_version\""), "{manifest}");
    }
}
