//! Runs plans: slots, operands, copies, faults. No numeric code.

use crate::buffer::{Buffer, View, ViewMut};
use crate::environment::{Environment, Fault, Operands};
use crate::ops;
use crate::scratch;
use crate::store::CpuStore;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use reformer_tensor::{
    Backend, BackendError, Checks, HostTensor, Inputs, Instruction, Location, Outputs, Plan, Prepared, Program,
    RunError, StopWish, Store, ValueId,
};
use std::sync::Arc;
use std::time::Instant;

/// What slots hold before a checked run: a NaN as f32, an impossible index as u32.
const POISON: u32 = 0x7fc0_dead;
/// What stands behind a slot in a checked run.
const GUARD: u32 = 0x6a75_6172;
/// Guard words behind a slot: one cache line.
const GUARD_WORDS: usize = 16;

/// The CPU backend. All in a process share the memory that kernels work in; it is kept until the process ends.
pub struct Cpu {
    environment: Environment,
    pool: Arc<ThreadPool>,
}

impl Cpu {
    /// A backend with `threads` threads (0: one a core), the best SIMD level, and fast kernels.
    ///
    /// # Errors
    /// [`BackendError::Device`] if the system does not start as many threads.
    pub fn try_new(threads: usize) -> Result<Self, BackendError> {
        Self::try_with(Environment::detect(threads))
    }

    /// A backend with everything said.
    ///
    /// # Errors
    /// As [`Cpu::try_new`].
    pub fn try_with(environment: Environment) -> Result<Self, BackendError> {
        let environment = environment.resolved();
        let threads = environment.threads;
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("reformer-cpu-{index}"));
        let pool = pool.build().map_err(|error| refused_threads(threads, &error))?;
        Ok(Self { environment, pool: Arc::new(pool) })
    }

    /// [`Cpu::try_new`] for tests and benches.
    ///
    /// # Panics
    /// If the system does not start as many threads.
    pub fn new(threads: usize) -> Self {
        Self::try_new(threads).unwrap_or_else(|error| panic!("{error}"))
    }

    /// [`Cpu::try_with`] for tests and benches.
    ///
    /// # Panics
    /// If the system does not start as many threads.
    pub fn with(environment: Environment) -> Self {
        Self::try_with(environment).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What its kernels know of the machine; `threads` is resolved.
    pub fn environment(&self) -> Environment {
        self.environment
    }
}

fn refused_threads(threads: usize, error: &ThreadPoolBuildError) -> BackendError {
    let noun = if threads == 1 { "thread" } else { "threads" };
    BackendError::Device(format!("the system did not start {threads} {noun} ({error}): ask for fewer"))
}

impl Backend for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn adapter(&self) -> String {
        self.environment.to_string()
    }

    fn scratch_bytes(&self, program: &Program) -> u64 {
        ops::scratch_bytes(program, &self.environment)
    }

    fn store(&self) -> Box<dyn Store> {
        Box::new(CpuStore::default())
    }

    fn prepare(&self, plan: Plan, checks: Checks) -> Result<Box<dyn Prepared>, BackendError> {
        check_places(&plan)?;
        let guard = if checks == Checks::Poison { GUARD_WORDS } else { 0 };
        let slots = plan.slots.iter().map(|slot| Buffer::zeroed((slot.bytes / 4) as usize + guard));
        let slots = slots.collect::<Result<_, _>>().map_err(|error| refused_memory(&plan, error))?;
        scratch::reserve(&ops::buffers(&plan.program, &self.environment))
            .map_err(|error| refused_memory(&plan, error))?;
        let (plan, environment, pool) = (Arc::new(plan), self.environment, self.pool.clone());
        Ok(Box::new(CpuPrepared { plan, slots, checks, environment, pool }))
    }
}

/// Plans know what they take before anything runs, so a system that hasn't as much is told apart from a mistake.
fn refused_memory(plan: &Plan, error: BackendError) -> BackendError {
    let needed = plan.peak_bytes();
    BackendError::Device(format!("{error}; the plan takes {needed} bytes in all: plan with a lower memory limit"))
}

/// A kernel borrows what it changes alone: an instruction may not read a buffer that it changes, nor change one twice. Plans keep
/// slots apart; a state that is read and updated by one instruction is the caller's mistake.
fn check_places(plan: &Plan) -> Result<(), BackendError> {
    for &at in &plan.schedule {
        let instruction = &plan.program.instructions[at];
        let changed: Vec<ValueId> = instruction.results().collect();
        for (index, &id) in changed.iter().enumerate() {
            let others = instruction.reads.iter().chain(&changed[..index]);
            if others.into_iter().any(|&other| plan.location(other) == plan.location(id)) {
                let (op, scope) = (instruction.op.name(), &plan.program.scopes[instruction.scope]);
                let name = &plan.program.info(id).name;
                return Err(BackendError::Device(format!(
                    "{op} in {scope} changes `{name}`, which is another of its operands, too: give it a tensor of its own"
                )));
            }
        }
    }
    Ok(())
}

