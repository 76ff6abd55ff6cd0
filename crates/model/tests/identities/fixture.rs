//! Small models, hard batches, and running a program: what every identity needs. No test lives here.

use reformer_cpu::Cpu;
use reformer_model::{LayerKind, ModelConfig, PositionEncoding, Precision, initial_parameter};
use reformer_tensor::{
    Backend, Checks, HostTensor, Inputs, Key, Outputs, Plan, PlanOptions, Prepared, Program, Store, shape,
};

/// Weights of queries, keys and the head are this much larger than at initialisation, so that logits are far from flat.
const SHARPNESS: f32 = 4.0;
/// The share of tokens that come from a handful.
const FREQUENT: f64 = 0.75;

/// A model of awkward sizes.
pub fn config(pattern: &[LayerKind], layers: usize) -> ModelConfig {
    ModelConfig {
        vocabulary: 61,
        width: 40,
        heads: 4,
        head_width: 24,
        feed_forward: 72,
        layers,
        pattern: pattern.to_vec(),
        window: 8,
        rounds: 2,
        // Enough that some stay empty in long segments, though others are crowded. Two factors: their order matters.
        buckets: vec![8, 2],
        max_positions: 300,
        positions: PositionEncoding::Axial,
        dropout: 0.0,
        ..ModelConfig::tiny()
    }
}

/// Opens the backend that a test runs on; threads are the CPU's.
pub type Place<'a> = &'a dyn Fn(usize) -> Box<dyn Backend>;

/// A backend with a store that holds the model's parameters.
pub struct Machine {
    pub backend: Box<dyn Backend>,
    pub store: Box<dyn Store>,
}

impl Machine {
    pub fn cpu(config: &ModelConfig, threads: usize) -> Self {
        Self::new(config, Box::new(Cpu::new(threads)))
    }

    /// Where a test runs; threads are the CPU's.
    pub fn on(place: Place, config: &ModelConfig, threads: usize) -> Self {
        Self::new(config, place(threads))
    }

    pub fn new(config: &ModelConfig, backend: Box<dyn Backend>) -> Self {
        let mut store = backend.store();
        for spec in config.parameters() {
            let mut value = initial_parameter(&spec, Key::from_seed(11));
            let sharp = ["query", "key", "head.weight"].iter().any(|end| spec.name.ends_with(end));
            if let reformer_tensor::HostData::F32(data) = &mut value.data {
                for (index, number) in data.iter_mut().enumerate() {
                    // Norms and biases start as constants: moved apart, so that a mistake in their use shows.
                    let nudge = ((index * 37 + spec.name.len()) % 17) as f32 / 170.0 - 0.05;
                    *number = if sharp {
                        *number * SHARPNESS
                    } else {
                        *number + if spec.shape.dims().len() < 2 { nudge } else { 0.0 }
                    };
                }
            }
            store.declare(&spec.name, spec.shape, reformer_tensor::DType::F32).unwrap();
            store.write(&spec.name, &value).unwrap();
        }
        Self { backend, store }
    }

    pub fn prepare(&mut self, program: &Program) -> Box<dyn Prepared> {
        self.prepare_with(program, &PlanOptions::default())
    }

    pub fn prepare_with(&mut self, program: &Program, options: &PlanOptions) -> Box<dyn Prepared> {
        let plan = Plan::new(program, options).unwrap();
        self.store_weights(program);
        plan.declare_states(self.store.as_mut()).unwrap();
        self.backend.prepare(plan, Checks::Poison).unwrap()
    }

    /// Weights that the program has in halves, in the place of those in f32.
    fn store_weights(&mut self, program: &Program) {
        for state in &program.states {
            let value = program.info(state.value);
            if value.dtype.is_half() {
                let trained = self.store.read(&state.name).unwrap();
                self.store.remove(&state.name);
                self.store.declare(&state.name, value.shape, value.dtype).unwrap();
                self.store.write(&state.name, &trained).unwrap();
            }
        }
    }

    pub fn run(&mut self, program: &Program, inputs: &Inputs) -> Outputs {
        self.prepare(program).run(self.store.as_mut(), inputs).unwrap()
    }

