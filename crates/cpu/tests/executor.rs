//! The executor and the store: what it refuses and how it says so, what it leaves alone, and what it hands back. What ops compute is
//! the conformance suite's matter.

use reformer_cpu::Cpu;
use reformer_tensor::op::{
    AdamW, AttentionKeys, Embed, EmbedParameters, FeedForward, FeedForwardParameters, NormParameters,
};
use reformer_tensor::{
    Activation, Backend, BackendError, Checks, DType, Direction, Dropout, HeadRange, HostTensor, Inputs, Pattern, Plan,
    PlanOptions, PositionKind, Prepared, Program, RunError, Store, Tensor, shape,
};
use std::sync::atomic::{AtomicUsize, Ordering};

const ROWS: usize = 5;
const WIDTH: usize = 8;
const NO_DROPOUT: Dropout = Dropout { rate: 0.0, site: 0 };

/// Embeds tokens and positions into a stream of `dtype`, which is the output.
fn embedding(dtype: DType) -> Program {
    let mut program = Program::new();
    program.set_scope("embedding");
    let tokens = program.input("tokens", shape![ROWS], DType::U32);
    let positions = program.input("positions", shape![ROWS], DType::U32);
    let key = program.input("key", shape![2], DType::U32);
    let parameters = EmbedParameters {
        table: program.state("table", shape![4, WIDTH], DType::F32),
        positions: vec![program.state("places", shape![ROWS, WIDTH], DType::F32)],
    };
    let op = Embed { position: PositionKind::Learned, dropout: NO_DROPOUT, stream: dtype };
    let stream = program.embed(op, tokens, positions, key, &parameters);
    program.output("stream", stream);
    program
}

fn inputs(tokens: [u32; ROWS]) -> Inputs {
    let positions: Vec<u32> = (0..ROWS as u32).collect();
    Inputs::from([
        ("tokens".to_owned(), HostTensor::u32(shape![ROWS], tokens.to_vec())),
        ("positions".to_owned(), HostTensor::u32(shape![ROWS], positions)),
        ("key".to_owned(), HostTensor::u32(shape![2], vec![0, 0])),
    ])
}

fn prepare(cpu: &Cpu, program: &Program, store: &mut dyn Store) -> Box<dyn Prepared> {
    let plan = Plan::new(program, &PlanOptions::default()).unwrap();
    plan.declare_states(store).unwrap();
    cpu.prepare(plan, Checks::Poison).unwrap()
}

/// A table whose rows are 1, 2, 3, 4 in every column, positions zero.
fn ready(program: &Program) -> (Box<dyn Store>, Box<dyn Prepared>) {
    let cpu = Cpu::new(2);
    let mut store = cpu.store();
    let prepared = prepare(&cpu, program, store.as_mut());
    let table = (0..4 * WIDTH).map(|at| (at / WIDTH + 1) as f32).collect();
    store.write("table", &HostTensor::f32(shape![4, WIDTH], table)).unwrap();
    (store, prepared)
}

#[test]
fn inputs_are_checked_by_name() {
    let (mut store, mut prepared) = ready(&embedding(DType::STREAM));
    let mut run = |inputs: &Inputs| prepared.run(store.as_mut(), inputs).unwrap_err().to_string();
    let mut bad = inputs([0; ROWS]);
    bad.remove("positions");
    assert_eq!(run(&bad), "the input `positions` is missing, expected u32 [5]");
    let mut bad = inputs([0; ROWS]);
    bad.insert("tokens".to_owned(), HostTensor::u32(shape![2], vec![0, 0]));
    assert_eq!(run(&bad), "the input `tokens` is u32 [2] with 2 elements, expected u32 [5]");
    bad.insert("tokens".to_owned(), HostTensor::f32(shape![ROWS], vec![0.0; ROWS]));
    assert_eq!(run(&bad), "the input `tokens` is f32 [5] with 5 elements, expected u32 [5]");
    // A shape that lies about its data.
    bad.insert("tokens".to_owned(), HostTensor::u32(shape![ROWS], vec![0]));
    assert_eq!(run(&bad), "the input `tokens` is u32 [5] with 1 elements, expected u32 [5]");
}

#[test]
fn indices_are_checked_and_the_next_run_works() {
    let (mut store, mut prepared) = ready(&embedding(DType::STREAM));
    let error = prepared.run(store.as_mut(), &inputs([0, 1, 9, 2, 3])).unwrap_err();
    assert_eq!(error.to_string(), "embed in embedding: `tokens` holds 9 at 2, the largest allowed is 3");
    let outputs = prepared.run(store.as_mut(), &inputs([0, 1, 2, 3, 0])).unwrap();
    let stream = outputs["stream"].as_i32().expect("fixed-point streams are handed out as integers");
    let expected: Vec<i32> = [1, 2, 3, 4, 1].into_iter().flat_map(|x| [x << 19; WIDTH]).collect();
    assert_eq!(stream, expected);
}

