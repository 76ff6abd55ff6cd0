//! The recording: values, instructions, scopes and reversible halves. Operations record themselves from `op/`.

use crate::error::RecordError;
use crate::{DType, Op, Shape};
use std::collections::BTreeMap;
use std::ops::Range;

/// The number of a value in its program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ValueId(pub u32);

/// A handle to a value of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tensor {
    /// Which value.
    pub id: ValueId,
    /// Its dimensions.
    pub shape: Shape,
    /// Its element type.
    pub dtype: DType,
}

/// Where a value lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    /// Given anew for every run.
    Input,
    /// Outlives runs; the number is the state's index in [`Program::states`]. Updates make new values of the same state.
    State(usize),
    /// Lives within a run, in a slot.
    Temporary,
}

/// What is known of a value.
#[derive(Clone, PartialEq, Debug)]
pub struct Value {
    /// For dumps and messages.
    pub name: String,
    /// Its dimensions.
    pub shape: Shape,
    /// Its element type.
    pub dtype: DType,
    /// Where it lives.
    pub kind: ValueKind,
}

impl Value {
    /// Bytes of its elements.
    pub fn bytes(&self) -> u64 {
        self.dtype.bytes(self.shape.elements()) as u64
    }
}

/// One recorded operation. The executor's promise to a kernel: before it runs, the buffer of each update's new value
/// holds the old value's content, whether or not the two share a slot.
#[derive(Clone, PartialEq, Debug)]
pub struct Instruction {
    /// What to do.
    pub op: Op,
    /// Operands that are only read.
    pub reads: Vec<ValueId>,
    /// Operands that are changed in place: the value before, the value after.
    pub updates: Vec<(ValueId, ValueId)>,
    /// Fresh results, every element of which the op writes.
    pub writes: Vec<ValueId>,
    /// Index into [`Program::scopes`].
    pub scope: usize,
}

impl Instruction {
    /// Its operands: what it reads, both values of what it updates, what it writes.
    pub fn operands(&self) -> impl Iterator<Item = ValueId> + '_ {
        let updates = self.updates.iter().flat_map(|&(old, new)| [old, new]);
        self.reads.iter().copied().chain(updates).chain(self.writes.iter().copied())
    }

    /// What it makes: the new values of what it updates, and what it writes.
    pub fn results(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.updates.iter().map(|&(_, new)| new).chain(self.writes.iter().copied())
    }

    /// Bytes of its operands: what it moves at least.
    pub fn operand_bytes(&self, program: &Program) -> u64 {
        self.operands().map(|id| program.info(id).bytes()).sum()
    }
}

/// A reversible half of a block: instructions that add shares to one stream, so that the stream's earlier value can
/// be rebuilt from the later one by recording the same branch again and subtracting. Groups are independent of each
/// other except for the stream; their order does not matter to its bits, since fixed-point addition is associative.
#[derive(Clone, PartialEq, Debug)]
pub struct Half {
    /// The instructions of each group. Together they are contiguous.
    pub groups: Vec<Range<usize>>,
    /// The stream before the half.
    pub before: ValueId,
    /// The stream after the half.
    pub after: ValueId,
}

/// A state that the program names.
#[derive(Clone, PartialEq, Debug)]
pub struct StateSpec {
    /// Its name, shared between programs.
    pub name: String,
    /// Its first value.
    pub value: ValueId,
}

/// A list of recorded operations. It holds no pointer and no closure: it can be printed, compared and replayed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Program {
    /// Every value ever recorded.
    pub values: Vec<Value>,
    /// The operations, in order.
    pub instructions: Vec<Instruction>,
    /// Names of scopes.
    pub scopes: Vec<String>,
    /// Inputs, in order of recording.
    pub inputs: Vec<(String, ValueId)>,
    /// States, in order of recording.
    pub states: Vec<StateSpec>,
    /// Outputs, in order of recording.
    pub outputs: Vec<(String, ValueId)>,
    /// Reversible halves, in order of recording.
    pub halves: Vec<Half>,
    scope: usize,
    open_half: Option<OpenHalf>,
    error: Option<RecordError>,
    states_by_name: BTreeMap<String, Tensor>,
    inputs_by_name: BTreeMap<String, Tensor>,
}

#[derive(Clone, PartialEq, Debug)]
struct OpenHalf {
    before: ValueId,
    starts: Vec<usize>,
}

