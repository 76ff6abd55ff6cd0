//! `lsh_hash`: bucket = Σ_f stride_f · argmax(`[x·A_f, −x·A_f]`), ties to the lowest index.

use crate::array::Array;
use crate::fault::{Fault, index};
use reformer_tensor::op::LshHash;

pub(super) fn run(op: &LshHash, reads: &[&Array], writes: &mut [Array]) -> Result<(), Fault> {
    let (rows, width, columns) = (reads[0].shape.dim(0), op.heads.width, op.columns());
    let all_heads = reads[1].shape.dim(0);
    if op.heads.count > 0 {
        index("rotations", (op.heads.first + op.heads.count - 1) as u32, 0, all_heads)?;
    }
    for head in 0..op.heads.count {
        for round in 0..op.rounds {
            let first = ((op.heads.first + head) * op.rounds + round) * width * columns;
            let rotation = &reads[1].real()[first..first + width * columns];
            for row in 0..rows {
                let start = row * op.heads.columns() + head * width;
                let x = &reads[0].real()[start..start + width];
                let bucket = bucket(&op.factors, x, rotation, columns);
                writes[0].integer_mut()[(head * op.rounds + round) * rows + row] = bucket;
            }
        }
    }
    Ok(())
}

fn bucket(factors: &[usize], x: &[f64], rotation: &[f64], columns: usize) -> u32 {
    let (mut bucket, mut stride, mut first) = (0, 1, 0);
    for &factor in factors {
        let products = (first..first + factor / 2)
            .map(|column| x.iter().enumerate().map(|(d, x)| x * rotation[d * columns + column]).sum::<f64>());
        let products: Vec<f64> = products.collect();
        let both = products.iter().copied().chain(products.iter().map(|product| -product));
        let mut best = (f64::NEG_INFINITY, 0);
        for (at, product) in both.enumerate() {
            if product > best.0 {
                best = (product, at);
            }
        }
        bucket += stride * best.1;
        stride *= factor;
        first += factor / 2;
    }
    bucket as u32
}
