//! A conversation: turns, replies that stream as text, undo, transcripts. Reading lines and printing are elsewhere.

use crate::durable::write_new;
use crate::tokenizer::{DIALOGUE, END, SYSTEM, USER};
use crate::{
    GenerationOptions, Generator, LoadedModel, Sampler, SamplingOptions, SessionError, Speaker, Stop, StopTexts,
    Tokenizer, Utf8Stream,
};
use reformer_tensor::{Backend, RunError};
use serde::Serialize;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

/// A conversation is the generator's only row.
const ROW: usize = 0;
/// Tokens around a turn's text: the speaker's tag and the end.
const TURN_FRAME: usize = 2;

/// How replies are made.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplyOptions {
    /// The most tokens of a reply.
    pub max_tokens: usize,
    /// How tokens are drawn. The seed is that of the whole conversation.
    pub sampling: SamplingOptions,
    /// A reply ends before the first of these that comes, see [`StopTexts`].
    pub stop_texts: Vec<String>,
}

impl Default for ReplyOptions {
    /// At most 256 tokens: longer than any reply should be.
    fn default() -> Self {
        Self { max_tokens: 256, sampling: SamplingOptions::default(), stop_texts: Vec::new() }
    }
}

/// What one speaker said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// What.
    pub text: String,
    /// The text's tokens. A reply's are those that were drawn, which need not be those that its text would be encoded to.
    #[serde(skip)]
    tokens: Vec<u32>,
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Its text: what was streamed, all of it.
    pub text: String,
    /// Its tokens, the end not counted.
    pub tokens: usize,
    /// Why it ended; [`Stop::Token`] is its natural end.
    pub stop: Stop,
    /// How many of the oldest turns were left out of the context, since the model has no position for them. They stay in
    /// the transcript.
    pub forgotten_turns: usize,
    /// Seconds from the question to the first token.
    pub prefill_seconds: f64,
    /// Speed of decoding.
    pub tokens_per_second: f64,
}

/// A conversation with a model, its whole history as context.
pub struct Conversation {
    tokenizer: Tokenizer,
    generator: Generator,
    options: ReplyOptions,
    sampler: Sampler,
    turns: Vec<Turn>,
}

impl Conversation {
    /// An empty conversation.
    ///
    /// # Errors
    /// If an option is impossible, or the backend refuses.
    pub fn new(model: LoadedModel, backend: &dyn Backend, options: ReplyOptions) -> Result<Self, SessionError> {
        let (generator, tokenizer) = model.into_generator(backend, 1)?;
        let sampler = Sampler::new(options.sampling)?;
        Ok(Self { tokenizer, generator, options, sampler, turns: Vec::new() })
    }