struct CpuPrepared {
    /// Shared with a run, which walks over it while it changes the slots.
    plan: Arc<Plan>,
    slots: Vec<Buffer>,
    checks: Checks,
    environment: Environment,
    pool: Arc<ThreadPool>,
}

/// A mutable buffer that was taken out of its place while an instruction runs.
struct Taken {
    place: Location,
    buffer: Buffer,
}

impl Prepared for CpuPrepared {
    fn run(&mut self, store: &mut dyn Store, inputs: &Inputs) -> Result<Outputs, RunError> {
        self.run_with(store, inputs, None, &|| false)
    }

    fn run_until(&mut self, store: &mut dyn Store, inputs: &Inputs, stop: &StopWish<'_>) -> Result<Outputs, RunError> {
        self.run_with(store, inputs, None, stop)
    }

    fn run_timed(&mut self, store: &mut dyn Store, inputs: &Inputs) -> Result<(Outputs, Vec<f64>), RunError> {
        let mut times = Vec::with_capacity(self.plan.schedule.len());
        let outputs = self.run_with(store, inputs, Some(&mut times), &|| false)?;
        Ok((outputs, times))
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl CpuPrepared {
    /// Runs the plan; seconds of each instruction go into `times`.
    fn run_with(
        &mut self,
        store: &mut dyn Store,
        inputs: &Inputs,
        times: Option<&mut Vec<f64>>,
        stop: &StopWish<'_>,
    ) -> Result<Outputs, RunError> {
        let foreign = || BackendError::Device("the store belongs to another backend".to_owned());
        let store = store.as_any_mut().downcast_mut::<CpuStore>().ok_or_else(foreign)?;
        let inputs = self.plan.input_words(inputs)?;
        self.check_states(store)?;
        if self.checks == Checks::Poison {
            self.poison();
        }
        let pool = self.pool.clone();
        pool.install(|| self.instructions(store, &inputs, times, stop))?;
        let outputs = self.plan.program.outputs.iter().map(|(name, id)| {
            let value = self.plan.program.info(*id);
            let words = self.words(*id, store, &inputs);
            let words = words[..value.dtype.words(value.shape.elements())].to_vec();
            (name.clone(), HostTensor::from_words(value.shape, value.dtype, words))
        });
        Ok(outputs.collect())
    }

    fn check_states(&self, store: &CpuStore) -> Result<(), RunError> {
        for spec in &self.plan.program.states {
            let value = self.plan.program.info(spec.value);
            let state =
                store.states.get(&spec.name).ok_or_else(|| BackendError::Missing { name: spec.name.clone() })?;
            BackendError::unless_same(&spec.name, (state.shape, state.dtype), (value.shape, value.dtype))?;
        }
        Ok(())
    }

    fn poison(&mut self) {
        for buffer in &mut self.slots {
            let words = buffer.words_mut();
            let (content, guard) = words.split_at_mut(words.len() - GUARD_WORDS);
            content.fill(POISON);
            guard.fill(GUARD);
        }
    }

    fn words<'a>(&'a self, id: ValueId, store: &'a CpuStore, inputs: &[&'a [u32]]) -> &'a [u32] {
        match self.plan.location(id) {
            Location::Input(number) => inputs[number],
            Location::State(number) => {
                let name = &self.plan.program.states[number].name;
                store.states[name].buffer.words()
            }
            Location::Slot(number) => self.slots[number].words(),
            Location::Nowhere => &[],
        }
    }

    fn take(&mut self, id: ValueId, store: &mut CpuStore) -> Taken {
        let place = self.plan.location(id);
        let buffer = match place {
            Location::State(number) => {
                let name = &self.plan.program.states[number].name;
                store.states.get_mut(name).map(|state| std::mem::take(&mut state.buffer)).unwrap_or_default()
            }
            Location::Slot(number) => std::mem::take(&mut self.slots[number]),
            Location::Input(_) | Location::Nowhere => Buffer::default(),
        };
        Taken { place, buffer }
    }

    fn put_back(&mut self, taken: Taken, store: &mut CpuStore) {
        match taken.place {
            Location::State(number) => {
                let name = &self.plan.program.states[number].name;
                if let Some(state) = store.states.get_mut(name) {
                    state.buffer = taken.buffer;
                }
            }
            Location::Slot(number) => self.slots[number] = taken.buffer,
            Location::Input(_) | Location::Nowhere => {}
        }
    }

    fn instructions(
        &mut self,
        store: &mut CpuStore,
        inputs: &[&[u32]],
        mut times: Option<&mut Vec<f64>>,
        stop: &StopWish<'_>,
    ) -> Result<(), RunError> {
        let plan = self.plan.clone();
        for &at in &plan.schedule {
            if stop() {
                return Err(RunError::Stopped);
            }
            let instruction = &plan.program.instructions[at];
            let start = Instant::now();
            let result = self.instruction(instruction, store, inputs);
            if let Some(times) = &mut times {
                times.push(start.elapsed().as_secs_f64());
            }
            result.map_err(|fault| self.name_fault(instruction, fault))?;
            if self.checks == Checks::Poison {
                self.check_guards(instruction)?;
            }
        }
        Ok(())
    }

    fn instruction(&mut self, instruction: &Instruction, store: &mut CpuStore, inputs: &[&[u32]]) -> Result<(), Fault> {
        let mut updated: Vec<Taken> = Vec::new();
        for &(old, new) in &instruction.updates {
            let mut taken = self.take(new, store);
            if self.plan.location(old) != taken.place {
                let value = self.plan.program.info(new);
                let length = value.dtype.words(value.shape.elements());
                taken.buffer.words_mut()[..length].copy_from_slice(&self.words(old, store, inputs)[..length]);
            }
            updated.push(taken);
        }
        let mut written: Vec<Taken> = instruction.writes.iter().map(|&id| self.take(id, store)).collect();
        let program = &self.plan.program;
        let mut operands = Operands {
            reads: instruction.reads.iter().map(|&id| self.view(id, store, inputs)).collect(),
            updates: instruction
                .updates
                .iter()
                .zip(&mut updated)
                .map(|(&(_, new), taken)| view_mut(program, new, taken))
                .collect(),
            writes: instruction
                .writes
                .iter()
                .zip(&mut written)
                .map(|(&id, taken)| view_mut(program, id, taken))
                .collect(),
        };
        let result = ops::run(&instruction.op, &self.environment, &mut operands);
        for taken in updated.into_iter().chain(written) {
            self.put_back(taken, store);
        }
        result
    }

    fn view<'a>(&'a self, id: ValueId, store: &'a CpuStore, inputs: &[&'a [u32]]) -> View<'a> {
        let value = self.plan.program.info(id);
        let words = &self.words(id, store, inputs)[..value.dtype.words(value.shape.elements())];
        View { words, shape: value.shape, dtype: value.dtype }
    }

    fn check_guards(&self, instruction: &Instruction) -> Result<(), RunError> {
        for (slot, buffer) in self.slots.iter().enumerate() {
            let words = buffer.words();
            if words[words.len() - GUARD_WORDS..].iter().any(|&word| word != GUARD) {
                let scope = self.plan.program.scopes[instruction.scope].clone();
                return Err(RunError::Guard { op: instruction.op.name(), scope, slot });
            }
        }
        Ok(())
    }

    fn name_fault(&self, instruction: &Instruction, fault: Fault) -> RunError {
        let op = instruction.op.name();
        let scope = self.plan.program.scopes[instruction.scope].clone();
        match fault {
            Fault::Range { value, limit } => RunError::Range { op, scope, value, limit },
            Fault::Index { operand, value, at, largest } => {
                RunError::Index { op, scope, operand: operand.to_owned(), value, at, largest }
            }
        }
    }
}

