//! `attention_gradient`: p = exp(logit − z), dS = p·(do·v − delta); dq = Σ dS k, dk = Σ dS q, dv = Σ p do.

use super::attention::{Head, own_rows};
use crate::array::Array;
use crate::fault::Fault;
use crate::product::dot;
use reformer_tensor::op::AttentionGradient;

pub(super) fn run(op: &AttentionGradient, reads: &[&Array], writes: &mut [Array]) -> Result<(), Fault> {
    let [.., z, delta, d_context] = reads else { unreachable!("the op ends with three reads") };
    for head in 0..op.heads.count {
        let own = Head::new(op.pattern, op.heads, reads, head)?;
        let rows = own.sets.len();
        let d_out = own_rows(d_context, op.heads, head);
        let zeros = vec![vec![0.0; op.heads.width]; rows];
        let [mut dq, mut dk, mut dv] = [zeros.clone(), zeros.clone(), zeros];
        for (query, set) in own.sets.iter().enumerate() {
            let (z, delta) = (z.real()[head * rows + query], delta.real()[head * rows + query]);
            for &key in set {
                let p = (own.logit(query, key) - z).exp();
                let ds = if own.is_masked(query, key) { 0.0 } else { p * (dot(&d_out[query], &own.v[key]) - delta) };
                for column in 0..op.heads.width {
                    dq[query][column] += ds * own.k[key][column] * own.scale;
                    // q is held as it enters the product, its scale included.
                    dk[key][column] += ds * own.q[query][column];
                    dv[key][column] += p * d_out[query][column];
                }
            }
        }
        let results = if own.shared { vec![through_key(&own, &dq, &dk), dv] } else { vec![dq, dk, dv] };
        for (out, result) in writes.iter_mut().zip(&results) {
            for (row, values) in result.iter().enumerate() {
                let start = row * op.heads.columns() + head * op.heads.width;
                out.real_mut()[start..start + op.heads.width].copy_from_slice(values);
            }
        }
    }
    Ok(())
}

/// dqk = dq + (dk − k(k·dk))/ν.
fn through_key(head: &Head, dq: &[Vec<f64>], dk: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..dq.len())
        .map(|row| {
            let (k, dk) = (&head.k[row], &dk[row]);
            let along = dot(k, dk);
            let columns = dq[row].iter().zip(dk.iter().zip(k));
            columns.map(|(dq, (dk, k))| dq + (dk - k * along) / head.norms[row]).collect()
        })
        .collect()
}
