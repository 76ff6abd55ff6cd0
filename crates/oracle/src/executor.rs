//! Runs plans in their slots, so that a wrong plan shows here too. No formulas.

use crate::array::Array;
use crate::ops;
use crate::store::OracleStore;
use reformer_tensor::{
    Backend, BackendError, Checks, Inputs, Instruction, Location, Outputs, Plan, Prepared, Program, RunError, StopWish,
    Store, ValueId,
};

/// The float64 oracle.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oracle;

impl Oracle {
    /// An oracle; there is nothing to choose.
    pub fn new() -> Self {
        Self
    }
}

impl Backend for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn adapter(&self) -> String {
        "float64, plain loops, 1 thread".to_owned()
    }

    /// Doubles take twice what the plan counts, and values are copied freely: the oracle keeps no memory promise.
    fn scratch_bytes(&self, _program: &Program) -> u64 {
        0
    }

    fn store(&self) -> Box<dyn Store> {
        Box::new(OracleStore::default())
    }

    /// Nothing to check: arrays have their own length, and unwritten elements are always NaN.
    fn prepare(&self, plan: Plan, _checks: Checks) -> Result<Box<dyn Prepared>, BackendError> {
        Ok(Box::new(OraclePrepared { slots: Vec::new(), inputs: Vec::new(), plan }))
    }
}

struct OraclePrepared {
    plan: Plan,
    inputs: Vec<Array>,
    /// What each slot holds now; `None` before its first value.
    slots: Vec<Option<Array>>,
}

impl Prepared for OraclePrepared {
    fn run(&mut self, store: &mut dyn Store, inputs: &Inputs) -> Result<Outputs, RunError> {
        self.run_until(store, inputs, &|| false)
    }

    fn run_until(&mut self, store: &mut dyn Store, inputs: &Inputs, stop: &StopWish<'_>) -> Result<Outputs, RunError> {
        let foreign = || BackendError::Device("the store belongs to another backend".to_owned());
        let store = store.as_any_mut().downcast_mut::<OracleStore>().ok_or_else(foreign)?;
        for spec in &self.plan.program.states {
            let value = self.plan.program.info(spec.value);
            store.state(&spec.name, value.shape, value.dtype)?;
        }
        self.inputs = self.read_inputs(inputs)?;
        self.slots = vec![None; self.plan.slots.len()];
        for step in 0..self.plan.schedule.len() {
            if stop() {
                return Err(RunError::Stopped);
            }
            let instruction = self.plan.program.instructions[self.plan.schedule[step]].clone();
            self.instruction(&instruction, store)?;
        }
        let outputs = self.plan.program.outputs.iter();
        let outputs = outputs.map(|(name, id)| (name.clone(), self.value(*id, store).to_host())).collect();
        self.slots.clear();
        Ok(outputs)
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl OraclePrepared {
    fn read_inputs(&self, inputs: &Inputs) -> Result<Vec<Array>, RunError> {
        let program = &self.plan.program;
        let read = program.inputs.iter().map(|(name, id)| {
            let value = program.info(*id);
            let given = inputs.get(name);
            given.and_then(|tensor| Array::from_host(tensor, value.shape, value.dtype)).ok_or_else(|| RunError::Input {
                name: name.clone(),
                got: given.map_or_else(|| "missing".to_owned(), reformer_tensor::HostTensor::describe),
                expected: value.dtype.describe(value.shape),
            })
        });
        read.collect()
    }

    fn value<'a>(&'a self, id: ValueId, store: &'a OracleStore) -> &'a Array {
        match self.plan.location(id) {
            Location::Input(number) => &self.inputs[number],
            Location::State(number) => &store.states[&self.plan.program.states[number].name],
            Location::Slot(number) => {
                self.slots[number].as_ref().expect("a plan's schedule writes a slot before it reads it")
            }
            Location::Nowhere => unreachable!("a plan gives every value that a scheduled instruction touches a place"),
        }
    }

    fn put(&mut self, id: ValueId, array: Array, store: &mut OracleStore) {
        match self.plan.location(id) {
            Location::State(number) => {
                store.states.insert(self.plan.program.states[number].name.clone(), array);
            }
            Location::Slot(number) => self.slots[number] = Some(array),
            Location::Input(_) | Location::Nowhere => {}
        }
    }

    fn instruction(&mut self, instruction: &Instruction, store: &mut OracleStore) -> Result<(), RunError> {
        let program = &self.plan.program;
        let mut updates: Vec<Array> =
            instruction.updates.iter().map(|&(old, _)| self.value(old, store).clone()).collect();
        let mut writes: Vec<Array> = instruction
            .writes
            .iter()
            .map(|&id| Array::unwritten(program.info(id).shape, program.info(id).dtype))
            .collect();
        let reads: Vec<&Array> = instruction.reads.iter().map(|&id| self.value(id, store)).collect();
        ops::run(&instruction.op, &reads, &mut updates, &mut writes)
            .map_err(|fault| fault.named(program, instruction))?;
        let results = instruction.results();
        for (id, array) in results.zip(updates.into_iter().chain(writes)) {
            self.put(id, array, store);
        }
        Ok(())
    }
}