    /// All turns, the forgotten ones too.
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Says `text` and streams the reply: `on_text` gets whole characters, never a special token, and may break the reply
    /// off, which then stands as far as it got; broken off before its first token, nothing was said. After an error the conversation is what it was before.
    ///
    /// Where the history leaves no room for a reply of full length, its oldest turns are left out: see [`Reply::forgotten_turns`].
    ///
    /// # Errors
    /// [`SessionError::TooLong`] if `text` alone leaves no position for a reply.
    pub fn reply(
        &mut self,
        text: &str,
        mut on_text: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Reply, SessionError> {
        let asked = Turn { speaker: Speaker::User, text: text.to_owned(), tokens: self.tokenizer.encode(text)? };
        let (context, forgotten_turns) = self.context(&asked)?;
        let start = Instant::now();
        let read = self.generator.set_context(ROW, &context);
        let prefill_seconds = start.elapsed().as_secs_f64();
        if matches!(read, Err(SessionError::Run(RunError::Stopped))) {
            // Broken off before there was a word of a reply: nothing was said.
            let (text, stop) = (String::new(), Stop::Interrupted);
            return Ok(Reply { text, tokens: 0, stop, forgotten_turns, prefill_seconds, tokens_per_second: 0.0 });
        }
        read?;

        let options = GenerationOptions {
            max_tokens: self.options.max_tokens,
            // Another tag would begin another's turn, so it can't be drawn; an answer has at least one token.
            stop: vec![END],
            banned: vec![USER, SYSTEM, DIALOGUE],
            banned_first: vec![END],
        };
        let (tokenizer, mut stream, mut reply) = (&self.tokenizer, Utf8Stream::default(), String::new());
        let mut stops = StopTexts::new(self.options.stop_texts.clone());
        let stopped = Cell::new(false);
        let mut show = |text: &str, is_last: bool| {
            let (mut free, found) = stops.push(text);
            stopped.set(stopped.get() || found.is_some());
            if is_last && !stopped.get() {
                free += &stops.finish();
            }
            let flow = if free.is_empty() { ControlFlow::Continue(()) } else { on_text(&free) };
            reply.push_str(&free);
            if stopped.get() { ControlFlow::Break(()) } else { flow }
        };
        let mut generation = self.generator.generate(ROW, &[], &options, &mut self.sampler, |token| {
            // The generator draws only tokens that the tokenizer knows.
            show(&stream.push(tokenizer.token_bytes(token).unwrap_or_default()), false)
        })?;
        if !stopped.get() {
            // What is left of a character that was never completed, and what might have begun a stop.
            let _ = show(&stream.finish(), true);
        }
        if stopped.get() {
            generation.stop = Stop::Text;
            // The last token may hold more than what is left of it.
            generation.tokens = self.tokenizer.encode(&reply)?;
        }

        let result = Reply {
            text: reply.clone(),
            tokens: generation.tokens.len(),
            stop: generation.stop,
            forgotten_turns,
            prefill_seconds,
            tokens_per_second: generation.tokens_per_second(),
        };
        self.turns.push(asked);
        self.turns.push(Turn { speaker: Speaker::System, text: reply, tokens: generation.tokens });
        Ok(result)
    }

    /// Takes the last question and its reply back; false if there is none. The same question may then get another reply.
    pub fn undo(&mut self) -> bool {
        let last = self.turns.len().checked_sub(2);
        if let Some(last) = last {
            self.turns.truncate(last);
        }
        last.is_some()
    }

    /// Starts anew, with the seed's first draw.
    pub fn reset(&mut self) {
        self.turns.clear();
        if let Ok(sampler) = Sampler::new(self.options.sampling) {
            self.sampler = sampler;
        }
    }

    /// Writes [`Conversation::transcript`] to a new file, atomically.
    ///
    /// # Errors
    /// [`SessionError::Exists`] if anything has that name; if the system refuses.
    pub fn save(&self, path: &Path) -> Result<(), SessionError> {
        write_new(path, self.transcript(path).as_bytes())
    }

    /// The conversation for a file of this name: one JSON line of `{"turns":[{"speaker","text"}]}` if the name ends in `.jsonl` (which
    /// can be trained on), else text, a line a turn: `user: …`, `system: …`.
    pub fn transcript(&self, path: &Path) -> String {
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            serde_json::json!({ "turns": self.turns }).to_string() + "\n"
        } else {
            self.turns.iter().map(|turn| format!("{}: {}\n", turn.speaker.name(), turn.text)).collect()
        }
    }

    /// The tokens before the reply to `asked`, with as many of the last turns as leave room for it, and how many turns that leaves out.
    fn context(&self, asked: &Turn) -> Result<(Vec<u32>, usize), SessionError> {
        let length = |turn: &Turn| turn.tokens.len() + TURN_FRAME;
        // The question, and the tag of the reply.
        let least = length(asked) + 1;
        let positions = self.generator.max_positions();
        // The last token of a reply needs no position of its own, so the context may fill all of them.
        if least > positions {
            return Err(SessionError::TooLong { tokens: least, max_positions: positions });
        }
        let room = positions.saturating_sub(self.options.max_tokens).max(least);
        let mut total = least + self.turns.iter().map(length).sum::<usize>();
        let mut first = 0;
        // A question goes with its reply.
        while total > room && first + 1 < self.turns.len() {
            total -= length(&self.turns[first]) + length(&self.turns[first + 1]);
            first += 2;
        }
        let mut context = Vec::with_capacity(total);
        for turn in self.turns[first..].iter().chain([asked]) {
            context.push(turn.speaker.token());
            context.extend_from_slice(&turn.tokens);
            context.push(END);
        }
        context.push(Speaker::System.token());
        Ok((context, first))
    }
}
