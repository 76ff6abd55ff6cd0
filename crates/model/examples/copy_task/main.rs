//! The Reformer paper's copy task (Kitaev et al. 2020, section 2.1 and table 2): rows `0 w 0 w`, w of 127 symbols, one layer, loss and
//! accuracy on the second half. Trains with some numbers of hash rounds and evaluates each with others.
//!
//! `cargo run --release -p reformer-model --example copy_task -- [SYMBOLS] [MINUTES | STEPSs] [TRAIN,…] [FIRST]`
//!
//! SYMBOLS is |w|: 63 (W = 16, 8 buckets; the default) or 511, the paper's (W = 64, 16 buckets). A training lasts MINUTES or, with an
//! `s` behind it, so many steps; each of TRAIN is `full` or a number of rounds. `full` is one bucket and a window over the whole row:
//! the same shared queries and keys, nothing hashed.
//!
//! With FIRST, training begins with rows of so many symbols, cut from anywhere in a whole row, positions and all, and doubles their
//! number whenever [`ENOUGH`] of them are right. FIRST is 31 or another number of which doubling and adding one make SYMBOLS.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it measured")]

mod per_round;

use reformer_autodiff::Optimiser;
use reformer_cpu::Cpu;
use reformer_model::{LayerKind, MemoryChoice, ModelConfig, PositionEncoding};
use reformer_model::{evaluation_inputs, initial_parameter, random_inputs, record};
use reformer_tensor::{
    Backend, Checks, DType, HostTensor, Inputs, Key, Plan, PlanOptions, Prepared, Program, Store, shape,
};
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

/// Symbols are 1 to 127; 0 separates.
const VOCABULARY: usize = 128;
/// Rows that accuracy is measured on, in all.
const EVALUATED: usize = 64;
/// Rates rise over this many steps, then stay.
const WARM_UP: f64 = 200.0;
/// Steps between two lines of progress.
const TOLD_EVERY: u64 = 250;
/// Steps between two looks at whether longer rows may come.
const LOOKED_EVERY: u64 = 50;
/// The share, in percent, from which on rows get longer.
const ENOUGH: f64 = 90.0;
const SEED: u64 = 1;
/// Makes the key of the places of short rows out of that of their symbols.
const PLACES: u32 = 1;

/// How keys are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Full,
    Rounds(usize),
}

impl Keys {
    fn name(self) -> String {
        match self {
            Keys::Full => "full".to_owned(),
            Keys::Rounds(rounds) => format!("LSH-{rounds}"),
        }
    }
}

/// Sizes of the task, and of its model but for the keys.
#[derive(Clone, Copy)]
struct Task {
    /// |w|.
    symbols: usize,
    /// Symbols of a row: |w|, or fewer while training begins.
    shown: usize,
    /// Rows of a batch.
    batch: usize,
    window: usize,
    buckets: usize,
    width: usize,
    learning_rate: f64,
}

impl Task {
    fn new(symbols: usize) -> Self {
        if symbols < 256 {
            Self { symbols, shown: symbols, batch: 16, window: 16, buckets: 8, width: 128, learning_rate: 1e-3 }
        } else {
            Self { symbols, shown: symbols, batch: 8, window: 64, buckets: 16, width: 256, learning_rate: 5e-4 }
        }
    }

    /// Whether rows of so many symbols become whole ones by doubling and adding one.
    fn grows_from(&self, first: usize) -> bool {
        let mut lengths = std::iter::successors(Some(first), |&shown| Some(2 * shown + 1));
        first > 0 && lengths.find(|&shown| shown >= self.symbols) == Some(self.symbols)
    }

    /// The same with rows of fewer symbols and as many tokens a batch.
    fn showing(&self, shown: usize) -> Self {
        Self { shown, batch: self.batch * (self.shown + 1) / (shown + 1), ..*self }
    }

    /// Tokens of a row. The last symbol is predicted and never read.
    fn length(&self) -> usize {
        2 * self.shown + 2
    }

    /// Positions of a whole row.
    fn positions(&self) -> usize {
        2 * self.symbols + 2
    }

    fn config(&self, keys: Keys) -> ModelConfig {
        let (rounds, window, buckets) = match keys {
            Keys::Full => (1, self.positions(), vec![]),
            Keys::Rounds(rounds) => (rounds, self.window, vec![self.buckets]),
        };
        ModelConfig {
            vocabulary: VOCABULARY,
            width: self.width,
            heads: 4,
            head_width: self.width / 4,
            feed_forward: self.width,
            layers: 1,
            pattern: vec![LayerKind::Lsh],
            positions: PositionEncoding::Learned,
            max_positions: self.positions(),
            rounds,
            window,
            buckets,
            ..ModelConfig::tiny()
        }
    }

