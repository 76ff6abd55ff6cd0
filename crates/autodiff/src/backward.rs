//! The backward walk: what is available where, reversible halves, sums of gradients. The rules themselves are in `rules/`.

use crate::rules;
use reformer_tensor::op::{MergeHeads, NormParameters};
use reformer_tensor::{Direction, Instruction, Op, Program, Tensor, ValueId, ValueKind};
use std::collections::BTreeMap;

/// Gradient sums are states of this prefix and the parameter's name.
pub const GRADIENT_PREFIX: &str = "gradient.";

/// What the backward pass does about a half's forward values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recompute {
    /// Read the forward pass's own.
    Stored,
    /// Rebuild them from the half's result.
    Rebuild,
}

/// The state of a walk.
pub(crate) struct Backward<'a> {
    pub program: &'a mut Program,
    /// Where a forward value is to be found now, if not in the value itself.
    current: BTreeMap<ValueId, Tensor>,
    /// Contributions to a value's gradient that are not yet in one tensor. More than one only where both streams start.
    gradients: BTreeMap<ValueId, Vec<Tensor>>,
    /// do·o per head and row, by the context's value: the rule of `merge_heads` leaves it for the rule of `attention`.
    pub deltas: BTreeMap<ValueId, Tensor>,
    /// Gradients of normalised streams that groups of heads still add to: (stream, gamma, beta) and the sum.
    norms: Vec<(ValueId, NormParameters, Tensor)>,
    /// The weights that cast weights come from.
    cast_from: BTreeMap<ValueId, ValueId>,
    /// Whether the half at hand is rebuilt.
    pub recompute: Recompute,
    /// The losses that the gradient op of the head wrote.
    pub losses: Option<Tensor>,
}

/// Records the gradient of Σ `losses` onto the states `gradient.<parameter>`, and returns the losses as the backward pass computes
/// them (so that the forward head need not run). `recompute` decides for each half, by its number in order of recording.
///
/// The walk knows one kind of loss: the result of `head_loss`. Anything that `losses` does not depend on gets no gradient.
pub fn gradients(program: &mut Program, losses: Tensor, recompute: &dyn Fn(usize) -> Recompute) -> Tensor {
    let halves = program.halves.clone();
    let casts = program.instructions.iter().filter(|instruction| matches!(instruction.op, Op::Cast(_)));
    let cast_from = casts.map(|cast| (cast.writes[0], cast.reads[0])).collect();
    let mut backward = Backward {
        current: BTreeMap::new(),
        gradients: BTreeMap::new(),
        deltas: BTreeMap::new(),
        norms: Vec::new(),
        cast_from,
        recompute: Recompute::Stored,
        losses: None,
        program,
    };
    let mut at = backward.program.instructions.len();
    let mut next_half = halves.len();
    while at > 0 {
        let half = next_half.checked_sub(1).map(|number| &halves[number]);
        match half {
            Some(half) if half.groups.last().is_some_and(|group| group.end == at) => {
                next_half -= 1;
                backward.half(half, recompute(next_half));
                at = half.groups[0].start;
            }
            _ => {
                at -= 1;
                let instruction = backward.program.instructions[at].clone();
                backward.recompute = Recompute::Stored;
                backward.pass_on(std::slice::from_ref(&instruction));
                backward.rule(&instruction);
                backward.finish_norms();
            }
        }
    }
    backward.losses.unwrap_or(losses)
}

