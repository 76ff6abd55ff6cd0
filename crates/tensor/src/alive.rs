//! What is alive while a plan runs: at its peak by name, at every op by kind. Which value lives where is decided in `plan.rs`.

use crate::{Instruction, Location, Plan, Value, ValueId};

/// A value that is alive at the peak.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveValue {
    /// Its name.
    pub name: String,
    /// Where it was recorded.
    pub scope: String,
    /// Its size.
    pub bytes: u64,
}

/// Who is in a slot, and the instruction that made it. An update in place is one buffer under two names: the newer is here.
type Tenant = (ValueId, usize);

impl Plan {
    /// The temporaries alive at [`Plan::peak_step`], largest first.
    pub fn alive_at_peak(&self) -> Vec<LiveValue> {
        let peak = self.peak_step();
        let mut values = Vec::new();
        self.walk(|step, tenants| {
            if step == peak {
                values = tenants.iter().flatten().map(|&(id, at)| self.live_value(id, at)).collect();
            }
        });
        values.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        values
    }

    /// [`Plan::live_bytes`] in `KINDS` parts: `kind_of` says which one a value belongs to, by the value and the instruction
    /// that made it.
    ///
    /// # Panics
    /// If `kind_of` names a kind that there is not.
    pub fn live_bytes_by<const KINDS: usize>(
        &self,
        kind_of: impl Fn(&Value, &Instruction) -> usize,
    ) -> Vec<[u64; KINDS]> {
        let mut parts = Vec::with_capacity(self.schedule.len());
        self.walk(|_, tenants| {
            let mut bytes = [0; KINDS];
            for &(id, at) in tenants.iter().flatten() {
                let value = self.program.info(id);
                bytes[kind_of(value, &self.program.instructions[at])] += value.bytes();
            }
            parts.push(bytes);
        });
        parts
    }

    fn live_value(&self, id: ValueId, at: usize) -> LiveValue {
        let (value, instruction) = (self.program.info(id), &self.program.instructions[at]);
        LiveValue {
            name: value.name.clone(),
            scope: self.program.scopes[instruction.scope].clone(),
            bytes: value.bytes(),
        }
    }

    /// Shows who is in each slot while each scheduled instruction runs.
    fn walk(&self, mut show: impl FnMut(usize, &[Option<Tenant>])) {
        let mut tenants = vec![None; self.slots.len()];
        for (step, &at) in self.schedule.iter().enumerate() {
            for id in self.program.instructions[at].results() {
                if let Location::Slot(slot) = self.location(id) {
                    tenants[slot] = Some((id, at));
                }
            }
            show(step, &tenants);
            for &dead in &self.deaths[step] {
                // The slot of what was updated in place has a new tenant already.
                if let Location::Slot(slot) = self.location(dead)
                    && tenants[slot].is_some_and(|(id, _)| id == dead)
                {
                    tenants[slot] = None;
                }
            }
        }
    }
}
