//! `reformer data`: looking at data without training on it. Reading, counting and checking are `multiwoz`'s.

use crate::arguments::DataCommand;
use crate::fetch;
use crate::material::Material;
use crate::output::{self, note};
use crate::quantities::Bytes;
use anyhow::bail;
use reformer_multiwoz::{Flaw, Source, check_source, sample, stats};
use std::path::Path;

/// Runs the command.
///
/// # Errors
/// If something can't be read or written; for `check` if a file is unreadable.
pub fn run(command: &DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::Fetch { out, mirror } => fetch::run(out.as_deref(), mirror.as_deref()),
        DataCommand::Stats { data, json } => count(&dialogues(data)?, *json),
        DataCommand::Check { data } => look_for_flaws(data),
        DataCommand::Sample { out } => write_sample(out),
    }
}

fn dialogues(data: &str) -> anyhow::Result<Source> {
    match Material::open(data)? {
        Material::Dialogues(source) => Ok(source),
        Material::Text(path) => bail!("{} is a text file: there are no dialogues in it to look at", path.display()),
    }
}

fn count(source: &Source, json: bool) -> anyhow::Result<()> {
    let stats = stats(source)?;
    if json {
        return output::line(serde_json::to_string(&stats)?);
    }
    let mut text = format!("{} ({})\n", source.path().display(), stats.layout);
    for (split, counted) in &stats.splits {
        text += &format!(
            "  {:6}{:>8} dialogues {:>9} turns {:>12} of text\n",
            split.name(),
            counted.dialogues,
            counted.turns,
            Bytes(counted.bytes as u64).to_string()
        );
    }
    output::text_now(
        text + &format!("  {} dialogues have the text of one in another split\n", stats.duplicates_across_splits),
    )
}

fn look_for_flaws(data: &str) -> anyhow::Result<()> {
    let flaws = check_source(&dialogues(data)?);
    let unreadable = flaws.iter().filter(|flaw| flaw.unreadable).count();
    flaws.iter().try_for_each(|flaw: &Flaw| output::line(flaw))?;
    if unreadable > 0 {
        bail!(
            "{data}: {unreadable} of {} flaws make a file or a dialogue unreadable; they are listed above",
            flaws.len()
        );
    }
    note(match flaws.len() {
        0 => "no flaw was found".to_owned(),
        count => format!("{count} flaws; all of it can be read"),
    });
    Ok(())
}

fn write_sample(out: &Path) -> anyhow::Result<()> {
    sample::write(out)?;
    note(format_args!("the sample is in {}; train on it with --data {}", out.display(), out.display()));
    Ok(())
}
