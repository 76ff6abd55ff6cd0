//! The kept list of planted faults. A fault is one piece of text for another, and the test that must then fail.

/// One fault.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong, in a few words: how it is asked for and reported.
    pub name: &'static str,
    /// The file, from the workspace's root.
    pub file: &'static str,
    /// What stands there, once.
    pub text: &'static str,
    /// What is planted.
    pub planted: &'static str,
    /// The package whose tests are run.
    pub package: &'static str,
    /// `--lib`, or the integration test.
    pub target: &'static str,
    /// The test that must fail.
    pub caught_by: &'static str,
}

const ATTENTION: &str = "crates/cpu/src/attention/forward.rs";
const CPU: &str = "reformer-cpu";
const SUITE: &str = "conformance";

/// All faults. Those that touch the same crates stand together, since a rebuild is what takes time.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a segment's border ignored",
        file: "crates/cpu/src/ops/intervals.rs",
        text: "buckets[before] != buckets[token] || segments[before] != segments[token]",
        planted: "buckets[before] != buckets[token]",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::intervals::segments",
    },
    Fault {
        name: "a window one too long",
        file: "crates/cpu/src/ops/intervals.rs",
        text: "(slot + 1).saturating_sub(op.window)",
        planted: "slot.saturating_sub(op.window)",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::intervals::window_three",
    },
    Fault {
        name: "a mask off by one",
        file: ATTENTION,
        text: "mask_unseen(lanes, &mut logits[..before], first, &current[0]);",
        planted: "mask_unseen(lanes, &mut logits[..before], first + 1, &current[0]);",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::attention::lsh_odd",
    },
    Fault {
        name: "a key counted once a round",
        file: ATTENTION,
        text: "keys.earlier.chunks_exact(keys.capacity).zip(earlier)",
        planted: "keys.earlier.chunks_exact(keys.capacity).zip(&earlier[..0])",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::attention::lsh_crowded",
    },
    Fault {
        name: "results left in the order of slots",
        file: ATTENTION,
        text: "let at = self.round.slot(token) - self.base;",
        planted: "let at = token - self.base;",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::attention::lsh_odd",
    },
    Fault {
        name: "a round's rotation used again",
        file: "crates/cpu/src/ops/lsh_hash.rs",
        text: "&self.turned[round * columns * per_row..]",
        planted: "&self.turned[(round - round % 2) * columns * per_row..]",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::lsh_hash::factors",
    },
    Fault {
        name: "the weight of the first heads for those in the middle",
        file: "crates/cpu/src/ops/merge_heads.rs",
        text: ".from((op.heads.first + head) * head_width * width)",
        planted: ".from(head * head_width * width)",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::merge_heads::middle_heads",
    },
    Fault {
        name: "a share that is NaN goes unnoticed",
        file: "crates/cpu/src/stream.rs",
        text: "if largest < self.limit.to_bits() {",
        planted: "if largest < self.limit.to_bits() || largest > f32::INFINITY.to_bits() {",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::laws::faults::ranges",
    },
    Fault {
        name: "a cache that forgets one token early",
        file: "crates/cpu/src/attention/cached.rs",
        text: "for number in count.saturating_sub(self.window)..count {",
        planted: "for number in (count + 1).saturating_sub(self.window)..count {",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::attention_cached::lsh_past_the_window",
    },
    Fault {
        name: "bias corrections swapped",
        file: "crates/cpu/src/ops/adamw.rs",
        text: "first / self.correction1 / ((second / self.correction2)",
        planted: "first / self.correction2 / ((second / self.correction1)",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::adamw::first_step",
    },
    Fault {
        name: "halves cut off instead of rounded",
        file: "crates/cpu/src/weight.rs",
        text: "own.reinterpret_cast_mut::<bf16>().convert_from_f32_slice(numbers)",
        planted: "own.iter_mut().zip(numbers).for_each(|(own, x)| *own = (x.to_bits() >> 16) as u16)",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::cast::odd_bf16",
    },
    Fault {
        name: "a slot freed while its value is alive",
        file: "crates/tensor/src/plan.rs",
        text: "if last_use[id.0 as usize] == step && first_mention {",
        planted: "if last_use[id.0 as usize] <= step + 1 && first_mention {",
        package: CPU,
        target: SUITE,
        caught_by: "two_threads::laws::packing::lsh",
    },
    Fault {
        name: "rebuilding without dropout",
        file: "crates/autodiff/src/backward.rs",
        text: "let op = MergeHeads { direction: Direction::Reverse, ..*op };",
        planted: "let dropout = reformer_tensor::Dropout { rate: 0.0, ..op.dropout };\n                let op = MergeHeads { direction: Direction::Reverse, dropout, ..*op };",
        package: "reformer-model",
        target: "identities",
        caught_by: "on_the_cpu::rebuilt_and_stored_gradients_are_the_same_bits",
    },
    Fault {
        name: "a shader that looks all rounds up in the first",
        file: "shaders/intervals.wgsl",
        text: "if buckets[list + order[list + middle]] < bucket {",
        planted: "if buckets[order[list + middle]] < bucket {",
        package: "reformer-gpu",
        target: SUITE,
        caught_by: "fast::intervals::many_rows",
    },
    Fault {
        name: "a shader's exp with another last coefficient",
        file: "shaders/shared/math.wgsl",
        text: "var sum = 1.9875691500e-4;",
        planted: "var sum = 1.7e-4;",
        package: "reformer-gpu",
        target: "elementary",
        caught_by: "exp_is_within_its_roundings_of_f64s",
    },
    Fault {
        name: "a shader's decoding that counts a key twice",
        file: "shaders/shared/cache.wgsl",
        text: "for (var earlier = 0u; earlier < round; earlier += 1u) {",
        planted: "for (var earlier = 1u; earlier < round; earlier += 1u) {",
        package: "reformer-gpu",
        target: "known",
        caught_by: "every_op_gives_its_known_answer",
    },
    Fault {
        name: "a shader's loop that ends early, as a driver's would",
        file: "shaders/embed_gradient.wgsl",
        text: "if entry_at(at) != entry {",
        planted: "if entry_at(at) != entry || at > parameters.first_place + 32000u {",
        package: "reformer-gpu",
        target: "known",
        caught_by: "every_op_gives_its_known_answer",
    },
    Fault {
        name: "a launch that walks longer than it says",
        file: "crates/gpu/src/loops.rs",
        text: "        (2 * tiles + own * (1 + strips(width))",
        planted: "        (tiles + own * (1 + strips(width))",
        package: "reformer-gpu",
        target: "loops",
        caught_by: "no_invocation_takes_more_iterations_than_computed::hardware",
    },
    Fault {
        name: "a resumed run that begins its epoch again",
        file: "crates/trainer/src/open.rs",
        text: "let position = state.position;",
        planted: "let position = crate::Position { batches: 0, ..state.position };",
        package: "reformer-trainer",
        target: "training",
        caught_by: "resuming::a_run_that_is_stopped_and_resumed_is_the_same_run",
    },
    Fault {
        name: "a key of JSON that occurs twice is lost",
        file: "crates/multiwoz/src/json.rs",
        text: "return Err(A::Error::custom(format!(\"the key `{}` occurs twice\", crate::error::shorten(&key))));",
        planted: "continue;",
        package: "reformer-multiwoz",
        target: "reading",
        caught_by: "what_is_no_list_of_dialogues_is_said",
    },
];