impl Backward<'_> {
    /// One half: its groups in ascending order (sums over heads run so), each rebuilt first if need be.
    fn half(&mut self, half: &reformer_tensor::Half, recompute: Recompute) {
        self.recompute = recompute;
        let all = half.groups[0].start..half.groups[half.groups.len() - 1].end;
        let all = self.program.instructions[all].to_vec();
        self.pass_on(&all);
        let mut stream = self.value(half.after);
        for group in &half.groups {
            let forward: Vec<Instruction> = self.program.instructions[group.clone()].to_vec();
            let scope = self.program.scopes[forward[0].scope].clone();
            self.program.set_scope(&format!("{scope}, backward"));
            if recompute == Recompute::Rebuild {
                stream = self.rebuild(&forward, stream);
            }
            for instruction in forward.iter().rev() {
                self.rule(instruction);
            }
        }
        self.finish_norms();
        if recompute == Recompute::Rebuild && !self.current.contains_key(&half.before) {
            self.current.insert(half.before, stream);
        }
    }

    /// Adding a share leaves the gradient of the stream as it is: the values before get the very tensor of the values after.
    fn pass_on(&mut self, instructions: &[Instruction]) {
        for instruction in instructions.iter().rev() {
            if matches!(instruction.op, Op::MergeHeads(_) | Op::FeedForward(_))
                && let Some(dy) = self.gradient(instruction.updates[0].1)
            {
                self.contribute(instruction.updates[0].0, dy);
            }
        }
    }

    /// Records a group's branch again, and takes its shares off the stream. Feed-forward's share is taken off by its
    /// gradient, which computes it anyway.
    fn rebuild(&mut self, forward: &[Instruction], mut stream: Tensor) -> Tensor {
        for instruction in forward {
            if let Op::MergeHeads(op) = &instruction.op {
                let op = MergeHeads { direction: Direction::Reverse, ..*op };
                let [context, weight, key] = self.values(&instruction.reads)[..] else { continue };
                stream = self.program.merge_heads(op, stream, context, weight, key);
            } else if !matches!(instruction.op, Op::FeedForward(_)) {
                let reads = self.values(&instruction.reads);
                let copies = self.program.record_again(instruction, &reads);
                for (&old, new) in instruction.writes.iter().zip(copies) {
                    self.current.insert(old, new);
                }
            }
        }
        stream
    }

    fn rule(&mut self, instruction: &Instruction) {
        rules::apply(self, instruction);
    }

    /// Where a forward value is to be found now.
    pub fn value(&self, id: ValueId) -> Tensor {
        self.current.get(&id).copied().unwrap_or_else(|| self.program.tensor(id))
    }

    /// The same for several.
    pub fn values(&self, ids: &[ValueId]) -> Vec<Tensor> {
        ids.iter().map(|&id| self.value(id)).collect()
    }

    /// Says where a forward value has been rebuilt.
    pub fn rebuilt(&mut self, id: ValueId, tensor: Tensor) {
        self.current.insert(id, tensor);
    }

    /// The gradient of a value, if anything has contributed to it. Sums of two are left to the op that made the value.
    pub fn gradient(&self, id: ValueId) -> Option<Tensor> {
        self.gradients.get(&id).and_then(|parts| parts.first().copied())
    }

    /// Every contribution to a value's gradient.
    pub fn contributions(&self, id: ValueId) -> Vec<Tensor> {
        self.gradients.get(&id).cloned().unwrap_or_default()
    }

    /// Adds a contribution.
    pub fn contribute(&mut self, id: ValueId, gradient: Tensor) {
        self.gradients.entry(id).or_default().push(gradient);
    }

    /// The sum that an op adds onto in place: the first contribution, or zeros.
    pub fn sum(&mut self, id: ValueId) -> Tensor {
        if let Some(sum) = self.gradient(id) {
            return sum;
        }
        let forward = self.program.tensor(id);
        let zeros = self.program.zeros("d_stream", forward.shape);
        self.contribute(id, zeros);
        zeros
    }

    /// Replaces the sum after an op has added onto it.
    pub fn replace_sum(&mut self, id: ValueId, sum: Tensor) {
        if let Some(first) = self.gradients.get_mut(&id).and_then(|parts| parts.first_mut()) {
            *first = sum;
        }
    }

    /// The gradient sum of a parameter, or of the one that a cast weight was cast from.
    pub fn parameter_gradient(&mut self, id: ValueId) -> Tensor {
        let id = self.cast_from.get(&id).copied().unwrap_or(id);
        let value = self.program.info(id).clone();
        debug_assert!(matches!(value.kind, ValueKind::State(_)), "`{}` is no state", value.name);
        self.program.state(&format!("{GRADIENT_PREFIX}{}", value.name), value.shape, value.dtype)
    }

    /// The sum for the gradient of a normalised stream, shared by the groups of a half.
    pub fn norm_sum(&mut self, x: ValueId, norm: NormParameters) -> Tensor {
        if let Some((.., sum)) = self.norms.iter().find(|(id, ..)| *id == x) {
            return *sum;
        }
        let shape = self.program.tensor(x).shape;
        let sum = self.program.zeros("d_normed", shape);
        self.norms.push((x, norm, sum));
        sum
    }

    /// Replaces that sum after a group has added onto it.
    pub fn replace_norm_sum(&mut self, x: ValueId, new: Tensor) {
        if let Some((.., sum)) = self.norms.iter_mut().find(|(id, ..)| *id == x) {
            *sum = new;
        }
    }

    /// Carries finished sums through their layer norms into the streams.
    fn finish_norms(&mut self) {
        for (x, norm, sum) in std::mem::take(&mut self.norms) {
            let gradients = NormParameters {
                gamma: self.parameter_gradient(norm.gamma.id),
                beta: self.parameter_gradient(norm.beta.id),
            };
            let (stream, dx) = (self.value(x), self.sum(x));
            let dx = self.program.layer_norm_gradient(stream, norm.gamma, sum, dx, gradients);
            self.replace_sum(x, dx);
        }
    }
}