#[test]
fn streams_of_f32_are_handed_out_as_f32() {
    let (mut store, mut prepared) = ready(&embedding(DType::F32));
    let outputs = prepared.run(store.as_mut(), &inputs([3; ROWS])).unwrap();
    assert_eq!(outputs["stream"].as_f32().unwrap(), [4.0; ROWS * WIDTH]);
}

#[test]
fn a_share_out_of_range_stops_the_run_and_names_the_place() {
    let (mut store, mut prepared) = ready(&embedding(DType::STREAM));
    for (bad, shown) in [(f32::NAN, "NaN"), (5000.0, "5000"), (f32::NEG_INFINITY, "-inf")] {
        let mut table = vec![0.0; 4 * WIDTH];
        table[2 * WIDTH + 3] = bad;
        store.write("table", &HostTensor::f32(shape![4, WIDTH], table)).unwrap();
        let error = prepared.run(store.as_mut(), &inputs([2; ROWS])).unwrap_err();
        let RunError::Range { op: "embed", ref scope, limit: 4096.0, .. } = error else { panic!("{error}") };
        assert_eq!(scope, "embedding");
        assert!(error.to_string().contains(&format!("is {shown}, outside ±4096")), "{error}");
        assert!(prepared.run(store.as_mut(), &inputs([1; ROWS])).is_ok(), "a row that is not used does no harm");
    }
}

#[test]
fn states_must_be_declared_and_fit() {
    let program = embedding(DType::STREAM);
    let cpu = Cpu::new(1);
    let mut prepared = cpu.prepare(Plan::new(&program, &PlanOptions::default()).unwrap(), Checks::Off).unwrap();
    let mut store = cpu.store();
    let error = prepared.run(store.as_mut(), &inputs([0; ROWS])).unwrap_err();
    assert_eq!(error.to_string(), "there is no state `table`: declare it first");
    store.declare("table", shape![3, WIDTH], DType::F32).unwrap();
    let error = prepared.run(store.as_mut(), &inputs([0; ROWS])).unwrap_err();
    assert_eq!(error.to_string(), "the state `table` is f32 [3, 8], expected f32 [4, 8]");
    let error = store.declare("table", shape![4, WIDTH], DType::F32).unwrap_err();
    assert_eq!(error.to_string(), "the state `table` is f32 [3, 8], expected f32 [4, 8]");
    let error = store.write("table", &HostTensor::f32(shape![1], vec![0.0])).unwrap_err();
    assert!(matches!(error, BackendError::State { .. }), "{error}");
    assert!(store.read("nothing").is_err());
    store.remove("table");
    store.remove("table");
    assert!(store.names().is_empty());
}

/// 2⁶² bytes are more than an address space, so no system has them, however freely it promises.
#[test]
fn memory_that_the_system_refuses_is_an_error() {
    let mut program = Program::new();
    let zeros = program.zeros("zeros", shape![1 << 60]);
    program.output("zeros", zeros);
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    let cpu = Cpu::new(1);
    let error = cpu.prepare(plan, Checks::Off).err().expect("no machine has the memory").to_string();
    let refused = "the system refused 4611686018427387904 bytes of memory";
    let whole = "the plan takes 4611686018427387904 bytes in all: plan with a lower memory limit";
    assert_eq!(error, format!("{refused}; {whole}"));
    let error = cpu.store().declare("state", shape![1 << 60], DType::F32).unwrap_err();
    assert_eq!(error.to_string(), refused);
}

#[test]
fn a_store_of_another_backend_is_refused() {
    struct Foreign;
    impl Store for Foreign {
        fn declare(&mut self, _: &str, _: reformer_tensor::Shape, _: DType) -> Result<(), BackendError> {
            Ok(())
        }
        fn write(&mut self, _: &str, _: &HostTensor) -> Result<(), BackendError> {
            Ok(())
        }
        fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
            Err(BackendError::Missing { name: name.to_owned() })
        }
        fn names(&self) -> Vec<String> {
            Vec::new()
        }
        fn remove(&mut self, _: &str) {}
        fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
            self
        }
    }
    let (_, mut prepared) = ready(&embedding(DType::STREAM));
    let error = prepared.run(&mut Foreign, &inputs([0; ROWS])).unwrap_err();
    assert_eq!(error.to_string(), "the store belongs to another backend");
}

