//! Programs in which every operation occurs at the sizes of use, and the time of each operation in a run of them.

use crate::{Bench, next_tokens, text_inputs};
use reformer_model::{ModelConfig, Precision, evaluation_inputs, record};
use reformer_tensor::{Backend, Op};
use std::collections::BTreeMap;
use std::time::Duration;

/// One layer of the chat preset, that each operation occurs once or a few times, at the given number of rows; W = 64, buckets of
/// about W.
pub fn model(rows: usize) -> ModelConfig {
    let chat = ModelConfig::chat();
    ModelConfig {
        layers: 1,
        pattern: vec![reformer_model::LayerKind::Lsh],
        buckets: crate::bucket_factors(rows, chat.window),
        max_positions: rows,
        ..chat
    }
}

/// The programs. An operation is measured in the first one that holds it: a training step; an evaluation, for what the
/// training step computes otherwise; prefill; an evaluation with weights in halves.
pub fn sources(backend: &dyn Backend, rows: usize) -> Vec<Source> {
    let config = model(rows);
    let training = Bench::training(backend, &config, rows, rows);
    let evaluation = |config: &ModelConfig| {
        let mut bench = Bench::of_model(backend, config, true);
        bench.add(backend, &record::evaluation(config, rows, config.heads), text_inputs(config, rows, rows));
        bench
    };
    let mut prefill = Bench::of_model(backend, &config, false);
    let mut inputs = evaluation_inputs(&config);
    next_tokens(&mut inputs, &config, 0, 1, rows, rows);
    prefill.add(backend, &record::decoding(&config, rows, 1, rows), inputs);
    let halves = evaluation(&ModelConfig { precision: Precision::Bf16, ..config.clone() });
    [training, evaluation(&config), prefill, halves].into_iter().map(Source::new).collect()
}

/// Whether the backend can tell what an instruction takes: not every adapter can.
///
/// # Panics
/// If it can't run a small evaluation.
pub fn has_clock(backend: &dyn Backend) -> bool {
    const ROWS: usize = 64;
    let config = ModelConfig { max_positions: ROWS, ..ModelConfig::tiny() };
    let mut bench = Bench::of_model(backend, &config, true);
    bench.add(backend, &record::evaluation(&config, ROWS, config.heads), text_inputs(&config, ROWS, ROWS));
    let Bench { store, programs } = &mut bench;
    programs.iter_mut().all(|(prepared, inputs)| {
        let (_, seconds) = prepared.run_timed(store.as_mut(), inputs).expect("the inputs fit the program");
        !seconds.is_empty()
    })
}

/// What an operation does in a run of a source's programs.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Work {
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes of its operands: each that is read, each that is written, both for what is updated.
    pub bytes: u64,
}

/// Programs and the times of their runs.
pub struct Source {
    bench: Bench,
    /// What each operation does in a run.
    pub work: BTreeMap<&'static str, Work>,
    /// Of each run the seconds of each operation.
    runs: Vec<BTreeMap<&'static str, f64>>,
}

impl Source {
    fn new(bench: Bench) -> Self {
        let mut work: BTreeMap<&'static str, Work> = BTreeMap::new();
        for (prepared, _) in &bench.programs {
            let plan = prepared.plan();
            for instruction in plan.schedule.iter().map(|&at| &plan.program.instructions[at]) {
                let own = work.entry(instruction.op.name()).or_default();
                own.flops += instruction.op.flops(&plan.program, instruction);
                own.bytes += instruction.operand_bytes(&plan.program);
            }
        }
        Self { bench, work, runs: Vec::new() }
    }

    /// What `op` took in run number `run`, which is made if it wasn't yet; before the first one the programs are verified.
    ///
    /// # Panics
    /// If a run fails, computes nonsense (see [`Bench::verify`]), or the backend has no clock.
    pub fn time(&mut self, op: &str, run: usize) -> Duration {
        if self.runs.is_empty() {
            self.bench.verify();
        }
        while self.runs.len() <= run {
            let mut times = BTreeMap::new();
            for (prepared, inputs) in &mut self.bench.programs {
                let timed = prepared.run_timed(self.bench.store.as_mut(), inputs);
                let (_, seconds) = timed.expect("the inputs fit the program");
                for (&at, seconds) in prepared.plan().schedule.iter().zip(seconds) {
                    *times.entry(prepared.plan().program.instructions[at].op.name()).or_default() += seconds;
                }
            }
            self.runs.push(times);
        }
        let seconds = self.runs[run].get(op).expect("the source has the operation, and the backend a clock");
        Duration::from_secs_f64(*seconds)
    }
}

/// The operations in the order of the enum, each with the place of the source it is measured in.
pub fn places(sources: &[Source]) -> Vec<(&'static str, usize)> {
    let place = |op: &str| sources.iter().position(|source| source.work.contains_key(op));
    Op::NAMES.iter().filter_map(|&op| Some((op, place(op)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_cpu::Cpu;

    /// Few rows, that the test is quick; the programs are the same.
    const ROWS: usize = 128;

    #[test]
    fn every_operation_is_measured() {
        let mut sources = sources(&Cpu::new(1), ROWS);
        let places = places(&sources);
        let named: Vec<&str> = places.iter().map(|(op, _)| *op).collect();
        assert_eq!(named, Op::NAMES, "each operation has a program in `sources` that holds it");
        for (op, place) in places {
            let time = sources[place].time(op, 0);
            assert!(time > Duration::ZERO, "{op} took no time");
            assert!(sources[place].work[op].bytes > 0, "{op} has operands");
        }
    }

    #[test]
    fn the_work_of_a_run_is_that_of_its_plans() {
        for source in sources(&Cpu::new(1), ROWS) {
            let planned: u64 = source.bench.programs.iter().map(|(prepared, _)| prepared.plan().flops()).sum();
            assert_eq!(source.work.values().map(|work| work.flops).sum::<u64>(), planned);
        }
    }
}
