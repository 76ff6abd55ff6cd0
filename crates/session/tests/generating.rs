//! Generators: appending in any split, next to any neighbour, after any rewind, gives the bits of one full forward pass.

mod models;

use models::{config, random_store};
use reformer_cpu::Cpu;
use reformer_model::{LayerKind, ModelConfig, evaluation_inputs, record};
use reformer_session::{GenerationOptions, Generator, Sampler, SamplingOptions, SessionError, Stop};
use reformer_tensor::{Backend, Checks, HostTensor, Key, Plan, PlanOptions, shape};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

const PATTERNS: [&[LayerKind]; 4] = [
    &[LayerKind::Local, LayerKind::Local],
    &[LayerKind::Lsh, LayerKind::Lsh],
    &[LayerKind::Full],
    &[LayerKind::Local, LayerKind::Lsh, LayerKind::Full],
];

fn generator(config: &ModelConfig, batch: usize) -> Generator {
    let cpu = Cpu::new(1);
    let store = random_store(&cpu, config, 11);
    Generator::new(&cpu, store, config, batch).unwrap()
}

fn tokens(count: usize, seed: u64) -> Vec<u32> {
    let key = Key::from_seed(seed);
    (0..count as u64).map(|at| (key.uniform(at) * 260.0) as u32).collect()
}

/// Logits at every position of one full forward pass.
fn full(config: &ModelConfig, tokens: &[u32]) -> Vec<Vec<f32>> {
    let cpu = Cpu::new(1);
    let mut store = random_store(&cpu, config, 11);
    let rows = tokens.len();
    let plan = Plan::new(&record::full_logits(config, rows, rows, 1), &PlanOptions::default()).unwrap();
    plan.declare_states(store.as_mut()).unwrap();
    let mut inputs = evaluation_inputs(config);
    let places: Vec<u32> = (0..rows as u32).collect();
    for (name, data) in
        [("tokens", tokens.to_vec()), ("positions", places.clone()), ("segments", vec![0; rows]), ("chosen", places)]
    {
        inputs.insert(name.to_owned(), HostTensor::u32(shape![rows], data));
    }
    let outputs = cpu.prepare(plan, Checks::Poison).unwrap().run(store.as_mut(), &inputs).unwrap();
    outputs["logits"].as_f32().unwrap().chunks(config.vocabulary).map(<[f32]>::to_vec).collect()
}

/// The same numbers, bit for bit; a message names the first that differs.
#[track_caller]
fn same_bits(got: &[f32], expected: &[f32], when: &str) {
    assert_eq!(got.len(), expected.len(), "{when}");
    if let Some(at) = (0..got.len()).find(|&at| got[at].to_bits() != expected[at].to_bits()) {
        panic!("{when}: logit {at} is {}, expected {}", got[at], expected[at]);
    }
}

/// Parts of random sizes that together are `count`.
fn split(count: usize, largest: usize, seed: u64) -> Vec<usize> {
    let key = Key::from_seed(seed);
    let mut parts = Vec::new();
    let mut rest = count;
    for at in 0.. {
        if rest == 0 {
            break;
        }
        let part = (1 + (key.uniform(at) * largest as f64) as usize).min(rest);
        parts.push(part);
        rest -= part;
    }
    parts
}

#[test]
fn appending_in_any_split_gives_the_bits_of_a_full_forward_pass() {
    for pattern in PATTERNS {
        let config = config(pattern);
        // All positions, so far past every window and every bucket's list.
        let tokens = tokens(config.max_positions, 3);
        let expected = full(&config, &tokens);
        let spread =
            expected[50].iter().fold(f32::MIN, |a, &b| a.max(b)) - expected[50].iter().fold(f32::MAX, |a, &b| a.min(b));
        assert!(spread > 1.0, "the logits are too flat to show a mistake: {spread}");
        let mut generator = generator(&config, 1);
        for (case, largest) in [1, 2, 7, 30, 96].into_iter().enumerate() {
            generator.reset(0).unwrap();
            let mut end = 0;
            for part in split(tokens.len(), largest, case as u64) {
                let got = generator.append(0, &tokens[end..end + part]).unwrap();
                end += part;
                let when = format!("{pattern:?}, parts up to {largest}, after token {end}");
                same_bits(got, &expected[end - 1], &when);
            }
        }
    }
}

