//! Decoding from a cache against one forward pass, in any split, and what a cache refuses.

use crate::fixture::*;
use reformer_cpu::{Cpu, Environment};
use reformer_tensor::op::{AttentionCached, NO_ROW};
use reformer_tensor::{Backend, Checks, DType, HostTensor, Plan, PlanOptions, Program, RunError, Store, Tensor, shape};

/// A cache and the program that appends some tokens to it.
struct Decoder {
    kind: Kind,
    batch: usize,
    environment: Environment,
    store: Box<dyn Store>,
}

impl Decoder {
    fn new(kind: Kind, batch: usize, environment: Environment) -> Self {
        Self { kind, batch, environment, store: Cpu::with(environment).store() }
    }

    fn append(&mut self, tokens: &Tokens, positions: &[u32], cache_rows: &[u32]) -> Result<Vec<f32>, RunError> {
        let rows = tokens.rows();
        let mut program = Program::new();
        let op = AttentionCached { pattern: self.kind.cache_pattern(), heads: HEADS, max_positions: MAX_POSITIONS };
        let layout = op.layout();
        let names: &[&str] = if self.kind == Kind::Lsh { &["q", "v"] } else { &["q", "k", "v"] };
        let projections: Vec<Tensor> =
            names.iter().map(|name| program.input(name, shape![rows, COLUMNS], DType::F32)).collect();
        let buckets = (self.kind == Kind::Lsh).then(|| hash_of(&mut program, projections[0]));
        let [positions_in, cache_rows_in] =
            ["positions", "cache_rows"].map(|name| program.input(name, shape![rows], DType::U32));
        let entries = shape![self.batch, HEADS.count, layout.capacity, HEADS.width];
        let words = shape![self.batch, HEADS.count, layout.words];
        let cache = [
            program.state("cache.keys", entries, DType::F32),
            program.state("cache.values", entries, DType::F32),
            program.state("cache.index", words, DType::U32),
        ];
        let context = program.attention_cached(op, &projections, positions_in, cache_rows_in, buckets, cache);
        program.output("context", context);
        let backend = Cpu::with(self.environment);
        let plan = Plan::new(&program, &PlanOptions::default()).expect("the recording is right");
        plan.declare_states(self.store.as_mut()).expect("the cache keeps its shape");
        let mut prepared = backend.prepare(plan, Checks::Poison).expect("the plan fits");
        let mut inputs = tokens.inputs();
        inputs.insert("positions".to_owned(), HostTensor::u32(shape![rows], positions.to_vec()));
        inputs.insert("cache_rows".to_owned(), HostTensor::u32(shape![rows], cache_rows.to_vec()));
        let outputs = prepared.run(self.store.as_mut(), &inputs)?;
        Ok(outputs["context"].as_f32().expect("context is f32").to_vec())
    }

    /// Appends tokens of consecutive segments to cache row 0, cut into runs of these lengths.
    fn split(&mut self, tokens: &Tokens, runs: &[usize]) -> Vec<f32> {
        let mut context = Vec::new();
        let mut start = 0;
        for &run in runs.iter().cycle() {
            let end = tokens.rows().min(start + run);
            let positions: Vec<u32> = (start..end).map(|row| row as u32 - tokens.segments[row]).collect();
            let part = self.append(&tokens.part(start..end), &positions, &vec![0; end - start]);
            context.extend(part.expect("it runs"));
            start = end;
            if start == tokens.rows() {
                return context;
            }
        }
        context
    }
}

#[test]
fn decoding_from_a_cache_is_the_forward_pass_in_any_split() {
    // Past the window many times over, and across the ends of segments.
    let tokens = Tokens::new(&[200, 1, 60]);
    for kind in KINDS {
        let whole = context(kind, &tokens);
        for environment in [best(), Environment { threads: 1, ..best() }] {
            for runs in [vec![1], vec![261], vec![7, 1, 20], vec![WINDOW + 1], vec![199, 2, 60]] {
                let got = Decoder::new(kind, 1, environment).split(&tokens, &runs);
                assert_same(&got, &whole, &format!("{kind:?}, runs of {runs:?}, {} threads", environment.threads));
            }
        }
    }
}

