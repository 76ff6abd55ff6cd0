//! Live caches of a batch of conversations, and drawing tokens from them. What the tokens mean is not known here.

mod held;
mod plans;

pub use held::Held;

use crate::{Sampler, SessionError};
use plans::{AppendPlan, choose, plan, sizes};
use reformer_model::{ModelConfig, cache_states, evaluation_inputs};
use reformer_tensor::op::NO_ROW;
use reformer_tensor::{Backend, Checks, HostData, HostTensor, Inputs, RunError, Store, shape};
use std::ops::ControlFlow;
use std::time::Instant;

/// A model with the caches of `batch` conversations, its *rows*. Rows know nothing of each other: each starts, grows and is
/// forgotten on its own, and what it computes is the same bit for bit whatever the others do, and however its tokens
/// were split into calls (on a backend that promises this, as the CPU does).
pub struct Generator {
    store: Box<dyn Store>,
    plans: Vec<AppendPlan>,
    inputs: Inputs,
    rows: Vec<Row>,
    /// The names of the states that are caches.
    caches: Vec<String>,
    max_positions: usize,
    vocabulary: usize,
    stop: fn() -> bool,
}

#[derive(Clone, Default)]
struct Row {
    tokens: Vec<u32>,
    /// Logits after the last token; empty if there is none.
    logits: Vec<f32>,
}

/// A place in a conversation to come back to: the tokens up to there, so it stays right whatever happens to the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    row: usize,
    tokens: Vec<u32>,
}

/// When generating ends, and what it may draw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerationOptions {
    /// The most tokens to draw.
    pub max_tokens: usize,
    /// Drawing one of these ends the generation; it is not part of the result.
    pub stop: Vec<u32>,
    /// These are never drawn.
    pub banned: Vec<u32>,
    /// These are not drawn as the first token: an end there would make an empty answer.
    pub banned_first: Vec<u32>,
}

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A token of [`GenerationOptions::stop`] was drawn: this one.
    Token(u32),
    /// [`GenerationOptions::max_tokens`] were drawn.
    MaxTokens,
    /// The model has no position left.
    MaxPositions,
    /// A text came that the reply was to end before; see [`crate::StopTexts`].
    Text,
    /// The callback asked for it.
    Interrupted,
}

/// What was generated.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The tokens, without the prompt and without the one that stopped it.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub stop: Stop,
    /// Seconds that the prompt took.
    pub prefill_seconds: f64,
    /// Seconds from there to the end.
    pub decode_seconds: f64,
    /// Tokens that ran through the model one at a time in that time.
    pub decoded: usize,
}

impl Generation {
    /// Speed of decoding; 0 where nothing was decoded.
    pub fn tokens_per_second(&self) -> f64 {
        // A clock that stood still tells no speed.
        if self.decode_seconds > 0.0 { self.decoded as f64 / self.decode_seconds } else { 0.0 }
    }
}

impl Generator {
    /// Prepares a model for `batch` conversations. `store` holds its parameters in f32, of which weights become what the config
    /// stores them as; the caches are added to it.
    ///
    /// # Errors
    /// If a plan can't be made or prepared, or the store holds caches of another batch.
    pub fn new(
        backend: &dyn Backend,
        mut store: Box<dyn Store>,
        config: &ModelConfig,
        batch: usize,
    ) -> Result<Self, SessionError> {
        store_weights(config, store.as_mut())?;
        let mut plans = Vec::new();
        for (rows, chosen) in sizes(config, batch) {
            let plan = plan(backend, config, batch, (rows, chosen))?;
            plan.declare_states(store.as_mut())?;
            plans.push(AppendPlan { rows, chosen, prepared: backend.prepare(plan, Checks::Off)? });
        }
        Ok(Self {
            store,
            plans,
            inputs: evaluation_inputs(config),
            rows: vec![Row::default(); batch],
            caches: cache_states(config, batch).into_iter().map(|(name, ..)| name).collect(),
            max_positions: config.max_positions,
            vocabulary: config.vocabulary,
            stop: || false,
        })
    }

    /// Draws only from the first `vocabulary` tokens: a model may have room for more than its tokenizer knows.
    pub fn limit_vocabulary(&mut self, vocabulary: usize) {
        self.vocabulary = self.vocabulary.min(vocabulary);
    }

    /// From now on `stop` is asked while tokens are read: a long prompt takes minutes. Then rows are empty, and the call that read ends with
    /// [`RunError::Stopped`]; [`Generator::generate`] ends with [`Stop::Interrupted`].
    pub fn stop_when(&mut self, stop: fn() -> bool) {
        self.stop = stop;
    }

    /// The most tokens of a row.
    pub fn max_positions(&self) -> usize {
        self.max_positions
    }

    /// Conversations.
    pub fn batch(&self) -> usize {
        self.rows.len()
    }