fn view_mut<'a>(program: &Program, id: ValueId, taken: &'a mut Taken) -> ViewMut<'a> {
    let value = program.info(id);
    let words = &mut taken.buffer.words_mut()[..value.dtype.words(value.shape.elements())];
    ViewMut { words, shape: value.shape, dtype: value.dtype }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_tensor::{PlanOptions, shape};

    /// No test can exhaust the system's threads, so here another hand refuses them.
    #[test]
    fn threads_that_the_system_refuses_are_an_error() {
        let refuse = |_| Err(std::io::Error::other("no more threads"));
        let error = ThreadPoolBuilder::new().num_threads(3).spawn_handler(refuse).build().unwrap_err();
        let message = refused_threads(3, &error).to_string();
        assert_eq!(message, "the system did not start 3 threads (no more threads): ask for fewer");
    }

    /// A kernel that writes past its slot is found after its instruction. No safe kernel can, so the test does.
    #[test]
    fn a_changed_guard_word_names_the_instruction() {
        let mut program = Program::new();
        program.set_scope("block 3");
        let zeros = program.zeros("sum", shape![3]);
        program.output("sum", zeros);
        let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
        let slots = plan.slots.iter().map(|slot| Buffer::zeroed((slot.bytes / 4) as usize + GUARD_WORDS));
        let slots = slots.collect::<Result<_, _>>().unwrap();
        let Cpu { environment, pool } = Cpu::new(1);
        let mut prepared = CpuPrepared { plan: Arc::new(plan), slots, checks: Checks::Poison, environment, pool };
        prepared.poison();
        let instruction = program.instructions[0].clone();
        assert_eq!(prepared.slots[0].words()[..3], [POISON; 3]);
        assert_eq!(prepared.check_guards(&instruction), Ok(()));
        prepared.slots[0].words_mut()[3] = 0;
        let error = prepared.check_guards(&instruction).unwrap_err();
        assert_eq!(error.to_string(), "zeros in block 3: wrote past the end of slot 0");
    }
}