/// Entries of tokens that no list holds any more are used again: memory doesn't grow with the context.
#[test]
fn a_cache_gives_back_what_no_list_holds() {
    let mut decoder = Decoder::new(Kind::Lsh, 1, best());
    decoder.split(&Tokens::new(&[3, 250]), &[50]);
    let op = AttentionCached { pattern: Kind::Lsh.cache_pattern(), heads: HEADS, max_positions: MAX_POSITIONS };
    let layout = op.layout();
    assert!(layout.capacity < 250, "entries must be used twice");
    let index = decoder.store.read("cache.index").expect("the cache is a state");
    for words in index.as_u32().expect("integers").chunks(layout.words) {
        let mut expected = vec![0; layout.capacity];
        for (list, &count) in words[layout.counts..layout.references].iter().enumerate() {
            let held = &words[list * WINDOW..][..WINDOW.min(count as usize)];
            held.iter().for_each(|&entry| expected[entry as usize] += 1);
        }
        assert_eq!(words[layout.references..layout.free], expected, "lists that hold each entry");
        let free = expected.iter().filter(|&&lists| lists == 0).count();
        assert_eq!(words[layout.free_count] as usize, free, "free entries");
        assert!(free > layout.capacity / 4, "lists share entries, so many are free");
    }
}

#[test]
fn rows_of_a_cache_are_independent_and_may_pause() {
    let [first, second] = [Tokens::new(&[90]), Tokens::new(&[50, 40]).part(50..90)];
    for kind in KINDS {
        let expected = [context(kind, &first), context(kind, &second)];
        let mut decoder = Decoder::new(kind, 2, best());
        let mut got = [Vec::new(), Vec::new()];
        for step in 0..90 {
            // The second row rests on every other step and is full before the first; what rests is padding.
            let at = step / 2;
            let rests = step % 2 == 1 || at >= 40;
            let (one, two) = (first.part(step..step + 1), second.part(at.min(39)..at.min(39) + 1));
            let join = |a: &[f32], b: &[f32]| [a, b].concat();
            let both = Tokens {
                q: join(&one.q, &two.q),
                k: join(&one.k, &two.k),
                v: join(&one.v, &two.v),
                segments: vec![0, 0],
            };
            let rows = [0, if rests { NO_ROW } else { 1 }];
            let context = decoder.append(&both, &[step as u32, at as u32], &rows).expect("it runs");
            let (one, two) = context.split_at(COLUMNS);
            got[0].extend_from_slice(one);
            if rests {
                assert!(two.iter().all(|&number| number == 0.0), "{kind:?}: padding has no context");
            } else {
                got[1].extend_from_slice(two);
            }
        }
        for (row, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_same(got, expected, &format!("{kind:?}, cache row {row}"));
        }
    }
}

#[test]
fn a_cache_names_what_is_out_of_range() {
    let token = Tokens::new(&[1]);
    for kind in KINDS {
        let mut decoder = Decoder::new(kind, 2, best());
        let row = decoder.append(&token, &[0], &[2]).expect_err("there are two rows").to_string();
        assert!(row.contains("`cache_rows` holds 2 at 0, the largest allowed is 1"), "{row}");
        let position = decoder.append(&token, &[MAX_POSITIONS as u32], &[0]).expect_err("too far").to_string();
        assert!(position.contains("`positions` holds 256 at 0, the largest allowed is 255"), "{position}");
    }
    let unstarted = Decoder::new(Kind::Lsh, 1, best()).append(&token, &[5], &[0]).expect_err("no start").to_string();
    assert!(unstarted.contains("`positions` holds 5 at 0, the largest allowed is 0"), "{unstarted}");
}
