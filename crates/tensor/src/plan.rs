//! From a program to a schedule with buffers: which instructions run, where each value lives, and what it all takes.
//!
//! Properties:
//! - instructions run in the order of recording; those whose results nobody needs don't run (an update of a state is always needed);
//! - two values share a slot only if the first is dead before the second is written, or if the second is an update of the
//!   first and the first dies there;
//! - a fresh write never shares a slot with an operand of the same instruction;
//! - an update whose old value lives on (or is an input, or is also read there) gets a slot of its own and a copy;
//! - a state is read only in its newest version.
//!
//! What it never does: reorder, split or fuse instructions, or look at a backend.

use crate::error::PlanError;
use crate::{Program, ValueId, ValueKind};

/// What planning may assume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanOptions {
    /// Whether values may share slots. Off, every value has its own: the results must be the same.
    pub share_slots: bool,
    /// What the backend takes beside the slots.
    pub scratch_bytes: u64,
    /// The most bytes the plan may take, states and inputs included.
    pub memory_limit: Option<u64>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { share_slots: true, scratch_bytes: 0, memory_limit: None }
    }
}

/// Where a value lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// In the input of this number.
    Input(usize),
    /// In the state of this number.
    State(usize),
    /// In the slot of this number.
    Slot(usize),
    /// Nowhere: nothing that runs touches it.
    Nowhere,
}

/// A buffer that lives for a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its size.
    pub bytes: u64,
}

/// A schedule with buffers.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// What was planned.
    pub program: Program,
    /// The instructions that run, in order.
    pub schedule: Vec<usize>,
    /// Where each value lives, by value number.
    pub locations: Vec<Location>,
    /// The slots.
    pub slots: Vec<Slot>,
    /// Bytes of temporaries alive while each scheduled instruction runs.
    pub live_bytes: Vec<u64>,
    /// Bytes of all states.
    pub state_bytes: u64,
    /// Bytes of all inputs.
    pub input_bytes: u64,
    /// Bytes that the backend takes beside.
    pub scratch_bytes: u64,
    /// For each scheduled instruction, the values that die with it.
    pub(crate) deaths: Vec<Vec<ValueId>>,
}

impl Plan {
    /// Plans `program`.
    ///
    /// # Errors
    /// The recording's first mistake; a stale read of a state; more memory than the limit.
    pub fn new(program: &Program, options: &PlanOptions) -> Result<Self, PlanError> {
        if let Some(error) = program.error() {
            return Err(error.clone().into());
        }
        let schedule = needed(program);
        check_states(program, &schedule)?;
        let last_use = last_uses(program, &schedule);
        let mut plan = Plan {
            program: program.clone(),
            locations: vec![Location::Nowhere; program.values.len()],
            slots: Vec::new(),
            live_bytes: Vec::with_capacity(schedule.len()),
            state_bytes: program.states.iter().map(|state| program.info(state.value).bytes()).sum(),
            input_bytes: program.inputs.iter().map(|&(_, id)| program.info(id).bytes()).sum(),
            scratch_bytes: options.scratch_bytes,
            deaths: vec![Vec::new(); schedule.len()],
            schedule,
        };
        plan.place(&last_use, options.share_slots);
        let needed = plan.peak_bytes();
        match options.memory_limit {
            Some(limit) if needed > limit => Err(PlanError::Memory { needed, limit }),
            _ => Ok(plan),
        }
    }

    /// The most memory that a run takes: states, inputs, slots and the backend's scratch.
    pub fn peak_bytes(&self) -> u64 {
        self.state_bytes + self.input_bytes + self.scratch_bytes + self.slots.iter().map(|slot| slot.bytes).sum::<u64>()
    }

    /// Floating-point operations of a run.
    pub fn flops(&self) -> u64 {
        self.schedule
            .iter()
            .map(|&at| {
                let instruction = &self.program.instructions[at];
                instruction.op.flops(&self.program, instruction)
            })
            .sum()
    }

    /// Where a value lives.
    pub fn location(&self, id: ValueId) -> Location {
        self.locations[id.0 as usize]
    }

    /// The scheduled instruction with the most temporaries alive: its place in the schedule.
    pub fn peak_step(&self) -> usize {
        let most = self.live_bytes.iter().copied().max().unwrap_or(0);
        self.live_bytes.iter().position(|&bytes| bytes == most).unwrap_or(0)
    }

