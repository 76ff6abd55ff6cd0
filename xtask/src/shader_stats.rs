//! `cargo xtask shader-stats`: runs the program of `crates/shader-stats`, which knows the kernels and the options.

use crate::{DONE, FAILED, workspace};
use anyhow::Context;

/// What `cargo xtask shader-stats --help` prints.
pub const HELP: &str = "\
Prints what the compilers of real GPUs make of each kernel: registers, spills, scratch, workgroup memory, occupancy.
No GPU is needed, but Mesa's RADV driver is. docs/gpu-shader-stats.md says how to read the table.

  --check               compares with the budgets of crates/shader-stats/budgets.json, as CI does
  --family NAME[:WAVE]  another GPU than the two that are checked, such as navi21 or navi31:32
";

/// Runs the program with these arguments; the exit code is 0 if it succeeds, else 1.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--release", "--quiet", "--package", "reformer-shader-stats", "--"]).args(arguments);
    let status = cargo.current_dir(workspace::root()).status().context("cannot start `cargo run`")?;
    Ok(if status.success() { DONE } else { FAILED })
}
