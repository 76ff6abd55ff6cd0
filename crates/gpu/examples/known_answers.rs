//! Writes the known answers of every op, as the float64 oracle computes them, to `crates/gpu/src/known/answers.tsv`.

use reformer_conformance::Oracle;
use reformer_gpu::known;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text =
        "# op, value, length, three sums with signs: see mod.rs; written by `cargo run --example known_answers`\n"
            .to_owned();
    for answer in known::answers(&Oracle::new())? {
        text.push_str(&answer.line());
        text.push('\n');
    }
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/known/answers.tsv"), text)?;
    Ok(())
}