    fn place(&mut self, last_use: &[usize], share: bool) {
        for (number, &(_, id)) in self.program.inputs.iter().enumerate() {
            self.locations[id.0 as usize] = Location::Input(number);
        }
        for (number, value) in self.program.values.iter().enumerate() {
            if let ValueKind::State(state) = value.kind {
                self.locations[number] = Location::State(state);
            }
        }
        let mut free: Vec<usize> = Vec::new();
        let mut live = 0u64;
        for step in 0..self.schedule.len() {
            let instruction = self.program.instructions[self.schedule[step]].clone();
            let mut inherited = Vec::new();
            for &(old, new) in &instruction.updates {
                if self.program.info(new).kind != ValueKind::Temporary {
                    continue;
                }
                let dies = last_use[old.0 as usize] == step && !instruction.reads.contains(&old);
                match self.location(old) {
                    Location::Slot(slot) if share && dies => {
                        self.locations[new.0 as usize] = Location::Slot(slot);
                        inherited.push(old);
                    }
                    _ => live += self.assign(new, &mut free),
                }
            }
            for &id in &instruction.writes {
                live += self.assign(id, &mut free);
            }
            self.live_bytes.push(live);
            for id in instruction.operands() {
                let Location::Slot(slot) = self.location(id) else { continue };
                let first_mention = !self.deaths[step].contains(&id);
                if last_use[id.0 as usize] == step && first_mention {
                    self.deaths[step].push(id);
                    if !inherited.contains(&id) {
                        live -= self.program.info(id).bytes();
                        if share {
                            free.push(slot);
                        }
                    }
                }
            }
        }
    }

    /// Gives a value the smallest free slot that holds it; else the largest free one, grown; else a new one. Returns its bytes.
    fn assign(&mut self, id: ValueId, free: &mut Vec<usize>) -> u64 {
        let need = self.program.info(id).bytes();
        let best = free
            .iter()
            .enumerate()
            .filter(|&(_, &slot)| self.slots[slot].bytes >= need)
            .min_by_key(|&(_, &slot)| self.slots[slot].bytes);
        let chosen =
            best.or_else(|| free.iter().enumerate().max_by_key(|&(_, &slot)| self.slots[slot].bytes)).map(|(at, _)| at);
        let slot = match chosen {
            Some(at) => {
                let slot = free.swap_remove(at);
                self.slots[slot].bytes = self.slots[slot].bytes.max(need);
                slot
            }
            None => {
                self.slots.push(Slot { bytes: need });
                self.slots.len() - 1
            }
        };
        self.locations[id.0 as usize] = Location::Slot(slot);
        need
    }
}

/// The instructions that an output or a state depends on.
fn needed(program: &Program) -> Vec<usize> {
    let mut wanted = vec![false; program.values.len()];
    for &(_, id) in &program.outputs {
        wanted[id.0 as usize] = true;
    }
    let mut schedule = Vec::new();
    for (at, instruction) in program.instructions.iter().enumerate().rev() {
        let is_needed = |id: ValueId| wanted[id.0 as usize] || matches!(program.info(id).kind, ValueKind::State(_));
        if instruction.results().any(is_needed) {
            schedule.push(at);
            for id in instruction.reads.iter().copied().chain(instruction.updates.iter().map(|&(old, _)| old)) {
                wanted[id.0 as usize] = true;
            }
        }
    }
    schedule.reverse();
    schedule
}

/// For each value the step after which it is dead: outputs live to the end (`usize::MAX`).
fn last_uses(program: &Program, schedule: &[usize]) -> Vec<usize> {
    let mut last = vec![0; program.values.len()];
    for (step, &at) in schedule.iter().enumerate() {
        for id in program.instructions[at].operands() {
            last[id.0 as usize] = step;
        }
    }
    for &(_, id) in &program.outputs {
        last[id.0 as usize] = usize::MAX;
    }
    last
}

fn check_states(program: &Program, schedule: &[usize]) -> Result<(), PlanError> {
    let mut newest: Vec<ValueId> = program.states.iter().map(|state| state.value).collect();
    let stale = |op: &'static str, scope: &str, state: usize| PlanError::StaleState {
        op,
        scope: scope.to_owned(),
        name: program.states[state].name.clone(),
    };
    for &at in schedule {
        let instruction = &program.instructions[at];
        let scope = &program.scopes[instruction.scope];
        let olds = instruction.updates.iter().map(|&(old, _)| old);
        for id in instruction.reads.iter().copied().chain(olds) {
            if let ValueKind::State(state) = program.info(id).kind
                && newest[state] != id
            {
                return Err(stale(instruction.op.name(), scope, state));
            }
        }
        for &(_, new) in &instruction.updates {
            if let ValueKind::State(state) = program.info(new).kind {
                newest[state] = new;
            }
        }
    }
    for &(_, id) in &program.outputs {
        if let ValueKind::State(state) = program.info(id).kind
            && newest[state] != id
        {
            return Err(stale("output", "the program", state));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
