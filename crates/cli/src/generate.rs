//! `reformer generate`: a prompt and what the model makes of it. Drawing tokens is `session`'s.

use crate::arguments::GenerateArguments;
use crate::output::{self, note};
use crate::quantities::Count;
use crate::{interrupt, machine, trained};
use anyhow::Context;
use reformer_session::{DIALOGUE, END, Generation, GenerationOptions, Sampler, Speaker, Stop, Utf8Stream};
use serde_json::json;
use std::ops::ControlFlow;

/// The generator's only row.
const ROW: usize = 0;

/// Runs the command.
///
/// # Errors
/// If the run can't be loaded, or the prompt is longer than the model's positions.
pub fn run(arguments: &GenerateArguments) -> anyhow::Result<()> {
    let backend = machine::backend(&arguments.machine)?;
    let model = trained::load_to_talk(&arguments.run, backend.as_ref(), &arguments.changes.changes())?;
    let speaks = !trained::is_plain_text(&model.config);
    let (mut generator, tokenizer) = model.into_generator(backend.as_ref(), 1)?;
    let mut sampler = Sampler::new(arguments.sampling.options())?;
    interrupt::listen()?;

    // A text begins where a dialogue would; a dialogue begins with the user.
    let mut speaker = Speaker::User;
    let mut prompt = vec![if speaks { speaker.token() } else { DIALOGUE }];
    prompt.extend(tokenizer.encode(&arguments.prompt).context("--prompt")?);
    let mut whole = Written::default();
    let mut shown = if arguments.json { Ok(()) } else { output::text_now(&arguments.prompt) };
    let mut show = |part: &str| {
        if !arguments.json && shown.is_ok() {
            shown = output::text_now(part);
        }
        if interrupt::wished() || shown.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let end = loop {
        let options = GenerationOptions {
            max_tokens: arguments.sampling.max_tokens - whole.tokens,
            // Who speaks is not the model's choice: turns alternate, and their tags were never learned.
            stop: if speaks { vec![END] } else { Vec::new() },
            banned: [
                vec![Speaker::User.token(), Speaker::System.token(), DIALOGUE],
                if speaks { vec![] } else { vec![END] },
            ]
            .concat(),
            banned_first: Vec::new(),
        };
        let mut stream = Utf8Stream::default();
        let turn = generator.generate(ROW, &prompt, &options, &mut sampler, |token| {
            // The generator draws only tokens that the tokenizer knows.
            let part = stream.push(tokenizer.token_bytes(token).unwrap_or_default());
            whole.text += &part;
            show(&part)
        })?;
        let rest = stream.finish();
        whole.text += &rest;
        whole.add(&turn);
        let mut stopped = show(&rest).is_break();
        if !matches!(turn.stop, Stop::Token(_)) || stopped || whole.tokens >= arguments.sampling.max_tokens {
            break turn.stop;
        }
        speaker = if speaker == Speaker::User { Speaker::System } else { Speaker::User };
        prompt = vec![END, speaker.token()];
        let tag = format!("\n{}: ", speaker.name());
        whole.text += &tag;
        stopped |= show(&tag).is_break();
        if stopped || generator.tokens(ROW)?.len() + prompt.len() >= generator.max_positions() {
            break Stop::MaxPositions;
        }
    };
    shown?;
    if arguments.json {
        return output::line(json!({
            "text": whole.text,
            "tokens": whole.tokens,
            "tokens_per_second": whole.tokens_per_second(),
            "prefill_seconds": whole.prefill_seconds,
        }));
    }
    output::line("")?;
    let end = match end {
        Stop::Token(_) | Stop::MaxTokens => "--max-tokens",
        Stop::MaxPositions => "no position is left",
        Stop::Interrupted => "interrupted",
    };
    note(format_args!(
        "({} tokens, {} a second after {:.2} s for the prompt; ended by: {end})",
        whole.tokens,
        Count(whole.tokens_per_second()),
        whole.prefill_seconds
    ));
    Ok(())
}

/// What was written so far, in one or more turns.
#[derive(Default)]
struct Written {
    text: String,
    tokens: usize,
    /// What the prompt took; later turns begin with two tokens, which are counted as decoding.
    prefill_seconds: f64,
    decode_seconds: f64,
    decoded: usize,
}

impl Written {
    fn add(&mut self, turn: &Generation) {
        if self.tokens == 0 {
            self.prefill_seconds = turn.prefill_seconds;
        } else {
            self.decode_seconds += turn.prefill_seconds;
        }
        self.tokens += turn.tokens.len();
        self.decode_seconds += turn.decode_seconds;
        self.decoded += turn.decoded;
    }

    fn tokens_per_second(&self) -> f64 {
        if self.decoded == 0 { 0.0 } else { self.decoded as f64 / self.decode_seconds }
    }
}
