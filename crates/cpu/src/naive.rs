//! What the naive twins of ops share: formulas in plain loops, sums in f64, one thread. They are what the fast kernels are
//! measured by, so they use none of their code: no tiles, no vectors, no `gemm`. Each op's own twin is beside the op.

use crate::buffer::View;
use crate::environment::Fault;
use half::{bf16, f16};
use reformer_tensor::op::{HeadRange, NORM_EPSILON};
use reformer_tensor::{Activation, DType, Direction, Dropout, Key};

/// A matrix of its own memory, row-major.
pub(crate) struct Table {
    pub columns: usize,
    pub numbers: Vec<f64>,
}

impl Table {
    /// From a formula.
    pub fn new(rows: usize, columns: usize, number: impl Fn(usize, usize) -> f64) -> Self {
        let numbers = (0..rows * columns).map(|at| number(at / columns, at % columns)).collect();
        Self { columns, numbers }
    }

    /// From a tensor of two dimensions, or of one as a row; a stream in its unit.
    pub fn of(view: &View<'_>) -> Self {
        let columns = view.shape.dims().last().copied().unwrap_or(1);
        let numbers = match view.dtype {
            DType::F32 => view.f32().iter().map(|&number| f64::from(number)).collect(),
            DType::Fixed { fraction_bits } => {
                view.u32().iter().map(|&word| f64::from(word as i32) * 0.5f64.powi(i32::from(fraction_bits))).collect()
            }
            DType::U32 => view.u32().iter().map(|&number| f64::from(number)).collect(),
            DType::F16 | DType::Bf16 => {
                let words = view.u32().iter().flat_map(|&word| [word as u16, (word >> 16) as u16]);
                let half = |bits| match view.dtype {
                    DType::F16 => f16::from_bits(bits).to_f64(),
                    _ => bf16::from_bits(bits).to_f64(),
                };
                words.take(view.shape.elements()).map(half).collect()
            }
        };
        Self { columns, numbers }
    }

    pub fn rows(&self) -> usize {
        self.numbers.len() / self.columns.max(1)
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.numbers[row * self.columns + column]
    }

    /// The columns of a head range.
    pub fn heads(&self, heads: HeadRange) -> Self {
        Self::new(self.rows(), heads.columns(), |row, column| self.at(row, heads.offset() + column))
    }

    /// The columns of one head of a range's activations.
    pub fn head(&self, heads: HeadRange, head: usize) -> Self {
        Self::new(self.rows(), heads.width, |row, column| self.at(row, head * heads.width + column))
    }

    /// The rows of one head of a range, of a weight [heads·head_width, width].
    pub fn head_rows(&self, heads: HeadRange, head: usize) -> Self {
        let first = heads.offset() + head * heads.width;
        Self::new(heads.width, self.columns, |row, column| self.at(first + row, column))
    }

    pub fn transposed(&self) -> Self {
        Self::new(self.columns, self.rows(), |row, column| self.at(column, row))
    }

    pub fn times(&self, other: &Table) -> Self {
        Self::new(self.rows(), other.columns, |row, column| {
            (0..self.columns).map(|term| self.at(row, term) * other.at(term, column)).sum()
        })
    }

    pub fn map(&self, number: impl Fn(f64) -> f64) -> Self {
        Self { columns: self.columns, numbers: self.numbers.iter().map(|&x| number(x)).collect() }
    }

    /// Element by element.
    pub fn by(&self, other: &Table) -> Self {
        let numbers = self.numbers.iter().zip(&other.numbers).map(|(a, b)| a * b).collect();
        Self { columns: self.columns, numbers }
    }

    /// Adds a row to every row.
    pub fn plus_row(&self, row: &Table) -> Self {
        Self::new(self.rows(), self.columns, |at, column| self.at(at, column) + row.at(0, column))
    }

    /// The sums of columns, as a row.
    pub fn column_sums(&self) -> Self {
        Self::new(1, self.columns, |_, column| (0..self.rows()).map(|row| self.at(row, column)).sum())
    }

    /// Adds these numbers onto a tensor's.
    pub fn add_to(&self, out: &mut [f32]) {
        for (out, &number) in out.iter_mut().zip(&self.numbers) {
            *out += number as f32;
        }
    }

