//! `reformer data`: looking at data without training on it. Reading, counting and checking are `multiwoz`'s.

use crate::arguments::{DataCommand, TargetName};
use crate::handling::Handling;
use crate::material::Material;
use crate::named_file::{Named, drawn, is_drawn};
use crate::output::{self, note};
use crate::quantities::Bytes;
use crate::typed::{program, typed};
use crate::{fetch, interrupt, lengths};
use anyhow::bail;
use reformer_multiwoz::{
    DataError, DialogueName, Flaw, Percentiles, Target, Writing, check_source, convert_with, sample, stats,
};
use std::path::Path;

/// Endings of names that a folder hardly has: who writes one means a file.
const FILE_ENDINGS: [&str; 6] = ["json", "ndjson", "gz", "txt", "zip", "tsv"];
/// Duplicates of each kind that are named to people.
const MOST_NAMED: usize = 20;

/// What the picture of `data stats` is marked with.
const PICTURE: &str = "data stats";

/// Runs the command.
///
/// # Errors
/// If something can't be read or written; for `check` if a file is unreadable.
pub fn run(command: &DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::Fetch { out, mirror } => fetch::run(out.as_deref(), mirror.as_deref()),
        DataCommand::Stats { data, json, picture, force } => count(&open(data)?, *json, picture.as_deref(), *force),
        DataCommand::Check { data } => look_for_flaws(data),
        DataCommand::Convert { data, to, out, force } => write_as(data, *to, out, *force),
        DataCommand::Sample { out, force } => write_sample(out, *force),
    }
}

fn open(data: &Path) -> anyhow::Result<Material> {
    let material = Material::open(data, &Handling::default())?;
    match material.source() {
        Some(_) => Ok(material),
        None => bail!("{} is a text file: there are no dialogues in it to look at", data.display()),
    }
}

fn count(material: &Material, json: bool, picture: Option<&Path>, force: bool) -> anyhow::Result<()> {
    let Some(source) = material.source() else { return Ok(()) };
    material.tell_unread();
    let stats = stats(source).map_err(|error| material.say_error(error.into()))?;
    let title = format!("{} ({})", material.path().display(), stats.layout);
    if let Some(path) = picture {
        let named = Named { option: "--picture", path, force, how_to_force: "--force" };
        let svg = drawn(&lengths::picture(&stats, &title)?, PICTURE);
        named.write(svg.as_bytes(), |there| is_drawn(there, PICTURE))?;
        note(format_args!("the picture is {}", typed(path)));
    }
    if json {
        return output::line(serde_json::to_string(&stats)?);
    }
    let mut text = format!("{title}\n");
    for (split, counted) in &stats.splits {
        text += &format!(
            "  {:6}{:>8} dialogues {:>9} turns {:>12} of text\n",
            split.name(),
            counted.dialogues,
            counted.turns,
            Bytes(counted.bytes as u64).to_string()
        );
    }
    // Of a split without dialogues there is no more to say.
    for (split, counted) in stats.splits.iter().filter(|(_, counted)| counted.dialogues > 0) {
        let (turns, bytes) = (&counted.turns_a_dialogue, &counted.bytes_a_dialogue);
        text += &format!("  {:6} a dialogue has {} turns and {} bytes\n", split.name(), spread(turns), spread(bytes));
        let domains: Vec<_> = counted.domains.iter().map(|(domain, count)| format!("{domain} {count}")).collect();
        if !domains.is_empty() {
            text += &format!("         domains: {}\n", domains.join(", "));
        }
    }
    text += &format!("  texts that occur in two splits: {}\n", stats.duplicates_across_splits);
    for pair in stats.duplicates.exact.iter().take(MOST_NAMED) {
        text += &format!("    {} and {}\n", named(&pair.first), named(&pair.second));
    }
    text += &rest(stats.duplicates.exact.len());
    text += &format!("  pairs across splits with nearly the same text: {}\n", stats.near_duplicates_across_splits);
    for pair in stats.duplicates.near.iter().take(MOST_NAMED) {
        text += &format!("    {} and {}: {:.2} alike\n", named(&pair.first), named(&pair.second), pair.similarity);
    }
    output::text_now(text + &rest(stats.duplicates.near.len()))
}

fn spread(of: &Percentiles) -> String {
    format!("{} to {} (half at most {}, 90 % {}, 99 % {})", of.least, of.most, of.p50, of.p90, of.p99)
}

fn named(dialogue: &DialogueName) -> String {
    format!("{} of {}", dialogue.id, dialogue.split)
}

