//! A whole training step as the trainer prepares it: the gradients' program, the optimiser's program, states, inputs. No measuring.

use reformer_cpu::Cpu;
use reformer_model::{LayerKind, MemoryChoice, ModelConfig, initial_parameter, random_inputs, record};
use reformer_tensor::{Backend, Checks, HostTensor, Inputs, Key, Plan, PlanOptions, Prepared, Program, Store, shape};

/// A small model with both kinds of layer; buckets of about 64 tokens where all rows are one segment. The vocabulary is
/// no multiple of a vector: there gemm would pack the most.
pub fn config(rows: usize) -> ModelConfig {
    ModelConfig {
        vocabulary: 600,
        width: 128,
        head_width: 64,
        feed_forward: 512,
        pattern: vec![LayerKind::Local, LayerKind::Lsh],
        buckets: vec![16, rows / (16 * 64)],
        max_positions: rows,
        ..ModelConfig::tiny()
    }
}

/// Both plans of a step.
pub struct Plans {
    pub training: Plan,
    pub apply: Plan,
}

impl Plans {
    pub fn new(cpu: &Cpu, config: &ModelConfig, rows: usize, choice: MemoryChoice) -> Self {
        let plan = |program: Program| {
            let scratch_bytes = cpu.scratch_bytes(&program);
            Plan::new(&program, &PlanOptions { scratch_bytes, ..PlanOptions::default() })
                .expect("the recording is right")
        };
        Self {
            training: plan(record::training(config, rows, choice)),
            apply: plan(record::apply(config, &Default::default())),
        }
    }

    /// What a step takes at most: the gradients' program, and the states that only the optimiser's has.
    pub fn peak_bytes(&self) -> u64 {
        let has = |name: &str| self.training.program.states.iter().any(|state| state.name == name);
        let own = self.apply.program.states.iter().filter(|state| !has(&state.name));
        let moments: usize = own.map(|state| 4 * self.apply.program.info(state.value).shape.elements()).sum();
        self.training.peak_bytes() + moments as u64
    }
}

/// A step that is ready to run.
pub struct Step {
    training: Box<dyn Prepared>,
    apply: Box<dyn Prepared>,
    store: Box<dyn Store>,
    inputs: Inputs,
    schedule: Inputs,
}

impl Step {
    pub fn new(cpu: &Cpu, config: &ModelConfig, segments: &[usize], plans: Plans) -> Self {
        let mut store = cpu.store();
        for plan in [&plans.training, &plans.apply] {
            plan.declare_states(store.as_mut()).expect("the states are new");
        }
        for spec in config.parameters() {
            store.write(&spec.name, &initial_parameter(&spec, Key::from_seed(1))).expect("the plan declares it");
        }
        let prepare = |plan| cpu.prepare(plan, Checks::Off).expect("the machine has the memory");
        // Rate, two corrections of the moments, the norm to clip at.
        let schedule = HostTensor::f32(shape![4], vec![1e-3, 0.1, 0.02, 1.0]);
        Self {
            training: prepare(plans.training),
            apply: prepare(plans.apply),
            store,
            inputs: inputs(config, segments),
            schedule: Inputs::from([("schedule".to_owned(), schedule)]),
        }
    }

    /// A batch and the optimiser.
    pub fn run(&mut self) {
        let outputs = self.training.run(self.store.as_mut(), &self.inputs).expect("the step runs");
        let losses = outputs["losses"].as_f32().expect("losses are f32");
        assert!(losses.iter().sum::<f32>().is_finite(), "what is measured is a step that works");
        self.apply.run(self.store.as_mut(), &self.schedule).expect("the optimiser runs");
    }
}

/// Tokens in segments of these lengths, all of them scored.
fn inputs(config: &ModelConfig, segments: &[usize]) -> Inputs {
    let rows = segments.iter().sum();
    let mut starts = Vec::with_capacity(rows);
    for &length in segments {
        starts.extend(std::iter::repeat_n(starts.len() as u32, length));
    }
    let mut inputs = random_inputs(config, Key::from_seed(2));
    let token = |seed: u64, row: usize| (Key::from_seed(seed).uniform(row as u64) * config.vocabulary as f64) as u32;
    let mut put = |name: &str, value: &dyn Fn(usize) -> u32| {
        inputs.insert(name.to_owned(), HostTensor::u32(shape![rows], (0..rows).map(value).collect()));
    };
    put("tokens", &|row| token(3, row));
    put("targets", &|row| token(4, row));
    put("positions", &|row| row as u32 - starts[row]);
    put("segments", &|row| starts[row]);
    inputs.insert("weights".to_owned(), HostTensor::f32(shape![rows], vec![1.0 / rows as f32; rows]));
    inputs
}
