//! Walks that are longer than a launch may be, whose results are known: what an invocation would do in one go is cut, and goes on where
//! it stopped. llvmpipe of Mesa 22 ends a walk of 65,535 iterations in silence; here it would be noticed.

use reformer_gpu::testing::TestAdapter;
use reformer_tensor::op::{EmbedGradient, EmbedParameters};
use reformer_tensor::{
    Backend, Checks, DType, Dropout, HostTensor, Inputs, Plan, PlanOptions, PositionKind, Program, Store, Tensor, shape,
};

reformer_gpu::on_every_adapter!(as_many_rows_as_are_there_select_one_entry,);

struct Case {
    program: Program,
    inputs: Inputs,
}

impl Case {
    fn new() -> Self {
        Self { program: Program::new(), inputs: Inputs::new() }
    }

    fn input(&mut self, name: &str, tensor: HostTensor, dtype: DType) -> Tensor {
        let input = self.program.input(name, tensor.shape, dtype);
        self.inputs.insert(name.to_owned(), tensor);
        input
    }

    /// A matrix of one number.
    fn all(&mut self, name: &str, rows: usize, columns: usize, number: f32) -> Tensor {
        let numbers = vec![number; rows * columns];
        self.input(name, HostTensor::f32(shape![rows, columns], numbers), DType::F32)
    }

    fn zeros(&mut self, name: &str, count: usize) -> Tensor {
        self.input(name, HostTensor::u32(shape![count], vec![0; count]), DType::U32)
    }

    /// The states after a run.
    fn run(&self, adapter: &TestAdapter) -> Box<dyn Store> {
        let gpu = adapter.shared();
        let plan = Plan::new(&self.program, &PlanOptions::default()).unwrap();
        let mut store = gpu.store();
        plan.declare_states(store.as_mut()).unwrap();
        gpu.prepare(plan, Checks::Off).unwrap().run(store.as_mut(), &self.inputs).unwrap();
        store
    }
}

/// Every row adds one onto the first entry of both tables.
fn as_many_rows_as_are_there_select_one_entry(adapter: &TestAdapter) {
    const ROWS: usize = 70_000;
    const WIDTH: usize = 3;
    let mut case = Case::new();
    let [tokens, positions] = ["tokens", "positions"].map(|name| case.zeros(name, ROWS));
    let key = case.zeros("key", 2);
    let (dx1, dx2) = (case.all("dx1", ROWS, WIDTH, 1.0), case.all("dx2", ROWS, WIDTH, 0.0));
    let tables = ["table", "positions' table"].map(|name| case.program.state(name, shape![2, WIDTH], DType::F32));
    let op = EmbedGradient { position: PositionKind::Learned, dropout: Dropout { rate: 0.0, site: 0 } };
    let gradients = EmbedParameters { table: tables[0], positions: vec![tables[1]] };
    case.program.embed_gradient(op, tokens, positions, key, dx1, dx2, &gradients);
    let store = case.run(adapter);
    for name in ["table", "positions' table"] {
        let sums = store.read(name).unwrap();
        // Sums of ones are exact below 2^24.
        assert_eq!(sums.as_f32().unwrap(), [[ROWS as f32; WIDTH], [0.0; WIDTH]].concat(), "{name}");
    }
}
