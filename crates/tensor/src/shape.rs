//! Shapes: up to four dimensions, `Copy`. Strides and layouts are not here: every tensor is contiguous and row-major.

use std::fmt;

/// The largest number of dimensions a tensor has (caches: row, head, slot, column).
pub const MAX_RANK: usize = 4;

/// The dimensions of a tensor, row-major, outermost first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// A shape from its dimensions. Dimensions beyond the fourth are a mistake of the caller and are folded into the last,
    /// so that the number of elements stays right and the shape check of the operation names it.
    pub fn new(dims: &[usize]) -> Self {
        let mut own = [1; MAX_RANK];
        for (index, &dim) in dims.iter().enumerate() {
            if index < MAX_RANK {
                own[index] = dim;
            } else {
                own[MAX_RANK - 1] *= dim;
            }
        }
        Self { dims: own, rank: dims.len().min(MAX_RANK) as u8 }
    }

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank as usize]
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.dims().iter().product()
    }

    /// Dimension `index`, or 1 where the shape has fewer.
    pub fn dim(&self, index: usize) -> usize {
        self.dims.get(index).copied().unwrap_or(1)
    }

    /// The multi-index of the element at `flat` (row-major); for messages.
    pub fn index_of(&self, flat: usize) -> Vec<usize> {
        let mut rest = flat;
        let mut index: Vec<usize> = self
            .dims()
            .iter()
            .rev()
            .map(|&dim| {
                let here = rest % dim.max(1);
                rest /= dim.max(1);
                here
            })
            .collect();
        index.reverse();
        index
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A [`Shape`] from its dimensions: `shape![rows, width]`.
#[macro_export]
macro_rules! shape {
    ($($dim:expr),* $(,)?) => { $crate::Shape::new(&[$($dim),*]) };
}