fn feed_forward(program: &mut Program, stream: Tensor, x: Tensor) -> Tensor {
    let mut one = |name: &str, shape| program.state(name, shape, DType::F32);
    let norm = NormParameters { gamma: one("gamma", shape![WIDTH]), beta: one("beta", shape![WIDTH]) };
    let parameters = FeedForwardParameters {
        norm,
        w1: one("w1", shape![WIDTH, 4]),
        b1: one("b1", shape![4]),
        w2: one("w2", shape![4, WIDTH]),
        b2: one("b2", shape![WIDTH]),
    };
    let key = program.input("key", shape![2], DType::U32);
    let op = FeedForward { direction: Direction::Forward, activation: Activation::Relu, dropout: NO_DROPOUT };
    program.feed_forward(op, stream, x, &parameters, key)
}

/// An update of a value that lives on, and of an input: both keep what they were.
#[test]
fn updates_leave_the_old_value_alone_where_it_is_still_needed() {
    let mut program = Program::new();
    let given = program.input("stream", shape![ROWS, WIDTH], DType::STREAM);
    let once = feed_forward(&mut program, given, given);
    let twice = feed_forward(&mut program, once, given);
    program.output("given", given);
    program.output("once", once);
    program.output("twice", twice);
    let cpu = Cpu::new(1);
    let mut store = cpu.store();
    let mut prepared = prepare(&cpu, &program, store.as_mut());
    store.write("b2", &HostTensor::f32(shape![WIDTH], vec![1.0; WIDTH])).unwrap();
    let tensor = HostTensor::i32(shape![ROWS, WIDTH], vec![7; ROWS * WIDTH]);
    let inputs = Inputs::from([
        ("stream".to_owned(), tensor.clone()),
        ("key".to_owned(), HostTensor::u32(shape![2], vec![0, 0])),
    ]);
    let outputs = prepared.run(store.as_mut(), &inputs).unwrap();
    assert_eq!(inputs["stream"], tensor);
    assert_eq!(outputs["given"], tensor);
    assert_eq!(outputs["once"].as_i32().unwrap(), [7 + (1 << 19); ROWS * WIDTH]);
    assert_eq!(outputs["twice"].as_i32().unwrap(), [7 + (2 << 19); ROWS * WIDTH]);
}

#[test]
fn a_state_that_one_instruction_reads_and_changes_is_refused() {
    let mut program = Program::new();
    program.set_scope("block 1");
    let stream = program.state("stream", shape![ROWS, WIDTH], DType::STREAM);
    feed_forward(&mut program, stream, stream);
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    let error = Cpu::new(1).prepare(plan, Checks::Off).err().expect("a kernel borrows what it changes alone");
    assert!(error.to_string().starts_with("feed_forward in block 1 changes `stream`, which is another"), "{error}");
}

/// The gradient's norm is NaN: the parameters become NaN, so that a check of the loss sees it.
#[test]
fn a_nan_norm_is_not_clipped_away() {
    let mut program = Program::new();
    let norm = program.input("norm", shape![1], DType::F32);
    let schedule = program.input("schedule", shape![4], DType::F32);
    let mut one = |name: &str| program.state(name, shape![3], DType::F32);
    let (parameter, moments, gradient) = (one("parameter"), [one("first"), one("second")], one("gradient"));
    let op = AdamW { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.0 };
    program.adamw(op, norm, schedule, parameter, moments, gradient);
    let cpu = Cpu::new(1);
    let mut store = cpu.store();
    let mut prepared = prepare(&cpu, &program, store.as_mut());
    let inputs = Inputs::from([
        ("norm".to_owned(), HostTensor::f32(shape![1], vec![f32::NAN])),
        ("schedule".to_owned(), HostTensor::f32(shape![4], vec![0.1, 0.1, 0.01, 1.0])),
    ]);
    prepared.run(store.as_mut(), &inputs).unwrap();
    assert!(store.read("parameter").unwrap().as_f32().unwrap().iter().all(|x| x.is_nan()));
}

#[test]
fn scratch_is_counted_and_grows_with_the_threads() {
    let mut program = Program::new();
    let stream = program.input("stream", shape![4096, 256], DType::STREAM);
    let x = program.input("x", shape![4096, 256], DType::STREAM);
    let mut one = |name: &str, shape| program.state(name, shape, DType::F32);
    let norm = NormParameters { gamma: one("gamma", shape![256]), beta: one("beta", shape![256]) };
    let parameters = FeedForwardParameters {
        norm,
        w1: one("w1", shape![256, 1024]),
        b1: one("b1", shape![1024]),
        w2: one("w2", shape![1024, 256]),
        b2: one("b2", shape![256]),
    };
    let key = program.input("key", shape![2], DType::U32);
    let op = FeedForward { direction: Direction::Forward, activation: Activation::Gelu, dropout: NO_DROPOUT };
    program.feed_forward(op, stream, x, &parameters, key);
    let tile = 256 * (256 + 1024) * 4;
    let bytes = |threads| Cpu::new(threads).scratch_bytes(&program);
    assert!(bytes(1) >= tile, "a tile's normed rows and hidden layer");
    assert_eq!(bytes(3), 3 * bytes(1));
    assert!(bytes(1) < 16 << 20, "{} bytes on one thread", bytes(1));
}

