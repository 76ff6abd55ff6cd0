//! `reformer evaluate`: a run measured on a split, and how much of that it was trained on. The measuring is `trainer`'s.

use crate::arguments::EvaluateArguments;
use crate::handling::Handling;
use crate::material::Material;
use crate::output::{self, note};
use crate::quantities::Bytes;
use crate::seen::{self, Counts};
use crate::texts::{Examples, SplitTexts, refuse_word_pieces};
use crate::typed::{program, typed};
use crate::{interrupt, machine, trained};
use anyhow::bail;
use reformer_multiwoz::Split;
use reformer_session::{LoadedModel, RunFolder, Tokenizer, TrainedOn};
use reformer_trainer::{Example, TrainingConfig, encode_dialogues, evaluate, evaluation_bytes};
use serde_json::json;

/// At least so many tokens run at a time, so that no dialogue of a run with short rows is cut.
const LEAST_ROWS: usize = 4096;

/// Runs the command.
///
/// # Errors
/// If run or data can't be read, or nothing is left to measure.
pub fn run(arguments: &EvaluateArguments) -> anyhow::Result<()> {
    // Before a device is opened, which may take seconds.
    let run = trained::choose(&arguments.run)?;
    let backend = machine::backend(&arguments.machine)?;
    let changes = arguments.changes.changes();
    let LoadedModel { config, tokenizer, mut store, step, .. } =
        trained::load(&arguments.run, &run, backend.as_ref(), &changes)?;
    let material = match &arguments.data {
        Some(name) => Material::open(name, &Handling::of_section(&config.data)?)?,
        None => Material::of_section(&config.data)?,
    };
    let split = arguments.split;
    let found = material.examples(split, arguments.exclude_duplicates)?;
    let (path, layout) = (material.path().display(), material.layout());
    let whose = if found.is_dealt { ", split by this program" } else { "" };
    note(format_args!("step {step} on the {split} split of {path} ({layout}{whose})"));
    let wanted = Wanted { run: &run, split, is_own: material.is_own(), include_trained: arguments.include_trained };
    let chosen = wanted.choose(found, &tokenizer)?;
    // A long text is measured in pieces of the length that it was trained in.
    let rows = TrainingConfig::of(&run, &config)?.rows().max(LEAST_ROWS);
    let bytes = evaluation_bytes(backend.as_ref(), &config.model, &chosen.examples, rows)?;
    machine::check_bound("the evaluation", bytes, machine::BESIDE_READING, "Take a machine with more")?;
    interrupt::during(interrupt::Work::Answering);
    let result = evaluate(backend.as_ref(), store.as_mut(), &config.model, &chosen.examples, rows, &interrupt::wished)?;
    if arguments.json {
        let mut object = json!({
            "tokens": result.tokens,
            "bytes": result.bytes,
            "loss": result.loss,
            "perplexity": result.perplexity,
            "bits_per_byte": result.bits_per_byte,
            "dialogues": chosen.dialogues,
            "also_in_training": chosen.also_in_training,
            "left_out": chosen.left_out,
        });
        // What a deliberate change gave must not be taken for what the run gives.
        if let Some(rounds) = changes.rounds {
            object["rounds"] = rounds.into();
        }
        return output::line(object);
    }
    output::line(format_args!(
        "{:.4} bits per byte: loss {:.4}, perplexity {:.3}, {} tokens for {} bytes",
        result.bits_per_byte, result.loss, result.perplexity, result.tokens, result.bytes
    ))
}

/// What is asked for.
struct Wanted<'a> {
    run: &'a RunFolder,
    split: Split,
    /// Whether nobody has published the data, and with it what is measured.
    is_own: bool,
    include_trained: bool,
}

/// What is measured.
struct Chosen {
    examples: Vec<Example>,
    /// None of a text.
    dialogues: Option<usize>,
    /// Dialogues, of a text bytes, that were trained on; none where the run doesn't know.
    also_in_training: Option<u64>,
    /// Dialogues, of a text bytes, that are not measured.
    left_out: u64,
}