    /// Adds rows number `first` and on to the random inputs of a program; gives the rows whose next symbol is scored.
    fn rows(&self, inputs: &mut Inputs, key: Key, first: usize) -> Vec<u32> {
        let (length, half) = (self.length(), self.shown + 1);
        let places = (self.symbols - self.shown + 1) as f64;
        let token = |row: usize, at: usize| match at % half {
            0 => 0,
            symbol => 1 + (key.uniform(((first + row) * half + symbol) as u64) * (VOCABULARY - 1) as f64) as u32,
        };
        let count = self.batch * length;
        let scored = |at: usize| at % length >= half && at % length < length - 1;
        let mut put = |name: &str, value: &dyn Fn(usize, usize) -> u32| {
            let data = (0..count).map(|at| value(at / length, at % length)).collect();
            inputs.insert(name.to_owned(), HostTensor::u32(shape![count], data));
        };
        put("tokens", &token);
        put("targets", &|row, at| token(row, at + 1));
        put("positions", &|row, at| {
            let place = (key.fold_in(PLACES).uniform((first + row) as u64) * places) as usize;
            (place + at / half * (self.symbols + 1) + at % half) as u32
        });
        put("segments", &|row, _| (row * length) as u32);
        let share = 1.0 / (self.batch * self.shown) as f32;
        let weights = (0..count).map(|at| if scored(at) { share } else { 0.0 }).collect();
        inputs.insert("weights".to_owned(), HostTensor::f32(shape![count], weights));
        (0..count).filter(|&at| scored(at)).map(|at| at as u32).collect()
    }
}

/// Parameters that are trained, on the CPU.
struct Model {
    backend: Cpu,
    store: Box<dyn Store>,
}

impl Model {
    fn new(config: &ModelConfig) -> Result<Self, Failure> {
        let backend = Cpu::new(0);
        let mut store = backend.store();
        for spec in config.parameters() {
            store.declare(&spec.name, spec.shape, DType::F32)?;
            store.write(&spec.name, &initial_parameter(&spec, Key::from_seed(SEED)))?;
        }
        Ok(Self { backend, store })
    }

    fn prepare(&mut self, program: &Program) -> Result<Box<dyn Prepared>, Failure> {
        let plan = Plan::new(program, &PlanOptions::default())?;
        plan.declare_states(self.store.as_mut())?;
        Ok(self.backend.prepare(plan, Checks::Off)?)
    }
}

/// How long a training lasts.
#[derive(Clone, Copy)]
enum Duration {
    Minutes(f64),
    Steps(u64),
}

fn train(whole: &Task, first: usize, keys: Keys, duration: Duration) -> Result<Model, Failure> {
    let config = whole.config(keys);
    let mut model = Model::new(&config)?;
    let (mut task, mut drawn) = (whole.showing(first), 0);
    // A batch has as many tokens whatever its rows show: one program is enough.
    let rows = task.batch * task.length();
    let mut gradients = model.prepare(&record::training(&config, rows, MemoryChoice::everything(&config)))?;
    let mut apply = model.prepare(&record::apply(&config, &Optimiser { decay: 0.0, ..Optimiser::default() }))?;
    let (start, mut step) = (Instant::now(), 0u64);
    loop {
        let done = match duration {
            Duration::Minutes(minutes) => start.elapsed().as_secs_f64() >= 60.0 * minutes,
            Duration::Steps(steps) => step >= steps,
        };
        let may_grow = task.shown < task.symbols && step.is_multiple_of(LOOKED_EVERY);
        if done || may_grow || step.is_multiple_of(TOLD_EVERY) {
            let accuracy = accuracy(&task, keys, &mut model)?;
            let grows = may_grow && accuracy >= ENOUGH;
            if done || grows || step.is_multiple_of(TOLD_EVERY) {
                println!(
                    "  trained {} for {step} steps, {:.0} s: {accuracy:.2} % of {} symbols are right",
                    keys.name(),
                    start.elapsed().as_secs_f64(),
                    task.shown
                );
            }
            if grows {
                task = whole.showing(2 * task.shown + 1);
            }
        }
        if done {
            return Ok(model);
        }
        let mut inputs = random_inputs(&config, Key::from_seed(SEED).fold_in(step as u32));
        task.rows(&mut inputs, Key::from_seed(SEED + 1), drawn);
        drawn += task.batch;
        gradients.run(model.store.as_mut(), &inputs)?;
        step += 1;
        let rate = task.learning_rate * (step as f64 / WARM_UP).min(1.0);
        let correction = |beta: f64| (1.0 - beta.powf(step as f64)) as f32;
        let schedule = HostTensor::f32(shape![4], vec![rate as f32, correction(0.9), correction(0.98), 1.0]);
        apply.run(model.store.as_mut(), &[("schedule".to_owned(), schedule)].into())?;
    }
}