    pub fn state(&self, name: &str) -> Vec<u32> {
        bits(&self.store.read(name).unwrap())
    }
}

/// Segments of these lengths, one after another, with tokens from `seed`; targets are the next tokens.
pub struct Batch {
    pub lengths: Vec<usize>,
    pub tokens: Vec<u32>,
}

impl Batch {
    pub fn new(config: &ModelConfig, lengths: &[usize], seed: u64) -> Self {
        let key = Key::from_seed(seed);
        let rows: usize = lengths.iter().sum();
        // Most of the tokens come from a handful: crowded buckets beside empty ones.
        let tokens = (0..rows as u64)
            .map(|row| {
                let most = if key.uniform(2 * row) < FREQUENT { 3.0 } else { config.vocabulary as f64 };
                (key.uniform(2 * row + 1) * most) as u32
            })
            .collect();
        Self { lengths: lengths.to_vec(), tokens }
    }

    pub fn rows(&self) -> usize {
        self.tokens.len()
    }

    pub fn positions(&self) -> Vec<u32> {
        self.lengths.iter().flat_map(|&length| 0..length as u32).collect()
    }

    pub fn segments(&self) -> Vec<u32> {
        let mut start = 0;
        let mut segments = Vec::new();
        for &length in &self.lengths {
            segments.extend(std::iter::repeat_n(start as u32, length));
            start += length;
        }
        segments
    }

    /// The inputs of training, evaluation and full forward passes, with every row scored and chosen.
    pub fn inputs(&self, random: Inputs) -> Inputs {
        let rows = self.rows();
        let mut inputs = random;
        let mut put = |name: &str, data: Vec<u32>| inputs.insert(name.to_owned(), HostTensor::u32(shape![rows], data));
        put("tokens", self.tokens.clone());
        put("positions", self.positions());
        put("segments", self.segments());
        let mut targets = self.tokens.clone();
        targets.rotate_left(1);
        put("targets", targets);
        put("chosen", (0..rows as u32).collect());
        inputs.insert("weights".to_owned(), HostTensor::f32(shape![rows], vec![1.0 / rows as f32; rows]));
        inputs
    }
}

/// The inputs that `program` names, of those at hand.
pub fn only(program: &Program, inputs: &Inputs) -> Inputs {
    inputs
        .iter()
        .filter(|(name, _)| program.inputs.iter().any(|(known, _)| known == *name))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

pub fn bits(tensor: &HostTensor) -> Vec<u32> {
    match &tensor.data {
        reformer_tensor::HostData::F32(data) => data.iter().map(|x| x.to_bits()).collect(),
        reformer_tensor::HostData::U32(data) => data.clone(),
        reformer_tensor::HostData::I32(data) => data.iter().map(|&x| x as u32).collect(),
        reformer_tensor::HostData::F64(_) => panic!("doubles have no 32 bits: compare them with a tolerance"),
    }
}

/// Compares bits and says where they differ first.
#[track_caller]
pub fn same_bits(what: &str, got: &[u32], expected: &[u32]) {
    assert_eq!(got.len(), expected.len(), "{what}: lengths differ");
    let different = got.iter().zip(expected).filter(|(a, b)| a != b).count();
    if let Some(at) = got.iter().zip(expected).position(|(a, b)| a != b) {
        let (a, b) = (f32::from_bits(got[at]), f32::from_bits(expected[at]));
        panic!(
            "{what}: {different} of {} values differ, first at {at}: got {a:e}, expected {b:e}, difference {:e}",
            got.len(),
            a - b
        );
    }
}

/// The stacks that identities are tried on.
pub fn stacks() -> Vec<(&'static str, ModelConfig)> {
    use LayerKind::{Full, Local, Lsh};
    vec![
        ("local", config(&[Local], 2)),
        ("lsh", config(&[Lsh], 2)),
        ("full", config(&[Full], 1)),
        ("local, lsh", config(&[Local, Lsh], 4)),
        ("lsh, weights in bf16", ModelConfig { precision: Precision::Bf16, ..config(&[Lsh], 2) }),
        (
            "lsh, full, local; learned positions",
            ModelConfig { positions: PositionEncoding::Learned, ..config(&[Lsh, Full, Local], 3) },
        ),
    ]
}
