//! The training loop: steps, evaluations, checkpoints, and what is reported of them. How one step runs is in `step.rs`, how a run is
//! opened in `open.rs`.

use crate::budget::{Costs, seconds_per_step, steps_that_fit};
use crate::config::fix_steps;
use crate::evaluate::{Evaluator, Part, Sums, plan as plan_evaluation};
use crate::metrics::{Line, Metrics};
use crate::state::LAST_LOSSES;
use crate::step::{Programs, RunKeys, StepFault, StepResult};
use crate::{
    Batches, CheckpointEvent, Control, DoneEvent, Evaluation, EvaluationEvent, Event, Example, Extension, LastGood,
    MEASURED_STEPS, Profile, Schedule, StepEvent, StepPlan, TrainError, TrainerState, TrainingConfig, peak_rss_bytes,
    picture,
};
use reformer_session::{Belonging, RunConfig, RunFolder, RunLock, Snapshot, TensorSpec};
use reformer_tensor::op::ROW_BLOCK;
use reformer_tensor::{Backend, StopWish, Store};
use std::path::PathBuf;

/// Before a checkpoint was saved, it is taken to be written (hashed and synced too) at so many bytes per second.
const ASSUMED_BYTES_PER_SECOND: f64 = 100e6;
/// Parameters and two moments, four bytes each.
const SAVED_BYTES_PER_PARAMETER: f64 = 12.0;
/// What error messages call what is evaluated while training.
const VALIDATION: &str = "validation";

/// How a run ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It has all its steps.
    Done(DoneEvent),
    /// The observer stopped it.
    Stopped {
        /// Steps that were trained.
        step: u64,
        /// The checkpoint to go on from; none if it was stopped before the first step.
        checkpoint: Option<PathBuf>,
    },
}

/// What is evaluated while training.
pub(crate) struct Validation {
    pub examples: Vec<Example>,
    /// The same part each time.
    pub part: Part,
    /// What is evaluated at the end beside it.
    pub rest: Part,
}

/// A training run: see [`Trainer::run`].
pub struct Trainer<'a> {
    pub(crate) backend: &'a dyn Backend,
    pub(crate) run: RunFolder,
    pub(crate) _lock: RunLock,
    pub(crate) config: RunConfig,
    pub(crate) training: TrainingConfig,
    pub(crate) batches: Batches,
    pub(crate) validation: Option<Validation>,
    pub(crate) bytes_per_token: f64,
    pub(crate) plan: StepPlan,
    pub(crate) programs: Option<Programs>,
    pub(crate) store: Box<dyn Store>,
    pub(crate) parameters: Vec<TensorSpec>,
    pub(crate) moments: Vec<TensorSpec>,
    pub(crate) schedule: Schedule,
    pub(crate) keys: RunKeys,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Box<dyn Fn() -> f64 + 'a>,
    pub(crate) step: u64,
    pub(crate) state: TrainerState,
    /// The newest checkpoint: its step, folder and hash of the parameters.
    pub(crate) saved: Option<Saved>,
    /// Seconds of the steps of this process, while the number of steps is open.
    pub(crate) measured: Vec<f64>,
    pub(crate) evaluation_seconds: Option<f64>,
    pub(crate) checkpoint_seconds: Option<f64>,
    /// Seconds of the run before this process.
    pub(crate) seconds_before: f64,
    pub(crate) profile: Option<Profile>,
    /// What its checkpoints belong to.
    pub(crate) belonging: Belonging,
    pub(crate) is_vouched_for: bool,
    pub(crate) extension: Option<Extension>,
    pub(crate) stop: &'a StopWish<'a>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Saved {
    pub step: u64,
    pub path: PathBuf,
    pub parameters_sha256: String,
}

/// The observer, and whether it ever asked to stop.
struct Reporter<'o> {
    observer: &'o mut dyn FnMut(&Event) -> Control,
    stop: bool,
}

impl Reporter<'_> {
    fn report(&mut self, event: &Event) {
        self.stop |= (self.observer)(event) == Control::Stop;
    }
}