#[test]
fn rows_start_grow_and_end_on_their_own() {
    let config = config(PATTERNS[3]);
    let texts: Vec<Vec<u32>> = (0..3).map(|row| tokens(40 + 20 * row, 20 + row as u64)).collect();
    let expected: Vec<Vec<Vec<f32>>> = texts.iter().map(|text| full(&config, text)).collect();
    let mut generator = generator(&config, 3);
    let check = |generator: &Generator, row: usize, end: usize, when: &str| {
        let when = format!("row {row} after {end} tokens, {when}");
        same_bits(generator.logits(row).unwrap(), &expected[row][end - 1], &when);
    };
    generator.append_many(&[(2, &texts[2][..30]), (0, &texts[0][..1])]).unwrap();
    check(&generator, 2, 30, "started with row 0");
    check(&generator, 0, 1, "started with row 2");
    generator.append_many(&[(0, &texts[0][1..20]), (1, &texts[1][..33]), (2, &texts[2][30..31])]).unwrap();
    for (row, end) in [(0, 20), (1, 33), (2, 31)] {
        check(&generator, row, end, "all three");
    }
    // Row 1 ends and starts again with its own text, while the others go on.
    generator.reset(1).unwrap();
    assert_eq!(generator.tokens(1).unwrap(), [0u32; 0]);
    generator.append_many(&[(1, &texts[1][..5]), (0, &texts[0][20..40]), (2, &[])]).unwrap();
    check(&generator, 1, 5, "after a reset");
    check(&generator, 0, 40, "while row 1 started again");
    check(&generator, 2, 31, "when nothing was appended");
}

#[test]
fn rewinding_restores_every_bit() {
    let config = config(PATTERNS[3]);
    let text = tokens(60, 5);
    let expected = full(&config, &text);
    let mut generator = generator(&config, 2);
    generator.append_many(&[(0, &text[..10]), (1, &tokens(10, 6))]).unwrap();
    let early = generator.mark(0).unwrap();
    generator.append(0, &text[10..25]).unwrap();
    let late = generator.mark(0).unwrap();
    let neighbour = generator.logits(1).unwrap().to_vec();
    // Elsewhere, far enough to evict what the mark needs.
    generator.append(0, &tokens(50, 8)).unwrap();
    generator.rewind(&late).unwrap();
    same_bits(generator.logits(0).unwrap(), &expected[24], "logits at the mark");
    same_bits(generator.append(0, &text[25..60]).unwrap(), &expected[59], "what follows the mark");
    generator.rewind(&early).unwrap();
    generator.reset(0).unwrap();
    // Another conversation, shorter than the mark.
    generator.append(0, &tokens(7, 10)).unwrap();
    generator.rewind(&late).unwrap();
    same_bits(generator.append(0, &text[25..26]).unwrap(), &expected[25], "a mark outlives a reset");
    same_bits(generator.logits(1).unwrap(), &neighbour, "the other row");
}

#[test]
fn what_was_held_begins_again_with_the_same_bits() {
    let config = config(PATTERNS[3]);
    let text = tokens(60, 5);
    let expected = full(&config, &text);
    let mut generator = generator(&config, 2);
    let neighbour = tokens(10, 6);
    generator.append_many(&[(0, &text[..25]), (1, &neighbour)]).unwrap();
    let held = generator.hold().unwrap();
    // All that a copy has: every state of the store that is no parameter, and the rows.
    let (cpu, parameters) = (Cpu::new(1), random_store(&Cpu::new(1), &config, 11));
    let mut caches = cpu.store();
    let program = record::decoding(&config, 1, 2, 1);
    Plan::new(&program, &PlanOptions::default()).unwrap().declare_states(caches.as_mut()).unwrap();
    for name in parameters.names() {
        caches.remove(&name);
    }
    let states: usize = caches.names().iter().map(|name| 4 * caches.read(name).unwrap().shape.elements()).sum();
    let rows = 2 * 4 * (config.vocabulary + config.max_positions);
    assert_eq!(Generator::held_bytes(&config, 2), (states + rows) as u64);
    for _ in 0..2 {
        // Elsewhere, far enough to evict what is needed; and the neighbour is another one meanwhile.
        generator.append(0, &tokens(30, 8)).unwrap();
        generator.reset(1).unwrap();
        generator.append(1, &tokens(40, 9)).unwrap();
        generator.restore(&held).unwrap();
        assert_eq!(generator.tokens(1).unwrap(), neighbour);
        same_bits(generator.logits(0).unwrap(), &expected[24], "logits where it was held");
        same_bits(generator.append(0, &text[25..60]).unwrap(), &expected[59], "what follows");
    }
}

