//! What a run is suspected of: poison before it, guard words behind slots, shares that streams could not take.

use crate::executor::GpuPrepared;
use reformer_tensor::{BackendError, DType, Location, RunError};

/// What slots and scratch hold before a checked run: a NaN as f32, an impossible index as u32.
const POISON: u32 = 0x7fc0_dead;
/// What stands behind a slot in a checked run.
const GUARD: u32 = 0x6a75_6172;
/// Guard words behind a slot: one cache line.
pub(crate) const GUARD_WORDS: u64 = 16;

impl GpuPrepared {
    /// Fills slots and scratch with poison, and what is behind slots with guard words.
    pub(crate) fn poison(&self) -> Result<(), BackendError> {
        for segments in &self.slots {
            for buffer in segments {
                let words = buffer.size() / 4;
                self.fill(buffer, 0, words - GUARD_WORDS, POISON)?;
                self.fill(buffer, words - GUARD_WORDS, GUARD_WORDS, GUARD)?;
            }
        }
        for buffer in &self.scratch {
            self.fill(buffer, 0, buffer.size() / 4, POISON)?;
        }
        Ok(())
    }

    fn fill(&self, buffer: &wgpu::Buffer, first: u64, count: u64, word: u32) -> Result<(), BackendError> {
        let content = vec![word; count as usize];
        self.device.guarded(&|| "poison".to_owned(), || {
            self.device.queue.write_buffer(buffer, 4 * first, bytemuck::cast_slice(&content));
        })
    }

    /// Looks at the word of each instruction.
    pub(crate) fn check_faults(&self, words: &[u32]) -> Result<(), RunError> {
        let Some(step) = words.iter().position(|&word| word != 0) else { return Ok(()) };
        let instruction = &self.plan.program.instructions[self.plan.schedule[step]];
        let streams = instruction.results();
        let fraction = streams
            .filter_map(|id| match self.plan.program.info(id).dtype {
                DType::Fixed { fraction_bits } => Some(i32::from(fraction_bits)),
                DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => None,
            })
            .next();
        Err(RunError::Range {
            op: instruction.op.name(),
            scope: self.plan.program.scopes[instruction.scope].clone(),
            value: f32::from_bits(words[step]),
            limit: fraction.map_or(f32::INFINITY, |bits| 2f32.powi(31 - bits)),
        })
    }

    pub(crate) fn check_guards(&self) -> Result<(), RunError> {
        for (slot, segments) in self.slots.iter().enumerate() {
            for buffer in segments {
                let words = self.device.download(&[(buffer.clone(), buffer.size() / 4 - GUARD_WORDS, GUARD_WORDS)])?;
                if words.iter().any(|&word| word != GUARD) {
                    let (op, scope) = self.last_writer(slot);
                    return Err(RunError::Guard { op, scope, slot });
                }
            }
        }
        Ok(())
    }

    /// The last instruction with a result in `slot`: who may have written past its end.
    fn last_writer(&self, slot: usize) -> (&'static str, String) {
        let writer =
            self.plan.schedule.iter().rev().map(|&at| &self.plan.program.instructions[at]).find(|instruction| {
                let mut results = instruction.results();
                results.any(|id| self.plan.location(id) == Location::Slot(slot))
            });
        writer.map_or(("nothing", String::new()), |instruction| {
            (instruction.op.name(), self.plan.program.scopes[instruction.scope].clone())
        })
    }
}