impl Trainer<'_> {
    /// The run's config: with `minutes` its number of steps is fixed on the way.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Steps that were trained so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The plan of a step.
    pub fn plan(&self) -> &StepPlan {
        &self.plan
    }

    /// Whether the checkpoint that the run goes on from names the tokenizer and the model that it belongs to, and they are those of its
    /// folder. Those of older versions name neither: then it can't be known.
    pub fn is_vouched_for(&self) -> bool {
        self.is_vouched_for
    }

    /// That the run was done and goes on to more steps, if it does.
    pub fn extension(&self) -> Option<Extension> {
        self.extension
    }

    /// Times the operations of the steps that follow.
    pub fn measure(&mut self) {
        self.profile = Some(Profile::default());
    }

    /// The times since [`Trainer::measure`].
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// Trains until the run has all its steps, or the observer wants to stop: then a checkpoint is saved, and the same run goes on from it
    /// with [`crate::Start::Resume`]. The observer sees every event as it happens; a run that is done already reports that again.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] with the last good checkpoint; what the backend, the plan or the folder report. The folder then holds what
    /// was last saved.
    pub fn run(&mut self, observer: &mut dyn FnMut(&Event) -> Control) -> Result<Outcome, TrainError> {
        let mut reporter = Reporter { observer, stop: false };
        let mut plan = self.plan.event(self.backend);
        plan.from_step = self.step;
        plan.padding_share = self.batches.epoch().padding_share();
        reporter.report(&Event::Plan(plan));
        if !self.state.finished {
            if self.training.init_from.is_some() && self.saved.is_none() {
                // The other run may change later; this one must not begin anew with something else.
                self.save(None, &mut reporter)?;
            }
            if self.state.evaluation_due && self.training.steps != Some(self.step) {
                self.between_steps(&mut reporter)?;
            }
            while self.training.steps.is_none_or(|total| self.step < total) {
                if self.is_to_stop(&reporter) {
                    return self.stop(&mut reporter);
                }
                self.train_step(&mut reporter)?;
                self.fix_steps_if_measured()?;
                if self.training.steps != Some(self.step) {
                    self.between_steps(&mut reporter)?;
                }
            }
            if !self.finish(&mut reporter)? {
                return self.stop(&mut reporter);
            }
        }
        let done = self.done();
        reporter.report(&Event::Done(done.clone()));
        Ok(Outcome::Done(done))
    }

    fn train_step(&mut self, reporter: &mut Reporter) -> Result<(), TrainError> {
        let number = self.step + 1;
        let began = (self.clock)();
        if self.programs.is_none() {
            self.programs = Some(Programs::prepare(&self.plan, self.backend)?);
        }
        let programs = self.programs.as_mut().expect("they were prepared above");
        let result = programs.step(
            self.store.as_mut(),
            &self.config.model,
            &mut self.batches,
            self.training.accumulate,
            &self.schedule,
            self.keys,
            number,
            self.profile.as_mut(),
        );
        let StepResult { loss, gradient_norm, tokens } = match result {
            Ok(result) => result,
            Err(StepFault::Run(error)) => return Err(error.into()),
            Err(StepFault::Diverged(what)) => {
                let good = self.run.checkpoints().latest_good()?.map(|checkpoint| checkpoint.path().to_owned());
                return Err(TrainError::Diverged { step: number, what, last_good: LastGood(good) });
            }
        };
        let seconds = (self.clock)() - began;
        self.step = number;
        self.state.position = self.batches.position();
        self.state.tokens += tokens;
        self.state.step_seconds += seconds;
        self.state.last_losses.push(loss);
        if self.state.last_losses.len() > LAST_LOSSES {
            self.state.last_losses.remove(0);
        }
        if self.training.steps.is_none() {
            self.measured.push(seconds);
        }
        let left = self.training.steps.map(|total| total.saturating_sub(number));
        let event = StepEvent {
            step: number,
            loss,
            learning_rate: self.schedule.learning_rate(number),
            gradient_norm,
            tokens_per_second: per_second(tokens, seconds),
            total_steps: self.training.steps,
            bytes_per_token: self.bytes_per_token,
            is_followed_by_evaluation: self.validation.is_some()
                && (left == Some(0) || number.is_multiple_of(self.training.evaluate_every)),
            seconds_left: left.map(|left| self.state.step_seconds / number as f64 * left as f64),
        };
        self.metrics.append(&Line::Step(event.clone()))?;
        reporter.report(&Event::Step(event));
        Ok(())
    }

    /// With `minutes`: fixes the number of steps once enough of them are measured, or none fits any more.
    fn fix_steps_if_measured(&mut self) -> Result<(), TrainError> {
        let (None, Some(minutes)) = (self.training.steps, self.training.minutes) else { return Ok(()) };
        let left = 60.0 * minutes - self.seconds();
        let (evaluate_every, save_every) = (self.training.evaluate_every, self.training.save_every);
        let steps = steps_that_fit(self.step, left, self.costs()?, evaluate_every, save_every);
        if self.measured.len() as u64 >= MEASURED_STEPS || steps == self.step {
            fix_steps(&self.run, &mut self.config, &mut self.training, steps)?;
            self.schedule = Schedule::new(&self.training);
            self.measured.clear();
        }
        Ok(())
    }

    /// What things take: as measured where they have happened, else from the floating-point operations or bytes that they are.
    fn costs(&self) -> Result<Costs, TrainError> {
        let step = seconds_per_step(&self.measured);
        let (mut evaluation, mut last_evaluation) = (0.0, 0.0);
        if let Some(Validation { part, rest, .. }) = &self.validation {
            let rows = self.training.rows();
            let plan = plan_evaluation(self.backend, &self.config.model, rows, self.plan.choice.head_group)?;
            let flops_per_row = plan.flops() as f64 / rows as f64;
            let seconds_per_row = step * flops_per_row / self.plan.flops as f64;
            evaluation = self.evaluation_seconds.unwrap_or(part.rows() as f64 * seconds_per_row);
            // With a checkpoint before it.
            last_evaluation =
                self.seconds_per_checkpoint() + evaluation * (1.0 + rest.rows() as f64 / part.rows().max(1) as f64);
        }
        Ok(Costs { step, evaluation, last_evaluation, checkpoint: self.seconds_per_checkpoint() })
    }

    fn seconds_per_checkpoint(&self) -> f64 {
        let bytes = self.plan.parameters as f64 * SAVED_BYTES_PER_PARAMETER;
        self.checkpoint_seconds.unwrap_or(bytes / ASSUMED_BYTES_PER_SECOND)
    }

    fn is_to_stop(&self, reporter: &Reporter) -> bool {
        reporter.stop || (self.stop)()
    }

    /// What is due after a step that is not the last. An evaluation that somebody breaks off is still due when the run goes on,
    /// though the interval may be another by then.
    fn between_steps(&mut self, reporter: &mut Reporter) -> Result<(), TrainError> {
        let mut loss = None;
        let is_wanted = self.state.evaluation_due || self.step.is_multiple_of(self.training.evaluate_every);
        if is_wanted && self.validation.is_some() {
            let began = (self.clock)();
            let Some((part, _)) = self.evaluate(false, reporter)? else { return Ok(()) };
            self.evaluation_seconds = Some((self.clock)() - began);
            loss = Some(part.evaluation(VALIDATION)?.loss);
            self.report_evaluation(part, false, reporter)?;
        }
        self.state.evaluation_due = false;
        if self.step.is_multiple_of(self.training.save_every) {
            self.save(loss, reporter)?;
        }
        // Behind what counts: work is not lost for a picture.
        if loss.is_some() { picture::draw(&self.run.picture_path(), &self.metrics.history) } else { Ok(()) }
    }

    /// Sums over the part of the validation split that is always evaluated, and over the rest of it where that is wanted. None if somebody
    /// wants to stop: then the evaluation is due.
    fn evaluate(&mut self, whole: bool, reporter: &Reporter) -> Result<Option<(Sums, Sums)>, TrainError> {
        let Some(validation) = &self.validation else { return Ok(None) };
        self.state.evaluation_due = true;
        if self.is_to_stop(reporter) {
            return Ok(None);
        }
        // One program's slots at a time, so that the planned peak stays the peak.
        self.programs = None;
        // A short split needs no row as long as training's; padding changes no result.
        let needed = validation.part.rows().max(validation.rest.rows()).next_multiple_of(ROW_BLOCK);
        let (rows, head_group) = (self.training.rows().min(needed), self.plan.choice.head_group);
        let (store, stop) = (self.store.as_mut(), self.stop);
        let mut evaluator = Evaluator::new(self.backend, store, &self.config.model, rows, head_group)?;
        let mut run = |part: &Part| evaluator.run(store, &validation.examples, part, stop);
        let sums = run(&validation.part)
            .and_then(|part| Ok((part, if whole { run(&validation.rest)? } else { Sums::default() })));
        match sums {
            Ok(sums) => Ok(Some(sums)),
            Err(TrainError::Stopped { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn report_evaluation(&mut self, sums: Sums, whole: bool, reporter: &mut Reporter) -> Result<(), TrainError> {
        let Evaluation { loss, perplexity, bits_per_byte, .. } = sums.evaluation(VALIDATION)?;
        let event = EvaluationEvent { step: self.step, loss, perplexity, bits_per_byte, whole };
        self.metrics.append(&Line::Evaluation(event.clone()))?;
        reporter.report(&Event::Evaluation(event));
        Ok(())
    }

    /// Saves a checkpoint; `loss` is that of an evaluation at this step on the part of the split that all steps share.
    fn save(&mut self, loss: Option<f64>, reporter: &mut Reporter) -> Result<(), TrainError> {
        let began = (self.clock)();
        self.state.seconds = self.seconds();
        self.metrics.sync()?;
        let snapshot = Snapshot {
            step: self.step,
            evaluation_loss: loss,
            parameters: &self.parameters,
            optimizer: &self.moments,
            belongs_to: Some(&self.belonging),
            trainer: &self.state,
        };
        let checkpoint = self.run.checkpoints().save(self.store.as_ref(), &snapshot)?;
        let parameters_sha256 = checkpoint.state::<TrainerState>()?.parameters_sha256;
        let path = checkpoint.path().to_owned();
        self.saved = Some(Saved { step: self.step, path: path.clone(), parameters_sha256 });
        self.checkpoint_seconds = Some((self.clock)() - began);
        reporter.report(&Event::Checkpoint(CheckpointEvent { step: self.step, path: path.into() }));
        Ok(())
    }

    fn stop(&mut self, reporter: &mut Reporter) -> Result<Outcome, TrainError> {
        if self.step > 0 && self.saved.as_ref().is_none_or(|saved| saved.step != self.step) {
            self.save(None, reporter)?;
        }
        Ok(Outcome::Stopped { step: self.step, checkpoint: self.saved.as_ref().map(|saved| saved.path.clone()) })
    }

    /// The last evaluation, on the whole validation split, and the last checkpoint. Whether it got so far: somebody may want to stop.
    fn finish(&mut self, reporter: &mut Reporter) -> Result<bool, TrainError> {
        let mut loss = None;
        if self.validation.is_some() {
            if self.saved.as_ref().is_none_or(|saved| saved.step != self.step) {
                // It may take long, and its steps are worth more than the figure.
                self.state.evaluation_due = true;
                self.save(None, reporter)?;
            }
            let Some((part, rest)) = self.evaluate(true, reporter)? else { return Ok(false) };
            loss = Some(part.evaluation(VALIDATION)?.loss);
            self.report_evaluation(part + rest, true, reporter)?;
        }
        (self.state.finished, self.state.evaluation_due) = (true, false);
        self.save(loss, reporter)?;
        picture::draw(&self.run.picture_path(), &self.metrics.history)?;
        Ok(true)
    }

    fn done(&self) -> DoneEvent {
        let TrainerState { tokens, seconds, step_seconds, ref last_losses, .. } = self.state;
        DoneEvent {
            steps: self.step,
            tokens,
            loss: last_losses.iter().sum::<f64>() / last_losses.len().max(1) as f64,
            seconds,
            tokens_per_second: per_second(tokens, step_seconds),
            planned_peak_bytes: self.plan.peak_bytes(),
            peak_rss_bytes: peak_rss_bytes(),
            parameters_sha256: self.saved.as_ref().map(|saved| saved.parameters_sha256.clone()).unwrap_or_default(),
        }
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + (self.clock)()
    }
}

/// A speed; 0 where nothing took any time, since what is no number can't be said in JSON.
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}
