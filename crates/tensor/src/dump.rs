//! Programs and plans as text, for people and for tests that compare them.

use crate::{Location, Plan, Program, ValueId};
use std::fmt;

/// Bytes in the unit that reads best.
fn size(bytes: u64) -> String {
    const MIB: f64 = (1u64 << 20) as f64;
    let mib = bytes as f64 / MIB;
    if mib >= 1024.0 {
        format!("{:.2} GiB", mib / 1024.0)
    } else if mib >= 0.1 {
        format!("{mib:.1} MiB")
    } else {
        format!("{bytes} B")
    }
}

fn value(program: &Program, id: ValueId) -> String {
    format!("%{} {}", id.0, program.info(id).name)
}

fn list(program: &Program, ids: impl Iterator<Item = ValueId>) -> String {
    ids.map(|id| value(program, id)).collect::<Vec<_>>().join(", ")
}

fn line(program: &Program, at: usize) -> String {
    let instruction = &program.instructions[at];
    let shapes: Vec<String> = instruction
        .results()
        .map(|id| {
            let info = program.info(id);
            format!("{} {} {}", value(program, id), info.dtype, info.shape)
        })
        .collect();
    let mut text = format!(
        "{} = {}({})",
        shapes.join(", "),
        instruction.op.name(),
        list(program, instruction.reads.iter().copied())
    );
    if !instruction.updates.is_empty() {
        text += &format!(" in place of {}", list(program, instruction.updates.iter().map(|&(old, _)| old)));
    }
    text
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, ids) in [
            ("input", self.inputs.iter().map(|&(_, id)| id).collect::<Vec<_>>()),
            ("state", self.states.iter().map(|state| state.value).collect()),
        ] {
            for id in ids {
                let info = self.info(id);
                writeln!(f, "{kind} {} {} {}", value(self, id), info.dtype, info.shape)?;
            }
        }
        let mut scope = usize::MAX;
        for (at, instruction) in self.instructions.iter().enumerate() {
            if instruction.scope != scope {
                scope = instruction.scope;
                writeln!(f, "# {}", self.scopes[scope])?;
            }
            writeln!(f, "{at:>4}  {}", line(self, at))?;
        }
        for (name, id) in &self.outputs {
            writeln!(f, "output {name} = {}", value(self, *id))?;
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots: u64 = self.slots.iter().map(|slot| slot.bytes).sum();
        let peak = self.peak_step();
        let at_peak = self.schedule.get(peak).map(|&at| &self.program.instructions[at]);
        writeln!(f, "{} ops in {} slots, peak {}", self.schedule.len(), self.slots.len(), size(self.peak_bytes()))?;
        writeln!(
            f,
            "  states {}, inputs {}, slots {}, scratch {}",
            size(self.state_bytes),
            size(self.input_bytes),
            size(slots),
            size(self.scratch_bytes)
        )?;
        if let Some(instruction) = at_peak {
            writeln!(
                f,
                "  most alive at op {peak} ({}, {}):",
                instruction.op.name(),
                self.program.scopes[instruction.scope]
            )?;
            for live in self.alive_at_peak().iter().take(12) {
                writeln!(f, "    {:>10}  {} ({})", size(live.bytes), live.name, live.scope)?;
            }
        }
        for (step, &at) in self.schedule.iter().enumerate() {
            let instruction = &self.program.instructions[at];
            let places: Vec<String> = instruction
                .results()
                .map(|id| match self.location(id) {
                    Location::Slot(slot) => format!("slot {slot}"),
                    Location::State(_) => "state".to_owned(),
                    Location::Input(_) => "input".to_owned(),
                    Location::Nowhere => "nowhere".to_owned(),
                })
                .collect();
            writeln!(f, "{step:>4}  [{}] {}", places.join(", "), line(&self.program, at))?;
        }
        Ok(())
    }
}
