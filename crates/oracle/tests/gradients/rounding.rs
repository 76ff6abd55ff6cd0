//! Streams that are rounded: the gradient goes straight through.

use super::differences::*;
use super::layers::{embed_gradient_of, embed_of, head, head_sums, layer, layer_sums, targets};
use reformer_conformance::{Fixture, Results};
use reformer_tensor::op::{FeedForward, FeedForwardGradient};
use reformer_tensor::{Activation, DType, Direction, HostTensor, Program, shape};

/// Gradients of a small program: embedding, feed-forward share, head. `given` are the streams' values; without them the
/// streams are computed. Also gives the streams.
fn small_program(stream: DType, given: Option<[HostTensor; 2]>) -> Results {
    let mut fixture = Fixture::new(7, ROWS);
    let shape = shape![ROWS, WIDTH];
    let parameters = layer(&mut fixture);
    let key = fixture.random_key();
    let (x, y1) = match given {
        Some([x, y1]) => (fixture.input("x", x, stream), fixture.input("y1", y1, stream)),
        None => {
            let x = embed_of(&mut fixture, stream);
            let op = FeedForward { direction: Direction::Forward, activation: Activation::Gelu, dropout: DROP };
            (x, fixture.program.feed_forward(op, x, x, &parameters, key))
        }
    };
    output(&mut fixture, "stream x", x);
    output(&mut fixture, "stream y1", y1);
    let (head, head_sums) = (head(&mut fixture), head_sums(&mut fixture));
    let [targets, weights] = targets(&mut fixture);
    let (dy1, dy2, losses) = fixture.program.head_loss_gradient(y1, x, &head, targets, weights, &head_sums);
    output(&mut fixture, "losses", losses);
    let sums = layer_sums(&mut fixture);
    let op = FeedForwardGradient { activation: Activation::Gelu, dropout: DROP, rebuild: false };
    let program: &mut Program = &mut fixture.program;
    let (dx, _) = program.feed_forward_gradient(op, x, dy1, &parameters, key, dy2, &sums, None);
    embed_gradient_of(&mut fixture, dy1, dx);
    assert_eq!(dx.shape, shape);
    run(&fixture)
}

#[test]
fn gradients_go_straight_through_the_rounding() {
    let rounded = small_program(DType::STREAM, None);
    let given = ["stream x", "stream y1"].map(|name| rounded[name].clone());
    // The same values as plain doubles: what is left is the gradient of the unrounded ops at the rounded values.
    let plain = small_program(DType::F32, Some(given));
    for (name, tensor) in &rounded {
        if plain.contains_key(name) {
            assert_eq!(tensor, &plain[name], "`{name}`");
        }
    }
    // It is not the gradient of the unrounded program, whose values differ by up to half a unit.
    let unrounded = small_program(DType::F32, None);
    let distance = |name: &str| {
        doubles(&rounded[name]).iter().zip(doubles(&unrounded[name])).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let unit = 0.5f64.powi(19);
    assert!(distance("stream x") > 0.0 && distance("stream x") <= unit / 2.0);
    assert!(distance("d w1") > 0.0 && distance("d w1") < 100.0 * unit, "{:e}", distance("d w1"));
}
