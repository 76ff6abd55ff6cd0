//! `reformer generate`: a prompt and what the model makes of it, once or several times. Drawing tokens is `session`'s.

use crate::arguments::GenerateArguments;
use crate::interrupt::{self, Work};
use crate::output::{self, note};
use crate::prompt::Prompt;
use crate::quantities::Count;
use crate::{machine, trained};
use anyhow::{Context, ensure};
use reformer_session::{
    DIALOGUE, END, Generation, GenerationOptions, Generator, Sampler, SamplingOptions, Speaker, Stop, StopTexts,
    Tokenizer, Utf8Stream,
};
use serde_json::json;
use std::ops::ControlFlow;
use std::time::Instant;

/// The generator's only row.
const ROW: usize = 0;

/// Runs the command.
///
/// # Errors
/// If the prompt or the run can't be read, or the prompt is longer than the model's positions.
pub fn run(arguments: &GenerateArguments) -> anyhow::Result<()> {
    let prompt = Prompt::read(arguments)?;
    // Before a device is opened, which may take seconds.
    let run = trained::choose(&arguments.run)?;
    let backend = machine::backend(&arguments.machine)?;
    let model =
        trained::load_to_talk(&arguments.run, &run, backend.as_ref(), &arguments.changes.changes(), arguments.samples)?;
    let speaks = !trained::is_plain_text(&model.config);
    let (mut generator, tokenizer) = model.into_generator(backend.as_ref(), 1)?;
    interrupt::during(Work::Answering);

    let tokens = tokens_of(&prompt, speaks, &tokenizer, generator.max_positions())?;
    let started = Instant::now();
    generator.append(ROW, &tokens)?;
    let prefill_seconds = started.elapsed().as_secs_f64();
    // The prompt is read once, however many samples there are.
    let held = if arguments.samples > 1 { Some(generator.hold()?) } else { None };
    for sample in 1..=arguments.samples {
        if let Some(held) = held.as_ref().filter(|_| sample > 1) {
            generator.restore(held)?;
        }
        let mut shown = Shown { sample, json: arguments.json, text: String::new(), done: Ok(()) };
        if !arguments.json {
            if sample > 1 {
                output::line("")?;
            }
            if !speaks {
                output::text_now(&prompt.text)?;
            }
        }
        let first = arguments.sampling.options();
        let sampling = SamplingOptions { seed: first.seed.wrapping_add(sample as u64 - 1), ..first };
        let (generation, stop_text) = continued(&mut generator, &tokenizer, arguments, sampling, speaks, &mut shown)?;
        shown.done?;
        tell(arguments, sample, sampling.seed, shown.text, &generation, stop_text, prefill_seconds)?;
        if generation.stop == Stop::Interrupted {
            break;
        }
    }
    Ok(())
}

/// The prompt as the model reads it: a text begins where a dialogue would; a dialogue with what the user says.
fn tokens_of(prompt: &Prompt, speaks: bool, tokenizer: &Tokenizer, max_positions: usize) -> anyhow::Result<Vec<u32>> {
    let text = if speaks { prompt.as_turn()? } else { &prompt.text };
    let text = tokenizer.encode(text).with_context(|| prompt.source.clone())?;
    let tokens = match speaks {
        true => [&[Speaker::User.token()][..], &text, &[END, Speaker::System.token()]].concat(),
        false => [&[DIALOGUE][..], &text].concat(),
    };
    ensure!(
        tokens.len() <= max_positions,
        "{}: it has {} tokens, with {} around it, and the model has {max_positions} positions: shorten it, or take a model that \
         was trained with a larger --max-positions",
        prompt.source,
        text.len(),
        tokens.len() - text.len()
    );
    Ok(tokens)
}

/// Draws what follows the prompt, until it ends by itself or by one of the texts: which one, is said.
fn continued(
    generator: &mut Generator,
    tokenizer: &Tokenizer,
    arguments: &GenerateArguments,
    sampling: SamplingOptions,
    speaks: bool,
    shown: &mut Shown,
) -> anyhow::Result<(Generation, Option<usize>)> {
    let tags = vec![Speaker::User.token(), Speaker::System.token(), DIALOGUE];
    let options = GenerationOptions {
        max_tokens: arguments.sampling.max_tokens,
        // A turn ends; a text has no turns. Who speaks next is not the model's choice: tags were never learned.
        stop: if speaks { vec![END] } else { Vec::new() },
        banned: if speaks { tags } else { [tags, vec![END]].concat() },
        banned_first: vec![END],
    };
    let mut sampler = Sampler::new(sampling)?;
    let mut stream = Utf8Stream::default();
    let mut stops = StopTexts::new(arguments.sampling.stop.clone());
    let mut stop_text = None;
    let mut generation = generator.generate(ROW, &[], &options, &mut sampler, |token| {
        // The generator draws only tokens that the tokenizer knows.
        let (free, found) = stops.push(&stream.push(tokenizer.token_bytes(token).unwrap_or_default()));
        stop_text = found;
        let flow = shown.show(&free);
        if found.is_some() { ControlFlow::Break(()) } else { flow }
    })?;
    if stop_text.is_none() {
        let (mut rest, found) = stops.push(&stream.finish());
        stop_text = found;
        if found.is_none() {
            rest += &stops.finish();
        }
        // It is the last piece in any case.
        let _ = shown.show(&rest);
    }
    if stop_text.is_some() {
        generation.stop = Stop::Text;
    }
    Ok((generation, stop_text))
}

/// What becomes visible of a sample, as it comes.
struct Shown {
    sample: usize,
    json: bool,
    text: String,
    /// Whether stdout took it.
    done: anyhow::Result<()>,
}

impl Shown {
    fn show(&mut self, piece: &str) -> ControlFlow<()> {
        self.text += piece;
        if self.done.is_ok() && !piece.is_empty() {
            self.done = match self.json {
                true => output::line(json!({ "sample": self.sample, "piece": piece })),
                false => output::text_now(piece),
            };
        }
        if interrupt::wished() || self.done.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Says what a sample was, once it has ended.
fn tell(
    arguments: &GenerateArguments,
    sample: usize,
    seed: u64,
    text: String,
    generation: &Generation,
    stop_text: Option<usize>,
    prefill_seconds: f64,
) -> anyhow::Result<()> {
    let stop_text = stop_text.and_then(|which| arguments.sampling.stop.get(which));
    let (stop, in_words) = match generation.stop {
        Stop::Token(_) => ("end", "the end of the turn".to_owned()),
        Stop::MaxTokens => ("max_tokens", "--max-tokens".to_owned()),
        Stop::MaxPositions => ("max_positions", "no position is left".to_owned()),
        Stop::Text => ("text", format!("--stop {:?}", stop_text.map_or("", String::as_str))),
        Stop::Interrupted => ("interrupted", "interrupted".to_owned()),
    };
    let (tokens, speed) = (generation.tokens.len(), generation.tokens_per_second());
    if arguments.json {
        let mut object = json!({
            "sample": sample,
            "seed": seed,
            "text": text,
            "tokens": tokens,
            "tokens_per_second": speed,
            "prefill_seconds": prefill_seconds,
            "stop": stop,
        });
        if let Some(stop_text) = stop_text {
            object["stop_text"] = stop_text.as_str().into();
        }
        return output::line(object);
    }
    output::line("")?;
    let which = if arguments.samples > 1 { format!("sample {sample}, seed {seed}: ") } else { String::new() };
    note(format_args!(
        "({which}{tokens} tokens, {} a second after {prefill_seconds:.2} s for the prompt; ended by: {in_words})",
        Count(speed)
    ));
    Ok(())
}
