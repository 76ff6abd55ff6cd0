//! Cases of `gradient_norm`.

use crate::case::Case;
use crate::fixture::Fixture;
use crate::tolerance::Tolerance;
use reformer_tensor::{HostData, shape};

/// Squares are summed in blocks of this many.
const BLOCK: usize = 4096;

/// The last number of every tensor is as large as all others together, so that one that is left out shows.
fn case(sizes: &'static [usize]) -> Case {
    Case::new(1, move |fixture: &mut Fixture| {
        let mut gradients = Vec::new();
        for (number, &size) in sizes.iter().enumerate() {
            let name = format!("gradient {number}");
            let mut tensor = fixture.normal(&name, shape![size], 0.0, 0.7);
            if let HostData::F32(data) = &mut tensor.data {
                data[size - 1] = (size as f32).sqrt();
            }
            gradients.push(fixture.state(&name, tensor, reformer_tensor::DType::F32));
        }
        let norm = fixture.program.gradient_norm(&gradients);
        let longest = sizes.iter().max().map_or(0, |&size| size.min(BLOCK));
        let blocks: usize = sizes.iter().map(|size| size.div_ceil(BLOCK)).sum();
        let reason = format!(
            "sums of up to {longest} squares in {blocks} blocks, halved by the root (docs/numerics.md, gradient_norm)"
        );
        fixture.output("norm", norm, Tolerance::row((longest + blocks) / 2 + 2, reason));
    })
}

pub(super) fn one_number() -> Case {
    case(&[1])
}

pub(super) fn many_tensors() -> Case {
    case(&[61, 1, 513, 8, 130])
}

/// More blocks than a workgroup has invocations.
pub(super) fn many_blocks() -> Case {
    case(&[1; 300])
}

pub(super) fn across_blocks() -> Case {
    case(&[4096, 4097, 10_001])
}