impl Program {
    /// An empty program.
    pub fn new() -> Self {
        Self { scopes: vec!["the program".to_owned()], ..Self::default() }
    }

    /// The first mistake, if one was made.
    pub fn error(&self) -> Option<&RecordError> {
        self.error.as_ref()
    }

    /// Names the scope of what is recorded from now on: `block 2, feed_forward`.
    pub fn set_scope(&mut self, name: &str) {
        self.scope = self.scopes.iter().position(|scope| scope == name).unwrap_or_else(|| {
            self.scopes.push(name.to_owned());
            self.scopes.len() - 1
        });
    }

    /// The name of the current scope.
    pub fn scope(&self) -> &str {
        self.scopes.get(self.scope).map_or("the program", String::as_str)
    }

    /// A tensor that is given anew for every run. Asking twice for a name gives the same tensor.
    pub fn input(&mut self, name: &str, shape: Shape, dtype: DType) -> Tensor {
        if let Some(&known) = self.inputs_by_name.get(name) {
            self.same(name, known, shape, dtype);
            return known;
        }
        let tensor = self.value(name.to_owned(), shape, dtype, ValueKind::Input);
        self.inputs.push((name.to_owned(), tensor.id));
        self.inputs_by_name.insert(name.to_owned(), tensor);
        tensor
    }

    /// A tensor that outlives runs and is shared by programs through its name. Asking again gives its newest value.
    pub fn state(&mut self, name: &str, shape: Shape, dtype: DType) -> Tensor {
        if let Some(&known) = self.states_by_name.get(name) {
            self.same(name, known, shape, dtype);
            return known;
        }
        let tensor = self.value(name.to_owned(), shape, dtype, ValueKind::State(self.states.len()));
        self.states.push(StateSpec { name: name.to_owned(), value: tensor.id });
        self.states_by_name.insert(name.to_owned(), tensor);
        tensor
    }

    /// Hands `tensor` back from every run under `name`.
    pub fn output(&mut self, name: &str, tensor: Tensor) {
        self.outputs.push((name.to_owned(), tensor.id));
    }

    /// Starts a reversible half on the stream `before`.
    pub fn begin_half(&mut self, before: Tensor) {
        self.open_half = Some(OpenHalf { before: before.id, starts: Vec::new() });
    }

    /// Starts the next group of the open half.
    pub fn begin_group(&mut self) {
        let at = self.instructions.len();
        if let Some(half) = &mut self.open_half {
            half.starts.push(at);
        }
    }

    /// Ends the open half; `after` is the stream with all shares added.
    pub fn end_half(&mut self, after: Tensor) {
        let end = self.instructions.len();
        if let Some(half) = self.open_half.take() {
            let ends = half.starts.iter().skip(1).copied().chain([end]);
            let groups = half.starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect();
            self.halves.push(Half { groups, before: half.before, after: after.id });
        }
    }

    /// What is known of a value.
    pub fn info(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }

    /// The handle of a value.
    pub fn tensor(&self, id: ValueId) -> Tensor {
        let value = self.info(id);
        Tensor { id, shape: value.shape, dtype: value.dtype }
    }

    /// Records an operation whose operands have been checked; the results are new values: updates first, then writes.
    pub(crate) fn push(
        &mut self,
        op: Op,
        reads: &[Tensor],
        updates: &[Tensor],
        writes: &[(&str, Shape, DType)],
    ) -> Vec<Tensor> {
        let updated: Vec<Tensor> = updates
            .iter()
            .map(|&old| {
                let Value { name, kind, .. } = self.info(old.id).clone();
                // An input that is updated becomes a temporary: inputs are never changed.
                let kind = if kind == ValueKind::Input { ValueKind::Temporary } else { kind };
                let new = self.value(name.clone(), old.shape, old.dtype, kind);
                if matches!(kind, ValueKind::State(_)) {
                    self.states_by_name.insert(name, new);
                }
                new
            })
            .collect();
        let written: Vec<Tensor> = writes
            .iter()
            .map(|&(name, shape, dtype)| self.value(name.to_owned(), shape, dtype, ValueKind::Temporary))
            .collect();
        self.instructions.push(Instruction {
            op,
            reads: reads.iter().map(|tensor| tensor.id).collect(),
            updates: updates.iter().zip(&updated).map(|(old, new)| (old.id, new.id)).collect(),
            writes: written.iter().map(|tensor| tensor.id).collect(),
            scope: self.scope,
        });
        updated.into_iter().chain(written).collect()
    }

