//! How a training run is told: a bar on a terminal, a line now and then on a pipe, an object a line for programs, or nothing
//! but the end. Knows the events, not the training.

use crate::output;
use crate::quantities::{Bytes, Count, Seconds};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reformer_trainer::{DoneEvent, EvaluationEvent, Event, StepEvent};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// On a pipe, so much time passes between two lines of progress.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// The share of the newest step in the loss that is shown: single steps jump about.
const NEWEST_SHARE: f64 = 0.1;

/// How to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Telling {
    /// A bar, and lines above it.
    Bar,
    /// A line now and then.
    Lines,
    /// An object a line.
    Json,
    /// The end alone.
    Quiet,
}

impl Telling {
    /// What suits the options and where the output goes. A terminal that can't move its cursor (TERM=dumb) would show no bar.
    pub fn choose(json: bool, quiet: bool) -> Self {
        if json {
            Self::Json
        } else if quiet {
            Self::Quiet
        } else if io::stdout().is_terminal() && !ProgressDrawTarget::stderr().is_hidden() {
            Self::Bar
        } else {
            Self::Lines
        }
    }
}

/// Tells of a run while it goes on.
pub struct Progress {
    telling: Telling,
    bar: ProgressBar,
    last_line: Option<Instant>,
    loss: Option<f64>,
}

impl Progress {
    /// Nothing was told yet.
    pub fn new(telling: Telling) -> Self {
        // It shows itself with the first step.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(style(None));
        Self { telling, bar, last_line: None, loss: None }
    }

    /// A line for people; programs and the quiet don't get it.
    ///
    /// # Errors
    /// See [`output::line()`].
    pub fn say(&self, text: &str) -> anyhow::Result<()> {
        match self.telling {
            Telling::Bar => self.bar.suspend(|| output::line(text)),
            Telling::Lines => output::line(text),
            Telling::Json | Telling::Quiet => Ok(()),
        }
    }

    /// Tells of an event.
    ///
    /// # Errors
    /// See [`output::line()`].
    pub fn tell(&mut self, event: &Event) -> anyhow::Result<()> {
        if self.telling == Telling::Json {
            return output::line(serde_json::to_string(event)?);
        }
        match event {
            Event::Step(step) => self.step(step),
            Event::Evaluation(evaluation) => self.say(&evaluated(evaluation)),
            Event::Done(done) => {
                self.bar.finish_and_clear();
                if self.telling == Telling::Quiet { output::line(finished(done)) } else { self.say(&finished(done)) }
            }
            // The rest of what a plan says is told before the run begins.
            Event::Plan(plan) => {
                self.say(&format!("packed  {:.1} % of the tokens are padding", 100.0 * plan.padding_share))
            }
            // No news.
            Event::Checkpoint(_) => Ok(()),
        }
    }

    fn step(&mut self, step: &StepEvent) -> anyhow::Result<()> {
        let loss = self.loss.map_or(step.loss, |loss| loss + NEWEST_SHARE * (step.loss - loss));
        self.loss = Some(loss);
        match self.telling {
            Telling::Bar => {
                if self.bar.is_hidden() {
                    self.bar.set_draw_target(ProgressDrawTarget::stderr());
                }
                if let Some(total) = step.total_steps
                    && self.bar.length().is_none()
                {
                    self.bar.set_length(total);
                    self.bar.set_style(style(Some(total)));
                }
                self.bar.set_position(step.step);
                self.bar.set_message(describe(step, loss));
                Ok(())
            }
            Telling::Lines if self.last_line.is_none_or(|last| last.elapsed() >= BETWEEN_LINES) => {
                self.last_line = Some(Instant::now());
                let of = step.total_steps.map(|total| format!(" of {total}")).unwrap_or_default();
                output::line(format_args!("step {}{of}: {}", step.step, describe(step, loss)))
            }
            Telling::Lines | Telling::Json | Telling::Quiet => Ok(()),
        }
    }

    /// Takes the bar away, so that what follows stands on lines of its own.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for reading dialogues, of which nobody knows how many there are. Only a terminal shows it.
pub fn reading(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}: {human_pos} dialogues");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())).with_message(what.to_owned())
}

fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => "{bar:24} step {pos} of {len}  {msg}",
        None => "{spinner} step {pos}  {msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn describe(step: &StepEvent, loss: f64) -> String {
    let mut text = format!("loss {loss:.3}");
    if step.bytes_per_token > 0.0 {
        text += &format!(", {:.3} bits per byte", loss / std::f64::consts::LN_2 / step.bytes_per_token);
    }
    text += &format!(", {} tokens/s", Count(step.tokens_per_second));
    if let Some(bytes) = reformer_trainer::resident_bytes() {
        text += &format!(", {}", Bytes(bytes));
    }
    if let Some(seconds) = step.seconds_left {
        text += &format!(", {} left", Seconds(seconds));
    }
    text
}

fn evaluated(event: &EvaluationEvent) -> String {
    format!(
        "step {}, {}: loss {:.3}, perplexity {:.2}, {:.3} bits per byte",
        event.step,
        if event.whole { "the validation split" } else { "a part of the validation split" },
        event.loss,
        event.perplexity,
        event.bits_per_byte
    )
}

fn finished(event: &DoneEvent) -> String {
    let measured = event.peak_rss_bytes.map(|bytes| format!(", {} measured", Bytes(bytes))).unwrap_or_default();
    format!(
        "done: {} steps, {} tokens in {} ({} tokens/s), loss {:.3}; memory {} planned{measured}; parameters {}",
        event.steps,
        Count(event.tokens as f64),
        Seconds(event.seconds),
        Count(event.tokens_per_second),
        event.loss,
        Bytes(event.planned_peak_bytes),
        event.parameters_sha256
    )
}
