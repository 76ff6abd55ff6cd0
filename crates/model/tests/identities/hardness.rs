//! Whether a case is hard: windows overflow, buckets are crowded and empty, rounds overlap, softmaxes have peaks. Counted from
//! the definition (`docs/attention.md`, the set) over the buckets that the program itself computed. No identity is tested here.

use crate::fixture::{Batch, Machine, only};
use reformer_model::{ModelConfig, evaluation_inputs, record};
use reformer_oracle::sets;
use reformer_tensor::op::{Attention, HeadParameters, KEY_EPSILON};
use reformer_tensor::{DType, Inputs, Op, Outputs, Pattern, Program, shape};
use std::collections::BTreeSet;

/// A segment is long if it has more than this many windows: its last tokens then miss most of it.
const LONG: usize = 4;
/// A bucket is crowded if one segment has more than this many windows of tokens in it: a cache has then replaced its whole list.
const CROWDED: usize = 2;
/// The largest probability of a softmax times the number of its keys: 1 where logits are flat. At twice that or more, a key that
/// is wrongly in or out changes the first digits.
const PEAK: f64 = 2.0;
/// Between the largest and the smallest logit of a row of the head: one token is e times as likely as another.
const SPREAD: f64 = 1.0;

/// What the queries of one layer met, all heads and rounds together.
#[derive(Default, Debug)]
struct Figures {
    /// Queries whose segment (LSH: bucket and segment) has more tokens up to themselves than the window, counted in each round.
    evictions: usize,
    /// Queries that see only themselves, though their segment has earlier tokens.
    cold: usize,
    /// Keys that a further round shows to a query that has them already, itself not counted.
    again: usize,
    /// The most tokens that one segment has in one bucket.
    crowd: usize,
    /// Buckets of long segments, one for each head, segment, round and bucket.
    buckets: usize,
    /// How many of them hold nothing. Short segments can't fill all buckets, so theirs prove nothing.
    empty: usize,
    /// For each query that sees a window of tokens or more: the largest probability times the number of keys. In LSH attention its
    /// own token is none of them.
    peaks: Vec<f64>,
}

/// Asserts that `batch` is hard for each layer and the head in a full forward pass, as evaluated.
#[track_caller]
pub fn assert_hard(what: &str, config: &ModelConfig, batch: &Batch) {
    let program = record::full_logits(config, batch.rows(), batch.rows(), config.heads);
    assert_hard_in(what, config, batch, &mut Machine::cpu(config, 2), &program, evaluation_inputs(config));
}

/// The same in `program`, a forward pass with all heads at once that gradients may follow, with the parameters of `machine`.
#[track_caller]
pub fn assert_hard_in(
    what: &str,
    config: &ModelConfig,
    batch: &Batch,
    machine: &mut Machine,
    program: &Program,
    random: Inputs,
) {
    let (watched, layers) = watch(batch, program);
    assert_eq!(layers.len(), config.layers, "{what}: record all heads at once, else a layer has several attentions");
    let outputs = machine.run(&watched, &only(&watched, &batch.inputs(random)));
    let mut easy = Vec::new();
    let longest = batch.lengths.iter().copied().max().unwrap_or(0);
    if longest <= LONG * config.window {
        easy.push(format!("no long segment: {longest} tokens at most, a window has {}", config.window));
    }
    for (layer, attention) in layers.iter().enumerate() {
        let name = format!("layer {layer} ({:?})", config.kind(layer));
        let figures = measure(config, batch, attention, layer, &outputs);
        easy.extend(figures.easy(config, attention.pattern).into_iter().map(|text| format!("{name}: {text}")));
    }
    let logits = outputs["logits"].to_f64(DType::F32);
    let spread = median(logits.chunks(config.vocabulary).map(|row| largest(row) - smallest(row)).collect());
    // NaN is not spread either.
    let spread_out = spread >= SPREAD;
    if !spread_out {
        easy.push(format!("flat logits of the head: half of the rows spread over {spread:.2} at most, not {SPREAD}"));
    }
    assert!(easy.is_empty(), "{what}: segments of {:?} are too easy a case:\n  {}", batch.lengths, easy.join("\n  "));
}

/// `program` up to its head, with what attention reads as outputs (`queries`, `keys` and `buckets`, each behind the number of its
/// layer) and the `logits` of all rows; and the attention of each layer.
fn watch(batch: &Batch, program: &Program) -> (Program, Vec<Attention>) {
    let mut watched = program.clone();
    let is_head = |op: &Op| matches!(op, Op::HeadLoss(_) | Op::Logits(_));
    let head = watched.instructions.iter().position(|instruction| is_head(&instruction.op)).expect("it has a head");
    let [y1, y2] = [0, 1].map(|read| watched.tensor(program.instructions[head].reads[read]));
    watched.instructions.truncate(head);
    watched.outputs.clear();
    let (mut layers, mut buckets) = (Vec::new(), None);
    for instruction in &program.instructions[..head] {
        if let Op::LshHash(_) = &instruction.op {
            buckets = Some(watched.tensor(instruction.writes[0]));
        }
        if let Op::Attention(attention) = &instruction.op {
            let layer = layers.len();
            // LSH reads qk, v, …; the others q, k, v, …
            let lsh = matches!(attention.pattern, Pattern::Lsh { .. });
            let [queries, keys] = [0, usize::from(!lsh)].map(|read| watched.tensor(instruction.reads[read]));
            watched.output(&format!("{layer} queries"), queries);
            watched.output(&format!("{layer} keys"), keys);
            if let Some(buckets) = buckets.take() {
                watched.output(&format!("{layer} buckets"), buckets);
            }
            layers.push(*attention);
        }
    }
    // Behind the streams, and the rows that are chosen.
    let first = if matches!(program.instructions[head].op, Op::Logits(_)) { 3 } else { 2 };
    let [gamma, beta, weight, bias] =
        [0, 1, 2, 3].map(|at| watched.tensor(program.instructions[head].reads[first + at]));
    let parameters = HeadParameters { gamma, beta, weight, bias };
    let chosen = watched.input("chosen", shape![batch.rows()], DType::U32);
    let logits = watched.logits(y1, y2, chosen, &parameters);
    watched.output("logits", logits);
    (watched, layers)
}

