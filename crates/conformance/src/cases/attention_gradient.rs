//! Cases of `attention_gradient`. z and delta are inputs, from the oracle's own forward pass, so that only this op is judged.

use super::attention::{FULL, LENGTHS, LOCAL, LSH, Sizes, longest, operands};
use crate::case::Case;
use crate::compare::reals;
use crate::fixture::{Expectation, Fixture, Results};
use crate::harness::{Way, execute};
use crate::tolerance::Tolerance;
use reformer_oracle::Oracle;
use reformer_tensor::{DType, HeadRange, HostTensor, Pattern, shape};

fn case(sizes: Sizes) -> Case {
    case_with(sizes, 0.0)
}

/// `off`: added to every delta.
fn case_with(sizes: Sizes, off: f32) -> Case {
    Case::new(sizes.rows, move |fixture: &mut Fixture| {
        let Sizes { rows, heads, pattern, .. } = sizes;
        let (keys, bound) = operands(fixture, sizes);
        let d_context = fixture.activation("d_context", heads.columns(), 1.0);
        let [z, delta] = forward(sizes, fixture, off);
        let z = fixture.input("z", z, DType::F32);
        let delta = fixture.input("delta", delta, DType::F32);
        let results = fixture.program.attention_gradient(pattern, heads, &keys, z, delta, d_context);
        let keys = sizes.keys();
        // A weight's relative error; then do·v, the difference to delta, and a sum over keys or queries; then the key's length.
        let roundings = 4 * heads.width + keys + 12;
        let reason = format!(
            "logits up to {bound:.1} of {} products each, do·v of as many, and a sum over {keys} pairs (docs/numerics.md, attention_gradient)",
            heads.width
        );
        let names: &[&str] = if matches!(pattern, Pattern::Lsh { .. }) { &["dqk", "dv"] } else { &["dq", "dk", "dv"] };
        // dS is a difference that may cancel entirely (a query with one key): what is left are roundings of its terms, |do|·|v| at
        // most, times what dS is multiplied by.
        let terms = longest(fixture, "d_context", heads.width) * longest(fixture, "v", heads.width);
        for (name, result) in names.iter().zip(results) {
            let mut tolerance =
                Tolerance::tensor(roundings, reason.clone()).with_exponents(sizes.logit_roundings(), bound);
            if *name != "dv" {
                tolerance = tolerance.with_difference(heads.width + 4, terms * operand_size(fixture, sizes, name));
            }
            fixture.output(name, result, tolerance);
        }
        assert_eq!(rows, fixture.rows, "gradients are not judged by their first rows");
    })
}

/// The largest number that dS is multiplied by on its way into a gradient.
fn operand_size(fixture: &Fixture, sizes: Sizes, gradient: &str) -> f64 {
    let largest = |name: &str| reals(&fixture.inputs[name], 1.0).iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let scale = 1.0 / (sizes.heads.width as f64).sqrt();
    match gradient {
        "dq" => largest("k") * scale,
        "dk" => largest("q") * scale,
        // Unit keys for dq; for dk queries over the key's length, at most the longest over the shortest.
        _ => 1.0 + longest(fixture, "qk", sizes.heads.width) / shortest(fixture, "qk", sizes.heads.width),
    }
}

fn shortest(fixture: &Fixture, name: &str, width: usize) -> f64 {
    let numbers = reals(&fixture.inputs[name], 1.0);
    numbers.chunks(width).map(|vector| vector.iter().map(|x| x * x).sum::<f64>()).fold(f64::INFINITY, f64::min).sqrt()
}

/// z and delta = do·context + `off`, rounded to f32.
fn forward(sizes: Sizes, fixture: &Fixture, off: f32) -> [HostTensor; 2] {
    let Sizes { rows, heads, pattern, .. } = sizes;
    let mut again = fixture.again();
    let (keys, _) = operands(&mut again, sizes);
    let (context, z) = again.program.attention(pattern, heads, &keys);
    again.output("context", context, Expectation::Judged);
    again.output("z", z, Expectation::Judged);
    let results: Results =
        execute(&Oracle::new(), &again, Way::CHECKED).expect("the oracle runs every case of attention");
    let (context, d_context) = (reals(&results["context"], 1.0), reals(&fixture.inputs["d_context"], 1.0));
    let z = reals(&results["z"], 1.0).into_iter().map(|x| x as f32).collect();
    let mut delta = Vec::new();
    for head in 0..heads.count {
        for row in 0..rows {
            let start = row * heads.columns() + head * heads.width;
            let products = (start..start + heads.width).map(|at| context[at] * d_context[at]);
            delta.push(products.sum::<f64>() as f32 + off);
        }
    }
    let shape = shape![heads.count, rows];
    [HostTensor::f32(shape, z), HostTensor::f32(shape, delta)]
}

