//! `cargo xtask arm`: the CPU's tests on aarch64, whose SIMD instructions are others, under an emulator. Which tests are too slow for
//! it is said here; what they check is their own business.

use crate::{DONE, FAILED, no_arguments, say, workspace};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// What `cargo xtask arm --help` prints.
pub const HELP: &str = "\
Runs the CPU's tests on aarch64 (NEON) under qemu: products and rows, attention, the conformance suite, and of the
sessions what must be the same bit for bit, files and locks. Builds in a sub-folder of the target folder of its own.
What is too slow there, needs a GPU or does not depend on the processor is left out: the list is in xtask/src/arm.rs.

Needs Linux and, beside Rust's target, three packages of Debian:
  rustup target add aarch64-unknown-linux-gnu
  apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
On an aarch64 machine `cargo xtask test` runs all of it, and this command nothing.
";

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Programs that the tests are linked and run with, and Debian's package of each.
const TOOLS: [(&str, &str); 2] = [(LINKER, "gcc-aarch64-linux-gnu"), (EMULATOR, "qemu-user")];
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
/// Where aarch64's C library is, what of it only the package for building has, and that package.
const LIBRARY: (&str, &str, &str) = ("/usr/aarch64-linux-gnu", "lib/crt1.o", "libc6-dev-arm64-cross");

/// Packages whose tests are run.
const PACKAGES: [&str; 2] = ["reformer-cpu", "reformer-session"];

/// Test programs of these packages that are not run, and why.
#[cfg(test)]
const LEFT_OUT: [(&str, &str); 3] = [
    ("memory", "minutes a case, and the pages that Linux counts are the emulator's"),
    ("malformed", "half a minute, and files are refused by no instruction of the processor's own"),
    ("tokenizing", "half a minute, and text is cut by no instruction of the processor's own"),
];

/// Test programs by name, beside the libraries' own, that are run whole.
const WHOLE: &[&str] =
    &["attention_bits", "bits", "executor", "belonging", "chatting", "checkpoints", "generating", "locking"];
/// The conformance suite, and of its variations those that have other code or another order to run in than the rest.
const CONFORMANCE: (&str, &[&str]) = ("conformance", &["two_threads", "threads_and_levels_change_no_bit"]);

fn calls() -> Vec<Vec<&'static str>> {
    let mut test = vec!["test", "--release", "--target", TARGET];
    test.extend(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let whole = [test.clone(), vec!["--lib"], WHOLE.iter().flat_map(|name| ["--test", name]).collect()].concat();
    let conformance = [test, vec!["--test", CONFORMANCE.0, "--"], CONFORMANCE.1.to_vec()].concat();
    vec![whole, conformance]
}

/// Runs the tests; the exit code is 0 if all pass or can't be run here, else 1.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    no_arguments("arm", arguments)?;
    if cfg!(target_arch = "aarch64") {
        say("this machine is one of aarch64: `cargo xtask test` runs these tests and all others");
        return Ok(DONE);
    }
    if !cfg!(target_os = "linux") {
        say(
            "SKIPPED: the tests on aarch64 were not run, since programs of another processor are emulated on Linux only",
        );
        return Ok(DONE);
    }
    let packages = missing(&workspace::path_folders(), Path::new(LIBRARY.0));
    if !packages.is_empty() {
        say(format!(
            "SKIPPED: the tests on aarch64 were not run; `apt-get install {}` brings what they need",
            packages.join(" ")
        ));
        // A machine that exists to check has what `.ci/run` installs.
        return Ok(if std::env::var_os("CI").is_some() { FAILED } else { DONE });
    }
    if !workspace::has_target(TARGET)? {
        say(format!("SKIPPED: the tests on aarch64 were not run; `rustup target add {TARGET}` brings what they need"));
        return Ok(DONE);
    }
    for call in calls() {
        let mut cargo = workspace::cargo();
        cargo.args(&call).current_dir(workspace::root());
        cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
        cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{EMULATOR} -L {}", LIBRARY.0));
        cargo.env("CC_aarch64_unknown_linux_gnu", LINKER);
        let status = cargo.status().with_context(|| format!("cannot start `cargo {}`", call.join(" ")))?;
        if !status.success() {
            return Ok(FAILED);
        }
    }
    Ok(DONE)
}

/// Debian's packages of what is neither in these folders of programs nor at `library`.
fn missing(folders: &[PathBuf], library: &Path) -> Vec<&'static str> {
    let tools = TOOLS.iter().filter(|(tool, _)| workspace::program_in(folders, tool).is_none());
    let tools = tools.map(|(_, package)| *package);
    tools.chain((!library.join(LIBRARY.1).is_file()).then_some(LIBRARY.2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_missing_is_named_by_its_package() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folders = [folder.path().join("none"), folder.path().to_owned()];
        let all = ["gcc-aarch64-linux-gnu", "qemu-user", "libc6-dev-arm64-cross"];
        assert_eq!(missing(&folders, &folder.path().join("library")), all);
        fs::write(folder.path().join(EMULATOR), "").expect("writable");
        fs::create_dir(folder.path().join("lib")).expect("writable");
        assert_eq!(missing(&folders, folder.path()), ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"]);
        fs::write(folder.path().join(LIBRARY.1), "").expect("writable");
        assert_eq!(missing(&folders, folder.path()), ["gcc-aarch64-linux-gnu"]);
        fs::write(folder.path().join(LINKER), "").expect("writable");
        assert!(missing(&folders, folder.path()).is_empty());
    }

    /// A new test program is run there too, or left out for a reason.
    #[test]
    fn every_test_program_is_run_or_left_out() {
        let metadata = workspace::metadata(workspace::root(), false).expect("this is a workspace");
        let packages = metadata["packages"].as_array().expect("packages");
        let targets = packages.iter().filter(|package| PACKAGES.iter().any(|name| package["name"] == *name));
        let targets = targets.flat_map(|package| package["targets"].as_array().expect("targets"));
        let mut there: Vec<&str> = targets
            .filter(|target| target["kind"][0] == "test")
            .map(|target| target["name"].as_str().expect("a name"))
            .collect();
        let left_out = LEFT_OUT.iter().map(|(name, _)| *name);
        let mut listed: Vec<&str> = WHOLE.iter().copied().chain([CONFORMANCE.0]).chain(left_out).collect();
        there.sort_unstable();
        listed.sort_unstable();
        assert_eq!(there, listed);
    }
}