fn measure(config: &ModelConfig, batch: &Batch, attention: &Attention, layer: usize, outputs: &Outputs) -> Figures {
    let mut figures = Figures::default();
    let (rows, segments) = (batch.rows(), batch.segments());
    let (heads, width) = (attention.heads.count, attention.heads.width);
    let [queries, mut keys] = ["queries", "keys"].map(|name| outputs[&format!("{layer} {name}")].to_f64(DType::F32));
    let lsh = matches!(attention.pattern, Pattern::Lsh { .. });
    for vector in keys.chunks_mut(width) {
        let square: f64 = vector.iter().map(|x| x * x).sum();
        let length = if lsh { square + width as f64 * f64::from(KEY_EPSILON) } else { width as f64 };
        vector.iter_mut().for_each(|x| *x /= length.sqrt());
    }
    for head in 0..heads {
        let sets = match attention.pattern {
            Pattern::Lsh { rounds, window } => {
                let all = outputs[&format!("{layer} buckets")].as_u32().expect("buckets are integers");
                let buckets = &all[head * rounds * rows..(head + 1) * rounds * rows];
                let sets = sets::lsh(buckets, &segments, window);
                figures.count(config, batch, buckets, &sets);
                sets
            }
            Pattern::Local { window } => {
                figures.evictions += batch.positions().iter().filter(|&&position| position as usize >= window).count();
                sets::local(&segments, Some(window))
            }
            Pattern::Full => sets::local(&segments, None),
        };
        for (query, set) in sets.iter().enumerate().filter(|(_, set)| set.len() >= config.window) {
            let logit = |&key: &usize| {
                let [q, k] =
                    [(&queries, query), (&keys, key)].map(|(all, row)| &all[(row * heads + head) * width..][..width]);
                q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>()
            };
            let logits: Vec<f64> = set.iter().filter(|&&key| !lsh || key != query).map(logit).collect();
            let most = largest(&logits);
            figures.peaks.push(logits.len() as f64 / logits.iter().map(|x| (x - most).exp()).sum::<f64>());
        }
    }
    figures
}

impl Figures {
    /// Counts in the buckets of one head, `[rounds, rows]`, and in the sets that they make.
    fn count(&mut self, config: &ModelConfig, batch: &Batch, buckets: &[u32], sets: &[BTreeSet<usize>]) {
        let (positions, window) = (batch.positions(), config.window);
        // Keys that all rounds show to each query; every round shows the query to itself.
        let mut shown = vec![0; batch.rows()];
        for round in buckets.chunks_exact(batch.rows()) {
            let mut start = 0;
            for &length in &batch.lengths {
                let mut tokens = vec![0; config.bucket_count()];
                for row in start..start + length {
                    let count = &mut tokens[round[row] as usize];
                    *count += 1;
                    self.evictions += usize::from(*count > window);
                    shown[row] += window.min(*count) - 1;
                }
                start += length;
                self.crowd = self.crowd.max(tokens.iter().copied().max().unwrap_or(0));
                if length > LONG * window {
                    self.buckets += tokens.len();
                    self.empty += tokens.iter().filter(|&&count| count == 0).count();
                }
            }
        }
        for (row, set) in sets.iter().enumerate() {
            self.cold += usize::from(set.len() == 1 && positions[row] > 0);
            self.again += shown[row] - (set.len() - 1);
        }
    }

    /// What is missing, with figures.
    fn easy(&self, config: &ModelConfig, pattern: Pattern) -> Vec<String> {
        let window = config.window;
        let mut easy = Vec::new();
        if pattern != Pattern::Full && self.evictions == 0 {
            easy.push(format!("no eviction: up to no query are there more than a window of {window} tokens"));
        }
        if let Pattern::Lsh { rounds, .. } = pattern {
            if self.cold == 0 {
                easy.push("no cold token: all but the first of a segment see another".to_owned());
            }
            if self.again == 0 {
                easy.push(format!("no key found twice in {rounds} rounds"));
            }
            if self.crowd <= CROWDED * window {
                easy.push(format!("no crowded bucket: {} tokens at most, a window has {window}", self.crowd));
            }
            if self.empty == 0 {
                easy.push(format!("no empty bucket among the {} of long segments", self.buckets));
            }
        }
        let peak = median(self.peaks.clone());
        // NaN is no peak either.
        let peaked = peak >= PEAK;
        if self.peaks.is_empty() {
            easy.push(format!("no query sees a window of {window} tokens"));
        } else if !peaked {
            easy.push(format!(
                "flat attention: half of {} queries have no probability above {peak:.2} / keys, not {PEAK} / keys",
                self.peaks.len()
            ));
        }
        easy
    }
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn smallest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The upper median, NaN if there is no number.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
