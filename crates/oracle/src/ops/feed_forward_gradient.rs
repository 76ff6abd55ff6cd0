//! `feed_forward_gradient`: the chain rule through the layer, row by row; with `rebuild` the share is taken off the stream.

use super::feed_forward::{Layer, activation};
use crate::array::Array;
use crate::fault::Fault;
use crate::product::{Part, add, add_outer};
use crate::{mask, stream};
use reformer_tensor::Direction;
use reformer_tensor::op::FeedForwardGradient;

pub(super) fn run(op: &FeedForwardGradient, reads: &[&Array], updates: &mut [Array]) -> Result<(), Fault> {
    let [x, gamma, beta, dy, w1, b1, w2, b2, key] = reads else { unreachable!("the op has nine reads") };
    let [dx, dgamma, dbeta, dw1, db1, dw2, db2, rebuilt @ ..] = updates else {
        unreachable!("the op has seven updates or eight")
    };
    let layer = Layer { gamma, beta, w1, b1, w2, b2, activation: op.activation };
    let (width, hidden) = (x.shape.dim(1), w1.shape.dim(1));
    for row in 0..x.shape.dim(0) {
        let mut forward = layer.forward(&stream::row(x, row));
        let range = row * width..(row + 1) * width;
        let mut d = dy.real()[range.clone()].to_vec();
        mask::apply(op.dropout, key.integer(), row, &mut d);
        add(db2.real_mut(), &d);
        add_outer(dw2.real_mut(), width, (0, 0), &forward.active, &d);
        let mut d_hidden = Part::whole(w2.real(), width).times_transposed(&d);
        for (d, &hidden) in d_hidden.iter_mut().zip(&forward.hidden) {
            *d *= activation(op.activation, hidden).1;
        }
        add(db1.real_mut(), &d_hidden);
        add_outer(dw1.real_mut(), hidden, (0, 0), &forward.normed, &d_hidden);
        let d_normed = Part::whole(w1.real(), hidden).times_transposed(&d_hidden);
        forward.normal.add_parameter_gradients(&d_normed, dgamma.real_mut(), dbeta.real_mut());
        add(&mut dx.real_mut()[range], &forward.normal.gradient(gamma.real(), &d_normed));
        if let Some(stream) = rebuilt.first_mut() {
            mask::apply(op.dropout, key.integer(), row, &mut forward.share);
            stream::add(stream, row, &forward.share, Direction::Reverse)?;
        }
    }
    Ok(())
}