    /// What the row's cache holds.
    ///
    /// # Errors
    /// [`SessionError::Row`] if there is no such row.
    pub fn tokens(&self, row: usize) -> Result<&[u32], SessionError> {
        Ok(&self.row(row)?.tokens)
    }

    /// The logits after the row's last token, one a token of the vocabulary; empty for an empty row.
    ///
    /// # Errors
    /// [`SessionError::Row`] if there is no such row.
    pub fn logits(&self, row: usize) -> Result<&[f32], SessionError> {
        Ok(&self.row(row)?.logits)
    }

    /// Forgets what the row holds: the next token starts a new conversation. Costs nothing.
    ///
    /// # Errors
    /// [`SessionError::Row`] if there is no such row.
    pub fn reset(&mut self, row: usize) -> Result<(), SessionError> {
        self.row(row)?;
        self.rows[row] = Row::default();
        Ok(())
    }

    /// Appends any number of tokens to a row; returns the logits after the last one.
    ///
    /// # Errors
    /// As [`Generator::append_many`].
    pub fn append(&mut self, row: usize, tokens: &[u32]) -> Result<&[f32], SessionError> {
        self.append_many(&[(row, tokens)])?;
        self.logits(row)
    }

    /// Appends to several rows at once, each as many tokens as it likes; then see [`Generator::logits`] of each.
    ///
    /// # Errors
    /// [`SessionError::Row`] for a row that isn't there or is named twice, [`SessionError::UnknownToken`], [`SessionError::TooLong`]:
    /// all found before anything runs. If the run itself fails, all rows are empty afterwards.
    pub fn append_many(&mut self, appended: &[(usize, &[u32])]) -> Result<(), SessionError> {
        let work = self.work(appended)?;
        let mut rest = work.as_slice();
        while !rest.is_empty() {
            let plan = choose(&self.plans, rest.len());
            let (now, later) = rest.split_at(rest.len().min(self.plans[plan].rows));
            if let Err(error) = self.run(plan, now) {
                // The caches' content is undefined now; a first position clears them.
                self.rows.fill(Row::default());
                return Err(error);
            }
            rest = later;
        }
        Ok(())
    }

    /// A place to come back to: here.
    ///
    /// # Errors
    /// [`SessionError::Row`] if there is no such row.
    pub fn mark(&self, row: usize) -> Result<Mark, SessionError> {
        Ok(Mark { row, tokens: self.row(row)?.tokens.clone() })
    }

    /// Goes back to a mark: caches and logits are what they were there, bit for bit. Takes as long as reading the tokens up
    /// to the mark, since caches forget (local windows, full buckets); nothing if the row still stands there.
    ///
    /// # Errors
    /// If the run fails.
    pub fn rewind(&mut self, mark: &Mark) -> Result<(), SessionError> {
        self.set_context(mark.row, &mark.tokens)
    }

    /// Makes the row hold exactly `tokens`: appends what is missing where the row holds their beginning, else starts it anew.
    ///
    /// # Errors
    /// As [`Generator::append_many`]; the row is unchanged if `tokens` can't be held.
    pub fn set_context(&mut self, row: usize, tokens: &[u32]) -> Result<(), SessionError> {
        let held = &self.row(row)?.tokens;
        if let Some(missing) = tokens.strip_prefix(held.as_slice()) {
            return self.append_many(&[(row, missing)]);
        }
        self.check(tokens, tokens.len())?;
        self.reset(row)?;
        self.append_many(&[(row, tokens)])
    }

    /// Appends `prompt` to the row and draws what follows. `on_token` sees every token as soon as it is drawn, and may end it. All tokens
    /// but the last drawn one are in the cache afterwards.
    ///
    /// # Errors
    /// [`SessionError::EmptyPrompt`] if the row would be empty; as [`Generator::append_many`] and [`Sampler::draw`].
    pub fn generate(
        &mut self,
        row: usize,
        prompt: &[u32],
        options: &GenerationOptions,
        sampler: &mut Sampler,
        mut on_token: impl FnMut(u32) -> ControlFlow<()>,
    ) -> Result<Generation, SessionError> {
        let start = Instant::now();
        match self.append(row, prompt) {
            Err(SessionError::Run(RunError::Stopped)) => {
                let (stop, prefill_seconds) = (Stop::Interrupted, start.elapsed().as_secs_f64());
                return Ok(Generation { tokens: Vec::new(), stop, prefill_seconds, decode_seconds: 0.0, decoded: 0 });
            }
            appended => _ = appended?,
        }
        if self.tokens(row)?.is_empty() {
            return Err(SessionError::EmptyPrompt);
        }
        let prefill_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let first = [options.banned.as_slice(), &options.banned_first].concat();
        let mut tokens = Vec::new();
        let mut decoded = 0;
        let stop = loop {
            if tokens.len() >= options.max_tokens {
                break Stop::MaxTokens;
            }
            if let Some(&last) = tokens.last() {
                if self.tokens(row)?.len() >= self.max_positions {
                    break Stop::MaxPositions;
                }
                match self.append(row, &[last]) {
                    Err(SessionError::Run(RunError::Stopped)) => break Stop::Interrupted,
                    appended => _ = appended?,
                }
                decoded += 1;
            }
            let logits = self.logits(row)?;
            let known = &logits[..self.vocabulary.min(logits.len())];
            let token = sampler.draw(known, if tokens.is_empty() { &first } else { &options.banned })?;
            if options.stop.contains(&token) {
                break Stop::Token(token);
            }
            tokens.push(token);
            if on_token(token).is_break() {
                break Stop::Interrupted;
            }
        };
        Ok(Generation { tokens, stop, prefill_seconds, decode_seconds: start.elapsed().as_secs_f64(), decoded })
    }