impl Wanted<'_> {
    /// Leaves out what was trained on where the data is somebody's own: published splits are measured as everyone measures them.
    fn choose(&self, found: Examples, tokenizer: &Tokenizer) -> anyhow::Result<Chosen> {
        let trained_on = self.run.read_trained_on()?;
        self.say_what_is_unknown(trained_on.as_ref());
        let is_text = matches!(found.texts, SplitTexts::Bytes(_));
        let knows = |trained_on: &TrainedOn| {
            if is_text { trained_on.knows_texts() } else { trained_on.knows_dialogues() }
        };
        let known = trained_on.as_ref().is_some_and(knows);
        if trained_on.is_some() && !known {
            let (learned, measured) = if is_text { ("dialogues", "texts") } else { ("texts", "dialogues") };
            note(format_args!(
                "warning: the run learned {learned}, so whether it knows these {measured} can't be told"
            ));
        }
        let trained_on = trained_on.unwrap_or_default();
        let included = self.include_trained || !self.is_own;
        let counted = |count: u64| if is_text { Bytes(count).to_string() } else { count.to_string() };
        let (examples, dialogues, all, counts) = match found.texts {
            SplitTexts::Dialogues(turns) => {
                let all = turns.len();
                let (kept, counts) = seen::dialogues(&trained_on, turns, included);
                (encode_dialogues(tokenizer, &kept)?, Some(kept.len()), format!("{all} dialogues"), counts)
            }
            SplitTexts::Bytes(text) => {
                refuse_word_pieces(&found.path, tokenizer)?;
                let (kept, counts) = seen::text(&trained_on, &text, included);
                (kept, None, counted(text.len() as u64), counts)
            }
        };
        if let Some(count) = found.left_out {
            let elsewhere = if self.split == Split::Train { "dev or test" } else { "train" };
            let dialogues = if count == 1 { "dialogue that occurs" } else { "dialogues that occur" };
            note(format_args!("without {count} {dialogues} in {elsewhere} too"));
        }
        if examples.is_empty() && counts.left_out > 0 {
            let all = match counts.also_in_training {
                known if known < counts.left_out => format!("at least {} of the {all}", counted(known)),
                _ => format!("all {all}"),
            };
            bail!(
                "the run was trained on {all} of the {} split of {}, so nothing is left to measure: name other data with --data, \
                 or measure them all the same with --include-trained",
                self.split,
                found.path.display()
            );
        }
        self.tell(&all, &counts, &counted);
        Ok(Chosen {
            examples,
            dialogues,
            also_in_training: known.then_some(counts.also_in_training),
            left_out: counts.left_out + found.left_out.unwrap_or(0) as u64,
        })
    }

    /// Says how much of what is measured was trained on.
    fn tell(&self, all: &str, counts: &Counts, counted: &dyn Fn(u64) -> String) {
        let count = counted(counts.also_in_training);
        match (counts.also_in_training, counts.left_out) {
            (0, _) => {}
            (_, 0) if self.is_own || self.split == Split::Train => {
                note(format_args!("of {all} the run was trained on {count}, which are measured too"));
            }
            (_, 0) => note(format_args!(
                "of {all} the run was trained on {count}, which are measured too, since the split was published so"
            )),
            (known, left_out) if left_out > known => note(format_args!(
                "of {all} the run was trained on at least {count}; with what lies around it, of which that can't be told, {} are left \
                 out (--include-trained measures all)",
                counted(left_out)
            )),
            _ => note(format_args!(
                "of {all} the run was trained on {count}, which are left out (--include-trained measures them too)"
            )),
        }
    }

    fn say_what_is_unknown(&self, trained_on: Option<&TrainedOn>) {
        match trained_on {
            None if self.run.is_exported() => note(
                "warning: these weights were exported without what they were trained on, so the figure may be of text that they know",
            ),
            None => note(format_args!(
                "warning: this run was begun by an earlier version and does not remember what it was trained on, so the figure may be \
                 of text that it knows; where its data still lies, `{} train --resume --run {}` makes it remember",
                program(),
                typed(self.run.path())
            )),
            Some(trained_on) if trained_on.is_partly_known() => note(
                "warning: the run does not remember all that it was trained on, or that the run was that it started from, so the figure may \
                 be of text that it knows",
            ),
            Some(_) => {}
        }
    }
}
