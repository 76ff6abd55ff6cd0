//! What a training step takes by length and by depth, as `reformer plan` says; nothing runs. Drawing it is in `page.rs`.

use crate::{DONE, workspace};
use anyhow::{Context, bail};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The lengths, and the depth they are planned at: the book preset's.
const LENGTHS: [u64; 5] = [1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20];
const LAYERS: u64 = 6;
/// The depths, and the length they are planned at.
const DEPTHS: [u64; 6] = [2, 4, 8, 16, 32, 48];
const LENGTH: u64 = 1 << 16;
/// A limit that no plan reaches.
const NO_LIMIT: &str = "1024TiB";

/// A way of training, and what `plan` has to be told.
pub const WAYS: [(&str, &[&str]); 3] = [
    ("rebuilt (min)", &["--memory-limit", "min"]),
    ("stored", &["--memory-limit", NO_LIMIT]),
    ("full attention, stored", &["--memory-limit", NO_LIMIT, "--pattern", "full"]),
];

/// A plan's peak.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Peak {
    /// Which of [`WAYS`].
    pub way: usize,
    /// Tokens of a step.
    pub length: u64,
    /// Layers of the model.
    pub layers: u64,
    /// Bytes.
    pub bytes: f64,
}

/// Peaks by length, then by depth.
pub struct Memory {
    pub by_length: Vec<Peak>,
    pub by_depth: Vec<Peak>,
    /// What the plans are for: the CPU's kernels and threads.
    pub adapter: String,
}

/// Plans all of them.
///
/// # Errors
/// If a plan fails.
pub fn planned(program: &Path) -> anyhow::Result<Memory> {
    let mut adapter = String::new();
    let mut peaks = |sizes: &[(u64, u64)]| {
        let all = (0..WAYS.len()).flat_map(|way| sizes.iter().map(move |&size| (way, size)));
        all.map(|(way, (length, layers))| {
            let event = plan(program, &arguments(way, length, layers))?;
            adapter = event["adapter"].as_str().unwrap_or("unknown").to_owned();
            let bytes = event["planned_peak_bytes"].as_f64().context("`reformer plan --json` names no peak")?;
            Ok(Peak { way, length, layers, bytes })
        })
        .collect::<anyhow::Result<Vec<Peak>>>()
    };
    let by_length = peaks(&LENGTHS.map(|length| (length, LAYERS)))?;
    let by_depth = peaks(&DEPTHS.map(|layers| (LENGTH, layers)))?;
    Ok(Memory { by_length, by_depth, adapter })
}

fn arguments(way: usize, length: u64, layers: u64) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["plan", "--preset", "book", "--backend", "cpu", "--json"].map(String::from).to_vec();
    arguments.extend(["--length".to_owned(), length.to_string(), "--layers".to_owned(), layers.to_string()]);
    arguments.extend(WAYS[way].1.iter().map(|&argument| argument.to_owned()));
    arguments
}

fn plan(program: &Path, arguments: &[String]) -> anyhow::Result<Value> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    if workspace::exit_code(output.status) != DONE {
        bail!("`reformer {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("`reformer plan --json` printed something that is not JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_asked_for_by_size_and_way() {
        let told = arguments(2, 4096, 8).join(" ");
        let expected =
            "plan --preset book --backend cpu --json --length 4096 --layers 8 --memory-limit 1024TiB --pattern full";
        assert_eq!(told, expected);
    }

    #[cfg(unix)]
    #[test]
    fn peaks_are_read_and_failures_named() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("reformer");
        let write = |text: &str| {
            std::fs::write(&program, text).expect("writable");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("ours");
        };
        write("#!/bin/sh\necho '{\"planned_peak_bytes\": 5, \"adapter\": \"AVX2\"}'\n");
        let memory = planned(&program).expect("it plans");
        assert_eq!(memory.by_length.len(), WAYS.len() * LENGTHS.len());
        assert_eq!(memory.by_depth[0], Peak { way: 0, length: LENGTH, layers: 2, bytes: 5.0 });
        assert_eq!(memory.adapter, "AVX2");
        write("#!/bin/sh\necho 'error: no' >&2\nexit 1\n");
        let error = planned(&program).err().expect("it fails").to_string();
        assert!(error.contains("plan --preset book") && error.contains("error: no"), "{error}");
    }
}