#[test]
fn what_can_not_be_appended_is_refused_and_changes_nothing() {
    let config = config(PATTERNS[0]);
    let mut generator = generator(&config, 2);
    let text = tokens(96, 9);
    generator.append(0, &text[..90]).unwrap();
    let before = generator.logits(0).unwrap().to_vec();
    let refusals: [(&[(usize, &[u32])], &str); 4] = [
        (&[(1, &[1]), (0, &text[..7])], "97 tokens are too many: the model has 96 positions"),
        (&[(0, &[1]), (1, &[260])], "token 260 does not exist"),
        (&[(0, &[1]), (2, &[1])], "row 2: there are 2, from 0"),
        (&[(0, &[1]), (0, &[1])], "row 0: it is named twice"),
    ];
    for (appended, expected) in refusals {
        let error = generator.append_many(appended).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(generator.tokens(0).unwrap().len(), 90);
    same_bits(generator.logits(0).unwrap(), &before, "after refusals");
    assert!(generator.tokens(1).unwrap().is_empty() && generator.logits(1).unwrap().is_empty());
    generator.append(0, &text[90..]).unwrap();
    assert!(matches!(generator.append(0, &[1]), Err(SessionError::TooLong { tokens: 97, .. })));
    assert!(generator.set_context(0, &tokens(97, 1)).is_err());
    assert_eq!(generator.tokens(0).unwrap(), text, "a context that can't be held changes nothing");
}

fn sampler(seed: u64) -> Sampler {
    Sampler::new(SamplingOptions { temperature: 1.0, top_k: 0, top_p: 1.0, seed }).unwrap()
}

#[test]
fn a_seed_gives_one_text_and_another_seed_another() {
    let config = config(PATTERNS[3]);
    let mut generator = generator(&config, 1);
    let options = GenerationOptions { max_tokens: 30, ..GenerationOptions::default() };
    let mut generate = |seed| {
        generator.reset(0).unwrap();
        let mut seen = Vec::new();
        let result = generator
            .generate(0, &[5, 6, 7], &options, &mut sampler(seed), |token| {
                seen.push(token);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(result.tokens, seen, "the callback sees every token");
        assert_eq!((result.stop, result.tokens.len(), result.decoded), (Stop::MaxTokens, 30, 29));
        assert!(result.tokens_per_second() > 0.0);
        result.tokens
    };
    assert_eq!(generate(1), generate(1));
    assert_ne!(generate(1), generate(2));
}

#[test]
fn greedy_tokens_are_those_of_the_full_forward_pass() {
    let config = config(PATTERNS[3]);
    let mut generator = generator(&config, 1);
    let options = GenerationOptions { max_tokens: 20, ..GenerationOptions::default() };
    let mut greedy = Sampler::new(SamplingOptions { temperature: 0.0, ..SamplingOptions::default() }).unwrap();
    let prompt = tokens(30, 12);
    let result = generator.generate(0, &prompt, &options, &mut greedy, |_| ControlFlow::Continue(())).unwrap();
    let all = [prompt.as_slice(), &result.tokens].concat();
    let expected = full(&config, &all);
    for (at, &token) in result.tokens.iter().enumerate() {
        let logits = &expected[prompt.len() + at - 1];
        let best = logits.iter().fold(f32::MIN, |a, &b| a.max(b));
        assert_eq!(logits.iter().position(|&logit| logit == best), Some(token as usize), "token {at}");
    }
}

#[test]
fn a_generation_ends_for_the_reason_it_gives() {
    let config = config(PATTERNS[0]);
    let mut generator = generator(&config, 1);
    let endless = |_| ControlFlow::Continue(());
    let free = GenerationOptions { max_tokens: 1_000, ..GenerationOptions::default() };
    let result = generator.generate(0, &[1, 2], &free, &mut sampler(3), endless).unwrap();
    // The last token is drawn after the last position and needs none.
    assert_eq!((result.stop, result.tokens.len()), (Stop::MaxPositions, 96 - 2 + 1));

    generator.reset(0).unwrap();
    let stop = result.tokens[10];
    let first = result.tokens.iter().position(|&token| token == stop).unwrap();
    let stopping = GenerationOptions { stop: vec![stop], ..free.clone() };
    let stopped = generator.generate(0, &[1, 2], &stopping, &mut sampler(3), endless).unwrap();
    assert_eq!((stopped.stop, stopped.tokens.as_slice()), (Stop::Token(stop), &result.tokens[..first]));

    generator.reset(0).unwrap();
    let mut left = 4;
    let interrupt = |_| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let interrupted = generator.generate(0, &[1, 2], &free, &mut sampler(3), interrupt).unwrap();
    assert_eq!((interrupted.stop, interrupted.tokens.as_slice()), (Stop::Interrupted, &result.tokens[..4]));

    generator.reset(0).unwrap();
    let banned: Vec<u32> = (0..250).collect();
    let banning = GenerationOptions { banned, banned_first: vec![255], max_tokens: 40, ..free.clone() };
    let banned = generator.generate(0, &[1, 2], &banning, &mut sampler(3), endless).unwrap();
    assert!(banned.tokens.iter().all(|&token| token >= 250) && banned.tokens[0] != 255, "{:?}", banned.tokens);
    assert!(banned.tokens.contains(&255), "only the first token may not be 255: {:?}", banned.tokens);

    generator.reset(0).unwrap();
    let error = generator.generate(0, &[], &free, &mut sampler(3), endless).unwrap_err();
    assert!(matches!(error, SessionError::EmptyPrompt));
    let none = GenerationOptions::default();
    assert_eq!(generator.generate(0, &[1], &none, &mut sampler(3), endless).unwrap().tokens, [0u32; 0]);
}

#[test]
fn tokens_beyond_the_tokenizers_are_never_drawn() {
    let config = config(PATTERNS[0]);
    let mut generator = generator(&config, 1);
    generator.limit_vocabulary(10);
    let options = GenerationOptions { max_tokens: 90, ..GenerationOptions::default() };
    let result = generator.generate(0, &[1], &options, &mut sampler(3), |_| ControlFlow::Continue(())).unwrap();
    assert!(result.tokens.iter().all(|&token| token < 10), "{:?}", result.tokens);
    assert!(matches!(generator.append(0, &[10]), Err(SessionError::UnknownToken { id: 10, vocabulary: 10 })));
}

/// Whether to stop: only in the test below, whose prompt is asked about more often than any other.
static ASKED: AtomicU64 = AtomicU64::new(0);

#[test]
fn a_long_prompt_is_broken_off_within_one_operation() {
    let config = config(&[LayerKind::Lsh]);
    let (mut generator, mut other) = (generator(&config, 1), generator(&config, 1));
    generator.stop_when(|| ASKED.fetch_add(1, Ordering::SeqCst) >= 20);
    let prompt: Vec<u32> = (4..94).collect();
    let mut sampler = Sampler::new(SamplingOptions::default()).unwrap();
    let options = GenerationOptions { max_tokens: 2, ..GenerationOptions::default() };
    let stopped = generator.generate(0, &prompt, &options, &mut sampler, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((stopped.stop, stopped.tokens.len()), (Stop::Interrupted, 0));
    assert_eq!(ASKED.load(Ordering::SeqCst), 21, "it went on after it was told");
    assert!(generator.tokens(0).unwrap().is_empty(), "what the caches hold is not known");
    let error = generator.append(0, &prompt).unwrap_err();
    assert_eq!(error.to_string(), "stopped");
    // The row is as good as new.
    generator.stop_when(|| false);
    let logits = generator.append(0, &prompt).unwrap().to_vec();
    assert_eq!(logits, other.append(0, &prompt).unwrap());
}