/// How many were not named.
fn rest(count: usize) -> String {
    match count.saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("    and {more} more, which --json names\n"),
    }
}

fn look_for_flaws(data: &Path) -> anyhow::Result<()> {
    let material = open(data)?;
    let Some(source) = material.source() else { return Ok(()) };
    let flaws = check_source(source);
    let unreadable = flaws.iter().filter(|flaw| flaw.unreadable).count();
    flaws.iter().try_for_each(|flaw: &Flaw| output::line(material.say(flaw.to_string())))?;
    tell_others(&material);
    if unreadable > 0 {
        let of = match (unreadable, flaws.len()) {
            (1, 1) => "the flaw that is named above makes".to_owned(),
            (1, all) => format!("one of the {all} flaws that are named above makes"),
            (some, all) => format!("{some} of the {all} flaws that are named above make"),
        };
        bail!("{}: {of} a file or a dialogue unreadable", data.display());
    }
    note(match flaws.len() {
        0 => "no flaw was found".to_owned(),
        1 => "1 flaw; all of it can be read".to_owned(),
        count => format!("{count} flaws; all of it can be read"),
    });
    Ok(())
}

/// What else lies there, so that "no flaw" says of everything that it was looked at.
fn tell_others(material: &Material) {
    let Some(Ok(unread)) = material.source().map(|source| source.unread()) else { return };
    let kinds = [
        (unread.companions, "is known to hold no dialogues", "are known to hold no dialogues"),
        (unread.others, "holds no dialogues", "hold no dialogues"),
    ];
    for (files, one, many) in kinds.into_iter().filter(|(files, ..)| !files.is_empty()) {
        let names = files.iter().take(MOST_NAMED);
        let names: Vec<_> =
            names.map(|file| file.strip_prefix(material.path()).unwrap_or(file).display().to_string()).collect();
        let more = match files.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (count, verb) = if files.len() == 1 { ("1 other file", one) } else { ("other files", many) };
        let count = if files.len() == 1 { count.to_owned() } else { format!("{} {count}", files.len()) };
        note(format_args!("{count} {verb}: {}{more}", names.join(", ")));
    }
}

fn write_as(data: &Path, to: TargetName, out: &Path, force: bool) -> anyhow::Result<()> {
    let material = open(data)?;
    let Some(source) = material.source() else { return Ok(()) };
    material.tell_unread();
    let target = match to {
        TargetName::SchemaGuided => Target::SchemaGuided,
        TargetName::DataJson => Target::DataJson,
        TargetName::Turns => Target::Turns,
        TargetName::Messages => Target::Messages,
    };
    let ending = out.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    if !out.is_dir() && ending.is_some_and(|ending| FILE_ENDINGS.contains(&ending.as_str())) {
        bail!(
            "--out {}: what is written is a folder, or with turns and messages one .jsonl file: name one of these",
            typed(out)
        );
    }
    let converted = convert_with(source, target, out, &writing(force))
        .map_err(|error| material.say_error(in_the_way(error, out, force)))?;
    let counts: Vec<_> = converted.dialogues.iter().map(|(split, count)| format!("{split} {count}")).collect();
    let total: usize = converted.dialogues.values().sum();
    let dialogues = if total == 1 { "dialogue" } else { "dialogues" };
    output::line(format_args!("{total} {dialogues} ({}) as {target} in {}", counts.join(", "), out.display()))?;
    for (what, count) in &converted.lost {
        note(format_args!("{target} can't hold {what}, which {count} of {total} {dialogues} had"));
    }
    Ok(())
}

/// Where something is written, Ctrl-C is to leave nothing behind.
fn writing(force: bool) -> Writing<'static> {
    Writing { force, begun: &interrupt::remove_at_an_end, complete: &interrupt::keep_at_an_end }
}

/// What to do where something is there already.
fn in_the_way(error: DataError, out: &Path, force: bool) -> anyhow::Error {
    match error {
        DataError::NotEmpty { path } if path == out && (!path.is_dir() || !force) => {
            let path = typed(out);
            anyhow::anyhow!("--out {path}: it is there already: name another place, or replace it with --force")
        }
        DataError::InTheWay { path, problem } => anyhow::anyhow!("--out {}: {problem}", typed(&path)),
        error => error.into(),
    }
}

fn write_sample(out: &Path, force: bool) -> anyhow::Result<()> {
    sample::write_with(out, &writing(force)).map_err(|error| in_the_way(error, out, force))?;
    let (program, out) = (program(), typed(out));
    note(format_args!("the sample is in {out}; train on it with: {program} train --data {out}"));
    Ok(())
}