/// One head's sorted rounds in one long segment: the results by slot are memory that the plan must know of.
#[test]
fn scratch_of_attention_is_counted() {
    let bytes = |rows: usize| {
        let mut program = Program::new();
        let mut input = |name: &str, shape, dtype| program.input(name, shape, dtype);
        let heads = HeadRange { first: 0, count: 1, width: 64 };
        let (qk, v) = (input("qk", shape![rows, 64], DType::F32), input("v", shape![rows, 64], DType::F32));
        let [order, slot, low] = ["order", "slot", "low"].map(|name| input(name, shape![1, 2, rows], DType::U32));
        let keys = AttentionKeys::Lsh { qk, v, order, slot, low };
        program.attention(Pattern::Lsh { rounds: 2, window: 64 }, heads, &keys);
        Cpu::new(1).scratch_bytes(&program)
    };
    let longer = bytes(1 << 20) - bytes(1 << 19);
    assert!(longer >= (1 << 19) * 64 * 4, "{longer} bytes for 524,288 more rows of 64");
}

/// Timed runs give what others give, and a time for every instruction that ran.
#[test]
fn a_timed_run_has_the_same_bits() {
    let mut program = Program::new();
    let gradient = program.state("gradient", shape![5000], DType::F32);
    let norm = program.gradient_norm(&[gradient]);
    program.output("norm", norm);
    let backend = Cpu::new(1);
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    let mut store = backend.store();
    plan.declare_states(store.as_mut()).unwrap();
    let numbers = HostTensor::f32(shape![5000], (0..5000).map(|at| at as f32 / 7.0).collect());
    store.write("gradient", &numbers).unwrap();
    let mut prepared = backend.prepare(plan, Checks::Off).unwrap();
    let plain = prepared.run(store.as_mut(), &Inputs::new()).unwrap();
    let (timed, times) = prepared.run_timed(store.as_mut(), &Inputs::new()).unwrap();
    assert_eq!(timed, plain);
    assert_eq!(times.len(), prepared.plan().schedule.len());
    assert!(times.iter().all(|&seconds| seconds > 0.0), "{times:?}");
}

/// Runs without a row are empty, forward and backward and in decoding, whichever way an op goes for few rows.
#[test]
fn no_rows_are_no_mistake() {
    use reformer_model::{LayerKind, MemoryChoice, ModelConfig, evaluation_inputs, record};
    let pattern = vec![LayerKind::Local, LayerKind::Lsh, LayerKind::Full];
    let config = ModelConfig { layers: 3, pattern, ..ModelConfig::tiny() };
    let choice = MemoryChoice { head_group: 1, stored_layers: 0 };
    for program in [record::training(&config, 0, choice), record::decoding(&config, 0, 1, 0)] {
        let backend = Cpu::new(2);
        let mut store = backend.store();
        let mut prepared = prepare(&backend, &program, store.as_mut());
        let mut inputs = evaluation_inputs(&config);
        for &(ref name, id) in &program.inputs {
            let value = program.info(id);
            let empty = if value.dtype == DType::F32 {
                HostTensor::f32(value.shape, Vec::new())
            } else {
                HostTensor::u32(value.shape, Vec::new())
            };
            inputs.entry(name.clone()).or_insert(empty);
        }
        inputs.retain(|name, _| program.inputs.iter().any(|(known, _)| known == name));
        prepared.run(store.as_mut(), &inputs).unwrap();
    }
}

#[test]
fn a_run_is_asked_before_each_instruction_whether_to_stop() {
    let mut program = Program::new();
    for number in 0..4 {
        let zeros = program.zeros("zeros", shape![ROWS, WIDTH]);
        program.output(&format!("output {number}"), zeros);
    }
    let cpu = Cpu::new(2);
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    let instructions = plan.schedule.len();
    let mut store = cpu.store();
    let mut prepared = cpu.prepare(plan, Checks::Off).unwrap();
    for most in 0..instructions {
        let asked = AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, Ordering::SeqCst) >= most;
        assert_eq!(prepared.run_until(store.as_mut(), &Inputs::new(), &stop).unwrap_err(), RunError::Stopped);
        assert_eq!(asked.load(Ordering::SeqCst), most + 1, "it went on after it was told");
    }
    let whole = prepared.run(store.as_mut(), &Inputs::new()).unwrap();
    assert_eq!(prepared.run_until(store.as_mut(), &Inputs::new(), &|| false).unwrap(), whole);
}