    /// Sets a tensor's numbers.
    pub fn write_to(&self, out: &mut [f32]) {
        for (out, &number) in out.iter_mut().zip(&self.numbers) {
            *out = number as f32;
        }
    }
}

/// Layer norm of rows: n, and 1/√(var + ε) of each.
pub(crate) struct Normed {
    pub n: Table,
    pub inverse: Vec<f64>,
}

impl Normed {
    pub fn of(x: &Table) -> Self {
        let width = x.columns as f64;
        let mut inverse = Vec::with_capacity(x.rows());
        let mut n = x.map(|x| x);
        for row in n.numbers.chunks_exact_mut(x.columns) {
            let mean = row.iter().sum::<f64>() / width;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / width;
            let own = 1.0 / (variance + f64::from(NORM_EPSILON)).sqrt();
            row.iter_mut().for_each(|x| *x = (*x - mean) * own);
            inverse.push(own);
        }
        Self { n, inverse }
    }

    /// n·γ + β.
    pub fn scaled(&self, gamma: &Table, beta: &Table) -> Table {
        Table::new(self.n.rows(), self.n.columns, |row, column| {
            self.n.at(row, column) * gamma.at(0, column) + beta.at(0, column)
        })
    }

    /// The gradient of the rows from that of the scaled ones.
    pub fn backward(&self, gamma: &Table, d: &Table) -> Table {
        let width = d.columns as f64;
        let g = Table::new(d.rows(), d.columns, |row, column| d.at(row, column) * gamma.at(0, column));
        let mean = |row: usize| (0..d.columns).map(|column| g.at(row, column)).sum::<f64>() / width;
        let dot = |row: usize| (0..d.columns).map(|column| g.at(row, column) * self.n.at(row, column)).sum::<f64>();
        let sums: Vec<(f64, f64)> = (0..d.rows()).map(|row| (mean(row), dot(row) / width)).collect();
        Table::new(d.rows(), d.columns, |row, column| {
            (g.at(row, column) - sums[row].0 - self.n.at(row, column) * sums[row].1) * self.inverse[row]
        })
    }
}

/// The mask of a branch.
pub(crate) fn mask(dropout: Dropout, key: &View<'_>, rows: usize, width: usize) -> Table {
    let site = Key([key.u32()[0], key.u32()[1]]).fold_in(dropout.site);
    let least = f64::from(dropout.rate) * 4_294_967_296.0;
    Table::new(rows, width, |row, column| {
        let kept =
            dropout.rate == 0.0 || f64::from(site.bits([row as u32, column as u32 / 2])[column % 2]) >= least.floor();
        if kept { 1.0 / (1.0 - f64::from(dropout.rate)) } else { 0.0 }
    })
}

/// stream ± fix(share).
pub(crate) fn add_share(stream: &mut [u32], dtype: DType, share: &Table, direction: Direction) -> Result<(), Fault> {
    let sign = if direction == Direction::Forward { 1.0 } else { -1.0 };
    for (word, &share) in stream.iter_mut().zip(&share.numbers) {
        let (value, limit) = (share as f32, stream_limit(dtype));
        if !value.is_finite() || value.abs() >= limit {
            return Err(Fault::Range { value, limit });
        }
        match dtype {
            DType::Fixed { fraction_bits } => {
                let units = (f64::from(value) * 2f64.powi(i32::from(fraction_bits))).round_ties_even();
                *word = word.wrapping_add((sign * units) as i64 as u32);
            }
            DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => {
                *word = (f32::from_bits(*word) + sign as f32 * value).to_bits()
            }
        }
    }
    Ok(())
}

/// The first magnitude that a stream does not hold.
fn stream_limit(dtype: DType) -> f32 {
    match dtype {
        DType::Fixed { fraction_bits } => 2f32.powi(31 - i32::from(fraction_bits)),
        DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => f32::INFINITY,
    }
}

/// An activation and its derivative.
pub(crate) fn activation(kind: Activation, x: f64) -> (f64, f64) {
    match kind {
        Activation::Relu => (x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 }),
        Activation::Gelu => {
            let scale = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
            let sigma = 1.0 / (1.0 + (-scale * (x + 0.044_715 * x * x * x)).exp());
            (x * sigma, sigma + x * sigma * (1.0 - sigma) * scale * (1.0 + 3.0 * 0.044_715 * x * x))
        }
    }
}