pub(super) fn lsh_one_row() -> Case {
    case(Sizes { rows: 1, ..LSH })
}

pub(super) fn lsh_two_rows() -> Case {
    case(Sizes { rows: 2, buckets: 1, ..LSH })
}

pub(super) fn lsh_odd() -> Case {
    case(LSH)
}

pub(super) fn lsh_window_one() -> Case {
    case(Sizes { pattern: Pattern::Lsh { rounds: 2, window: 1 }, ..LSH })
}

pub(super) fn lsh_window_longer_than_rows() -> Case {
    case(Sizes { pattern: Pattern::Lsh { rounds: 2, window: 100 }, buckets: 2, ..LSH })
}

pub(super) fn lsh_three_rounds() -> Case {
    case(Sizes { rows: 130, pattern: Pattern::Lsh { rounds: 3, window: 16 }, buckets: 4, ..LSH })
}

pub(super) fn lsh_crowded() -> Case {
    case(Sizes { rows: 130, pattern: Pattern::Lsh { rounds: 3, window: 16 }, buckets: 1, ..LSH })
}

pub(super) fn lsh_every_token_alone() -> Case {
    case(Sizes { rows: 17, pattern: Pattern::Lsh { rounds: 1, window: 16 }, buckets: 4096, ..LSH })
}

pub(super) fn lsh_segments() -> Case {
    case(Sizes { rows: 130, pattern: Pattern::Lsh { rounds: 2, window: 16 }, lengths: LENGTHS, ..LSH })
}

pub(super) fn lsh_many_rows() -> Case {
    let pattern = Pattern::Lsh { rounds: 2, window: 64 };
    case(Sizes { rows: 1027, pattern, buckets: 16, lengths: &[513, 3], ..LSH })
}

pub(super) fn lsh_wide_heads() -> Case {
    let heads = HeadRange { first: 1, count: 1, width: 64 };
    case(Sizes { rows: 130, heads, pattern: Pattern::Lsh { rounds: 2, window: 16 }, ..LSH })
}

pub(super) fn local_one_row() -> Case {
    case(Sizes { rows: 1, ..LOCAL })
}

pub(super) fn local_window_one() -> Case {
    case(Sizes { pattern: Pattern::Local { window: 1 }, ..LOCAL })
}

pub(super) fn local_odd() -> Case {
    case(Sizes { heads: HeadRange { first: 0, count: 3, width: 8 }, ..LOCAL })
}

pub(super) fn local_segments() -> Case {
    case(Sizes { rows: 130, lengths: LENGTHS, ..LOCAL })
}

pub(super) fn local_many_rows() -> Case {
    case(Sizes { rows: 1027, pattern: Pattern::Local { window: 64 }, lengths: &[513, 3], ..LOCAL })
}

pub(super) fn full_odd() -> Case {
    case(FULL)
}

pub(super) fn full_segments() -> Case {
    case(Sizes { rows: 130, lengths: LENGTHS, ..FULL })
}

pub(super) fn full_many_rows() -> Case {
    case(Sizes { rows: 515, heads: HeadRange { first: 0, count: 2, width: 24 }, ..FULL })
}

/// Keys whose squared length is about D·ε: leaving it out shows.
pub(super) fn lsh_small_keys() -> Case {
    case(Sizes { sharpness: 1e-3, ..LSH })
}

/// A delta that is not do·context. With the right one a token that is alone has dS = 0 anyway; with this one it shows that
/// its own logit is left out of dS.
pub(super) fn lsh_other_delta() -> Case {
    let pattern = Pattern::Lsh { rounds: 2, window: 3 };
    case_with(Sizes { rows: 61, pattern, buckets: 64, ..LSH }, 0.5)
}
