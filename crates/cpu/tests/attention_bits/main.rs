//! Attention through programs, bit for bit: packed rows against separate ones, prefixes against what follows them, threads and SIMD
//! levels against each other, and in `caches.rs` decoding against the forward pass.

mod caches;
mod fixture;

use fixture::*;
use reformer_cpu::{Environment, Kernels, Level};
use reformer_tensor::{DType, HostTensor, Key, Program, shape};

/// Evictions, tokens that see only themselves, keys that two rounds show, crowded and empty buckets.
#[test]
fn the_tokens_are_hard() {
    let tokens = Tokens::new(&[120, 33, 61]);
    let rows = tokens.rows();
    let outputs = forward(Kind::Lsh, &tokens, best());
    let words = |name: &str| outputs[name].as_u32().expect("integers").to_vec();
    let (buckets, slot, low) = (words("buckets"), words("slot"), words("low"));
    let z = outputs["z"].as_f32().expect("z is f32");
    let evicted = slot.iter().zip(&low).filter(|(slot, low)| (*slot - *low) as usize + 1 == WINDOW).count();
    assert!(evicted > rows, "{evicted} full windows");
    assert!(z.iter().any(|&z| z < -9e4), "no token is cold");
    let warm = || z.iter().copied().filter(|&z| z > -9e4);
    let (highest, lowest) = (warm().fold(f32::MIN, f32::max), warm().fold(f32::MAX, f32::min));
    assert!(highest - lowest > 4.0, "logits are flat: z from {lowest} to {highest}");
    let count = |rows: std::ops::Range<usize>, bucket| buckets[rows].iter().filter(|&&other| other == bucket).count();
    let counts = |rows: std::ops::Range<usize>| (0..8).map(|bucket| count(rows.clone(), bucket)).collect::<Vec<_>>();
    assert!(counts(0..120).iter().any(|&count| count > 3 * WINDOW), "no crowd: {:?}", counts(0..120));
    assert!(counts(120..153).contains(&0), "no empty bucket: {:?}", counts(120..153));
    let pair = |round: usize, a: usize, b: usize| buckets[round * rows + a] == buckets[round * rows + b];
    assert!((1..120).filter(|&row| pair(0, row, row - 1) && pair(1, row, row - 1)).count() > 20);
    const { assert!(120 > 4 * WINDOW) };
}

#[test]
fn packed_rows_give_what_separate_rows_give() {
    let lengths = [120, 1, 33, 61];
    let tokens = Tokens::new(&lengths);
    for kind in KINDS {
        let packed = context(kind, &tokens);
        let mut start = 0;
        for length in lengths {
            let alone = context(kind, &tokens.part(start..start + length));
            let expected = &packed[start * COLUMNS..(start + length) * COLUMNS];
            assert_same(&alone, expected, &format!("{kind:?}, the segment at {start}"));
            start += length;
        }
    }
}

#[test]
fn what_follows_a_prefix_does_not_change_it() {
    let tokens = Tokens::new(&[40, 170]);
    for kind in KINDS {
        let whole = context(kind, &tokens);
        for length in [1, 39, 41, 100, 209] {
            let prefix = context(kind, &tokens.part(0..length));
            assert_same(&prefix, &whole[..length * COLUMNS], &format!("{kind:?}, a prefix of {length}"));
        }
    }
}

#[test]
fn threads_levels_and_twins_agree() {
    let tokens = Tokens::new(&[120, 1, 33, 61]);
    for kind in KINDS {
        let run = |threads, level, kernels| {
            let environment = Environment { threads, level, kernels };
            let mut program = Program::new();
            let keys = keys(&mut program, kind, tokens.rows());
            let (context, z) = program.attention(kind.pattern(), HEADS, &keys);
            program.output("context", context);
            let delta = program.input("delta", shape![HEADS.count, tokens.rows()], DType::F32);
            let d_context = program.input("d_context", shape![tokens.rows(), COLUMNS], DType::F32);
            let gradients = program.attention_gradient(kind.pattern(), HEADS, &keys, z, delta, d_context);
            for (index, gradient) in gradients.into_iter().enumerate() {
                program.output(&format!("gradient.{index}"), gradient);
            }
            let mut inputs = tokens.inputs();
            let numbers = |seed, count| Key::from_seed(seed).normal(count);
            let per_head = shape![HEADS.count, tokens.rows()];
            inputs.insert("delta".to_owned(), HostTensor::f32(per_head, numbers(7, per_head.elements())));
            let shape = shape![tokens.rows(), COLUMNS];
            inputs.insert("d_context".to_owned(), HostTensor::f32(shape, numbers(8, shape.elements())));
            let (mut prepared, mut store) = prepare(&program, environment);
            prepared.run(store.as_mut(), &inputs).expect("it runs")
        };
        let fused = Level::available().into_iter().filter(|level| level.is_fused());
        for group in [vec![Level::Portable], fused.collect()] {
            let Some(&level) = group.first() else { continue };
            let expected = run(1, level, Kernels::Naive);
            for &level in &group {
                for threads in [1, 2, 3] {
                    let got = run(threads, level, Kernels::Fast);
                    for (name, tensor) in &expected {
                        let what = format!("{kind:?} {name}, {level:?}, {threads} threads");
                        match (got[name].as_f32(), tensor.as_f32()) {
                            (Some(got), Some(expected)) => assert_same(got, expected, &what),
                            _ => assert_eq!(got[name].as_u32(), tensor.as_u32(), "{what}"),
                        }
                    }
                }
            }
        }
    }
}

/// The hash of one token doesn't depend on the others, and is the argmax of the float64 projection.
#[test]
fn hashing_is_the_argmax_of_projections() {
    let tokens = Tokens::new(&[77]);
    let buckets = |tokens: &Tokens| {
        let mut program = Program::new();
        let qk = program.input("q", shape![tokens.rows(), COLUMNS], DType::F32);
        let buckets = hash_of(&mut program, qk);
        program.output("buckets", buckets);
        let (mut prepared, mut store) = prepare(&program, best());
        let outputs = prepared.run(store.as_mut(), &tokens.inputs()).expect("it runs");
        outputs["buckets"].as_u32().expect("integers").to_vec()
    };
    let all = buckets(&tokens);
    let (rotations, columns) = (rotations(), hash().columns());
    let rotations = rotations.as_f32().expect("rotations are f32");
    for row in 0..tokens.rows() {
        let alone = buckets(&tokens.part(row..row + 1));
        for head in 0..HEADS.count {
            for round in 0..ROUNDS {
                let at = head * ROUNDS + round;
                let qk = &tokens.q[row * COLUMNS + head * HEADS.width..][..HEADS.width];
                let project = |column: usize| -> f64 {
                    let terms = qk.iter().enumerate();
                    let rotation = |d: usize| f64::from(rotations[(at * HEADS.width + d) * columns + column]);
                    terms.map(|(d, &x)| f64::from(x) * rotation(d)).sum()
                };
                let (mut expected, mut stride, mut column) = (0, 1, 0);
                for factor in FACTORS {
                    let mut y: Vec<f64> = (column..column + factor / 2).map(project).collect();
                    y.extend(y.clone().into_iter().map(|y| -y));
                    let best = (0..factor).fold(0, |best, other| if y[other] > y[best] { other } else { best });
                    expected += stride * best as u32;
                    stride *= factor as u32;
                    column += factor / 2;
                }
                assert_eq!(all[at * tokens.rows() + row], expected, "head {head}, round {round}, row {row}");
                assert_eq!(alone[at], expected, "alone: head {head}, round {round}, row {row}");
            }
        }
    }
}