    fn row(&self, row: usize) -> Result<&Row, SessionError> {
        let batch = self.rows.len();
        self.rows.get(row).ok_or_else(|| SessionError::Row { row, message: format!("there are {batch}, from 0") })
    }

    fn check(&self, tokens: &[u32], length: usize) -> Result<(), SessionError> {
        if let Some(&id) = tokens.iter().find(|&&token| token as usize >= self.vocabulary) {
            return Err(SessionError::UnknownToken { id, vocabulary: self.vocabulary });
        }
        if length > self.max_positions {
            return Err(SessionError::TooLong { tokens: length, max_positions: self.max_positions });
        }
        Ok(())
    }

    /// Every token to append with its row, in order of rows as given, positions ascending.
    fn work(&self, appended: &[(usize, &[u32])]) -> Result<Vec<(usize, u32)>, SessionError> {
        for (index, &(row, tokens)) in appended.iter().enumerate() {
            let length = self.row(row)?.tokens.len() + tokens.len();
            if appended[..index].iter().any(|&(other, _)| other == row) {
                return Err(SessionError::Row { row, message: "it is named twice in one call".to_owned() });
            }
            self.check(tokens, length)?;
        }
        Ok(appended.iter().flat_map(|&(row, tokens)| tokens.iter().map(move |&token| (row, token))).collect())
    }

    /// Runs one plan over at most as many tokens as it has rows, and takes the last logits of each conversation.
    fn run(&mut self, plan: usize, work: &[(usize, u32)]) -> Result<(), SessionError> {
        let AppendPlan { rows, chosen, prepared } = &mut self.plans[plan];
        let mut tokens = vec![0; *rows];
        let mut positions = vec![0; *rows];
        let mut cache_rows = vec![NO_ROW; *rows];
        let mut last = Vec::with_capacity(*chosen);
        for (at, &(row, token)) in work.iter().enumerate() {
            tokens[at] = token;
            positions[at] = self.rows[row].tokens.len() as u32;
            cache_rows[at] = row as u32;
            self.rows[row].tokens.push(token);
            if work.get(at + 1).is_none_or(|&(next, _)| next != row) {
                last.push((row, at as u32));
            }
        }
        let mut wanted: Vec<u32> = last.iter().map(|&(_, at)| at).collect();
        wanted.resize(*chosen, 0);
        for (name, data) in
            [("tokens", tokens), ("positions", positions), ("cache_rows", cache_rows), ("chosen", wanted)]
        {
            self.inputs.insert(name.to_owned(), HostTensor::u32(shape![data.len()], data));
        }
        // A single token takes no longer than asking on its way could gain, and on a GPU asking is not for nothing.
        let outputs = match rows {
            1 if (self.stop)() => Err(RunError::Stopped),
            1 => prepared.run(self.store.as_mut(), &self.inputs),
            _ => prepared.run_until(self.store.as_mut(), &self.inputs, &self.stop),
        };
        let mut outputs = outputs?;
        let logits = match outputs.remove("logits").map(|tensor| tensor.data) {
            Some(HostData::F32(logits)) => logits,
            // The oracle's.
            Some(HostData::F64(logits)) => logits.into_iter().map(|logit| logit as f32).collect(),
            Some(HostData::U32(_) | HostData::I32(_)) | None => Vec::new(),
        };
        let width = logits.len() / *chosen;
        for (place, (row, _)) in last.into_iter().enumerate() {
            self.rows[row].logits = logits[place * width..(place + 1) * width].to_vec();
        }
        Ok(())
    }
}

/// Puts weights that the config stores in halves in the place of those in f32.
fn store_weights(config: &ModelConfig, store: &mut dyn Store) -> Result<(), SessionError> {
    for spec in config.parameters().into_iter().filter(|spec| spec.stored.is_half()) {
        let trained = store.read(&spec.name)?;
        store.remove(&spec.name);
        store.declare(&spec.name, spec.shape, spec.stored)?;
        store.write(&spec.name, &trained)?;
    }
    Ok(())
}