    /// Records an instruction without updates once more, reading other values of the same shapes; returns its fresh results.
    pub fn record_again(&mut self, instruction: &Instruction, reads: &[Tensor]) -> Vec<Tensor> {
        let names: Vec<(String, Shape, DType)> = instruction
            .writes
            .iter()
            .map(|&id| {
                let value = self.info(id);
                (value.name.clone(), value.shape, value.dtype)
            })
            .collect();
        let writes: Vec<(&str, Shape, DType)> =
            names.iter().map(|(name, shape, dtype)| (name.as_str(), *shape, *dtype)).collect();
        self.push(instruction.op.clone(), reads, &[], &writes)
    }

    /// Keeps the first mistake.
    pub(crate) fn fail(&mut self, error: RecordError) {
        self.error.get_or_insert(error);
    }

    /// Checks an operand's shape.
    pub(crate) fn check_shape(
        &mut self,
        op: &'static str,
        operand: &str,
        tensor: Tensor,
        dims: &[usize],
        advice: &str,
    ) {
        let expected = Shape::new(dims);
        if tensor.shape != expected {
            self.fail(RecordError::Shape {
                op,
                scope: self.scope().to_owned(),
                operand: operand.to_owned(),
                name: self.info(tensor.id).name.clone(),
                got: tensor.shape,
                expected,
                advice: advice.to_owned(),
            });
        }
    }

    /// Checks an operand's element type.
    pub(crate) fn check_type(&mut self, op: &'static str, operand: &str, tensor: Tensor, good: bool, expected: &str) {
        if !good {
            self.fail(RecordError::Type {
                op,
                scope: self.scope().to_owned(),
                operand: operand.to_owned(),
                name: self.info(tensor.id).name.clone(),
                got: tensor.dtype,
                expected: expected.to_owned(),
            });
        }
    }

    /// Checks both for an operand of f32.
    pub(crate) fn check_f32(&mut self, op: &'static str, operand: &str, tensor: Tensor, dims: &[usize], advice: &str) {
        self.check_type(op, operand, tensor, tensor.dtype == DType::F32, "f32");
        self.check_shape(op, operand, tensor, dims, advice);
    }

    /// Checks both for a product's weight.
    pub(crate) fn check_weight(
        &mut self,
        op: &'static str,
        operand: &str,
        tensor: Tensor,
        dims: &[usize],
        advice: &str,
    ) {
        self.check_type(op, operand, tensor, tensor.dtype.is_weight(), "f32, f16 or bf16");
        self.check_shape(op, operand, tensor, dims, advice);
    }

    /// Checks both for an operand of u32.
    pub(crate) fn check_u32(&mut self, op: &'static str, operand: &str, tensor: Tensor, dims: &[usize], advice: &str) {
        self.check_type(op, operand, tensor, tensor.dtype == DType::U32, "u32");
        self.check_shape(op, operand, tensor, dims, advice);
    }

    /// Checks both for a residual stream.
    pub(crate) fn check_stream(&mut self, op: &'static str, operand: &str, tensor: Tensor, dims: &[usize]) {
        self.check_type(op, operand, tensor, tensor.dtype.is_stream(), "a residual stream (fixed point, or f32)");
        self.check_shape(op, operand, tensor, dims, "Both streams are [rows, width]");
    }

    /// Checks a condition on the operation's fields.
    pub(crate) fn check_field(&mut self, op: &'static str, good: bool, message: impl FnOnce() -> String) {
        if !good {
            self.fail(RecordError::Field { op, scope: self.scope().to_owned(), message: message() });
        }
    }

    fn value(&mut self, name: String, shape: Shape, dtype: DType, kind: ValueKind) -> Tensor {
        // A program of 2^32 values would not fit in memory long before.
        let id = ValueId(self.values.len() as u32);
        self.values.push(Value { name, shape, dtype, kind });
        Tensor { id, shape, dtype }
    }

    fn same(&mut self, name: &str, known: Tensor, shape: Shape, dtype: DType) {
        if known.shape != shape || known.dtype != dtype {
            self.fail(RecordError::Name {
                name: name.to_owned(),
                first: known.dtype.describe(known.shape),
                second: dtype.describe(shape),
            });
        }
    }
}
