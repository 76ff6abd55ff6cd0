//! Where the time of steps goes, op by op: `train --profile`. Measuring is the backend's (`Prepared::run_timed`).

use reformer_tensor::Plan;
use std::collections::BTreeMap;
use std::fmt;

/// Times of the operations of a run's steps.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Profile {
    /// Steps that were measured. The first one, in which kernels may be compiled, is not among them.
    pub steps: u64,
    /// By op.
    operations: BTreeMap<&'static str, Operation>,
    skipped_first: bool,
}

/// What one kind of operation took in all measured steps.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
struct Operation {
    count: u64,
    seconds: f64,
    flops: u64,
    /// Of its operands: each that is read, each that is written, both for what is updated.
    bytes: u64,
}

impl Profile {
    /// Whether a step is measured yet: the first is not.
    pub(crate) fn is_warm(&self) -> bool {
        self.skipped_first
    }

    /// Ends a step.
    pub(crate) fn end_step(&mut self) {
        if self.skipped_first {
            self.steps += 1;
        }
        self.skipped_first = true;
    }

    /// Adds a run of a plan: seconds of each instruction of its schedule.
    pub(crate) fn add(&mut self, plan: &Plan, seconds: &[f64]) {
        for (&at, seconds) in plan.schedule.iter().zip(seconds) {
            let instruction = &plan.program.instructions[at];
            let own = self.operations.entry(instruction.op.name()).or_default();
            own.count += 1;
            own.seconds += seconds;
            own.flops += instruction.op.flops(&plan.program, instruction);
            own.bytes += instruction.operand_bytes(&plan.program);
        }
    }
}

/// A table: of each op a step's launches, milliseconds, share, GFLOP/s, and the speed at which its operands pass; the slowest first.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.operations.is_empty() {
            return write!(f, "nothing was timed: the run had fewer than two steps, or its backend has no clock");
        }
        let steps = self.steps.max(1) as f64;
        let total: f64 = self.operations.values().map(|own| own.seconds).sum();
        let mut rows: Vec<_> = self.operations.iter().collect();
        rows.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
        writeln!(
            f,
            "{:24} {:>8} {:>12} {:>8} {:>10} {:>8}",
            "operation", "a step", "ms a step", "share", "GFLOP/s", "GB/s"
        )?;
        for (name, own) in rows {
            // A clock that stood still tells no speed.
            let per_nanosecond = |count: u64| if own.seconds > 0.0 { count as f64 / own.seconds / 1e9 } else { 0.0 };
            writeln!(
                f,
                "{name:24} {:8.0} {:12.2} {:6.1} % {:10.2} {:8.2}",
                own.count as f64 / steps,
                1e3 * own.seconds / steps,
                100.0 * own.seconds / total,
                per_nanosecond(own.flops),
                per_nanosecond(own.bytes)
            )?;
        }
        let flops: u64 = self.operations.values().map(|own| own.flops).sum();
        let bytes: u64 = self.operations.values().map(|own| own.bytes).sum();
        write!(
            f,
            "{:24} {:>8} {:12.2} {:>8} {:10.2} {:8.2}  ({} steps)",
            "all",
            "",
            1e3 * total / steps,
            "",
            flops as f64 / total / 1e9,
            bytes as f64 / total / 1e9,
            self.steps
        )
    }
}