/// The share of scored symbols that are predicted, in percent, on rows that training never saw.
fn accuracy(task: &Task, keys: Keys, model: &mut Model) -> Result<f64, Failure> {
    let config = task.config(keys);
    let rows = task.batch * task.length();
    let mut forward = model.prepare(&record::full_logits(&config, rows, task.batch * task.shown, config.heads))?;
    right(task, &config, |inputs| Ok(forward.run(model.store.as_mut(), inputs)?["logits"].clone()))
}

/// [`accuracy`] of whatever makes logits of the inputs' `chosen` rows.
fn right(
    task: &Task,
    config: &ModelConfig,
    mut logits: impl FnMut(&Inputs) -> Result<HostTensor, Failure>,
) -> Result<f64, Failure> {
    let (mut right, mut all) = (0usize, 0usize);
    for first in (0..EVALUATED).step_by(task.batch) {
        let mut inputs = evaluation_inputs(config);
        let chosen = task.rows(&mut inputs, Key::from_seed(SEED + 2), first);
        let targets = inputs["targets"].as_u32().unwrap_or(&[]).to_vec();
        inputs.insert("chosen".to_owned(), HostTensor::u32(shape![chosen.len()], chosen.clone()));
        let logits = logits(&inputs)?;
        for (row, logits) in chosen.iter().zip(logits.as_f32().unwrap_or(&[]).chunks(VOCABULARY)) {
            let best = (0..VOCABULARY).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            right += usize::from(best == Some(targets[*row as usize] as usize));
            all += 1;
        }
    }
    Ok(100.0 * right as f64 / all as f64)
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let task = Task::new(arguments.next().map_or(Ok(63), |text| text.parse())?);
    let duration = match arguments.next() {
        None => Duration::Steps(4000),
        Some(text) => match text.strip_suffix('s') {
            Some(steps) => Duration::Steps(steps.parse()?),
            None => Duration::Minutes(text.parse()?),
        },
    };
    let wanted = arguments.next().unwrap_or_else(|| "2".to_owned());
    let first = arguments.next().map_or(Ok(task.symbols), |text| text.parse())?;
    if !task.grows_from(first) {
        return Err(format!("rows of {first} symbols don't become {} by doubling and adding one", task.symbols).into());
    }
    let trained: Result<Vec<Keys>, Failure> = wanted
        .split(',')
        .map(|text| if text == "full" { Ok(Keys::Full) } else { Ok(Keys::Rounds(text.parse()?)) })
        .collect();
    let Task { symbols, batch, window, buckets, width, .. } = task;
    println!("|w| = {symbols}, {batch} rows a step, W = {window}, {buckets} buckets, one layer of width {width}");
    let evaluated = [Keys::Full, Keys::Rounds(8), Keys::Rounds(4), Keys::Rounds(2), Keys::Rounds(1)];
    let mut table = Vec::new();
    for keys in trained? {
        let mut model = train(&task, first, keys, duration)?;
        let sets: Vec<f64> =
            evaluated.iter().map(|&keys| accuracy(&task, keys, &mut model)).collect::<Result<_, _>>()?;
        let counted: Vec<f64> =
            evaluated.iter().map(|&keys| per_round::accuracy(&task, keys, &mut model)).collect::<Result<_, _>>()?;
        table.push((keys, sets, counted));
    }
    println!("| trained | counted | full | LSH-8 | LSH-4 | LSH-2 | LSH-1 |\n|---|---|---|---|---|---|---|");
    for (keys, sets, counted) in &table {
        for (how, row) in [("once", sets), ("per round", counted)] {
            let cells: Vec<String> = row.iter().map(|share| format!("{share:.1}")).collect();
            println!("| {} | {how} | {} |", keys.name(), cells.join(" | "));
        }
    }
    Ok(())
}
