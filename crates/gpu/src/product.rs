//! Variants of the matrix product and their launch geometry, and measuring them on a device. The operands are those of
//! `Recorder::product`.

use crate::adapter::AdapterKind;
use crate::backend::Gpu;
use crate::recorder::ProductSize;
use reformer_shaders::{Entry, entries};
use reformer_tensor::BackendError;
use reformer_tensor::op::PRODUCT_BLOCK;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How a product is computed. Variants differ in speed alone: all take the same steps, in the same order, with the same `fma`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProductVariant {
    /// An invocation an element.
    Simple,
    /// A tile in the registers of each invocation, operands straight from the buffers.
    Registers {
        /// Invocations of a workgroup, along the columns.
        lanes: u32,
        /// Rows of an invocation's tile.
        tile_rows: u32,
        /// Columns of an invocation's tile.
        tile_columns: u32,
    },
    /// Tiles of the operands in workgroup memory.
    Tiled {
        /// Rows and columns of a workgroup's tile.
        tile: u32,
        /// Terms at a time.
        terms: u32,
    },
}

/// What a variant launches for a size: kernel, constants, workgroups.
pub(crate) type Launch = (&'static Entry, Vec<(&'static str, u32)>, [u32; 3]);

impl ProductVariant {
    /// What is fastest on most devices of this kind, as far as was measured (docs/gpu.md).
    pub fn usual(kind: AdapterKind) -> Self {
        match kind {
            AdapterKind::Software => ProductVariant::Registers { lanes: 8, tile_rows: 16, tile_columns: 8 },
            AdapterKind::Discrete | AdapterKind::Integrated | AdapterKind::Virtual | AdapterKind::Other => {
                ProductVariant::Tiled { tile: 64, terms: 16 }
            }
        }
    }

    /// Every variant that is worth measuring.
    pub fn all() -> Vec<Self> {
        let mut all = vec![ProductVariant::Simple];
        for lanes in [8, 16] {
            for tile_rows in [8, 12, 16, 24] {
                for tile_columns in [4, 8, 12, 16] {
                    all.push(ProductVariant::Registers { lanes, tile_rows, tile_columns });
                }
            }
        }
        for tile in [32, 64] {
            for terms in [8, 16] {
                all.push(ProductVariant::Tiled { tile, terms });
            }
        }
        all
    }

    /// Those that are measured before a first run on an adapter.
    pub fn candidates() -> Vec<Self> {
        let mut candidates = vec![ProductVariant::usual(AdapterKind::Software)];
        for tile in [32, 64] {
            candidates.push(ProductVariant::Tiled { tile, terms: 16 });
        }
        candidates
    }

    pub(crate) fn launch(self, size: ProductSize, count: usize) -> Launch {
        let groups = |rows: u32, columns: u32| {
            let across = |elements: usize, tile: u32| elements.div_ceil(tile as usize) as u32;
            [across(size.columns, columns), across(size.rows, rows), count as u32]
        };
        match self {
            ProductVariant::Simple => (&entries::product::MAIN, Vec::new(), groups(16, 16)),
            ProductVariant::Registers { lanes, tile_rows, tile_columns } => (
                &entries::product_registers::MAIN,
                vec![("LANES", lanes), ("TILE_ROWS", tile_rows), ("TILE_COLUMNS", tile_columns)],
                groups(tile_rows, lanes * tile_columns),
            ),
            ProductVariant::Tiled { tile, terms } => {
                (&entries::product_tiled::MAIN, vec![("TILE", tile), ("TERMS", terms)], groups(tile, tile))
            }
        }
    }
}

/// `simple`, `registers 8 16 8`, `tiled 64 16`: what [`FromStr`] reads.
impl fmt::Display for ProductVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProductVariant::Simple => f.write_str("simple"),
            ProductVariant::Registers { lanes, tile_rows, tile_columns } => {
                write!(f, "registers {lanes} {tile_rows} {tile_columns}")
            }
            ProductVariant::Tiled { tile, terms } => write!(f, "tiled {tile} {terms}"),
        }
    }
}

impl FromStr for ProductVariant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = ProductVariant::all().into_iter().find(|variant| variant.to_string() == text);
        known.ok_or_else(|| format!("`{text}` is no variant of the product"))
    }
}

impl Gpu {
    /// The time of a product of `size`³ by each variant: the best of `repeats` after one to warm up.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn measure_products(
        &self,
        size: usize,
        repeats: usize,
        variants: &[ProductVariant],
    ) -> Result<Vec<(ProductVariant, Duration)>, BackendError> {
        let device = &self.device;
        let bytes = 4 * (size * size) as u64;
        let operands = [device.buffer("a", bytes)?, device.buffer("b", bytes)?, device.buffer("c", bytes)?];
        let parameters = entries::product::Parameters {
            rows: size as u32,
            columns: size as u32,
            terms: size as u32,
            block: PRODUCT_BLOCK as u32,
            a_first: 0,
            a_row: size as u32,
            a_term: 1,
            b_first: 0,
            b_term: size as u32,
            b_column: 1,
            c_first: 0,
            c_row: size as u32,
            accumulate: 0,
            a_batch: 0,
            b_batch: 0,
            c_batch: 0,
        };
        let uniform = device.uniform(bytemuck::bytes_of(&parameters))?;
        let mut times = Vec::new();
        for &variant in variants {
            let (entry, constants, groups) = variant.launch(ProductSize { rows: size, columns: size, terms: size }, 1);
            let pipeline = device.pipeline(entry, &constants)?;
            let mut best = Duration::MAX;
            for repeat in 0..=repeats {
                let start = Instant::now();
                device.launch(&pipeline, &uniform, &operands, groups)?;
                device.wait()?;
                if repeat > 0 {
                    best = best.min(start.elapsed());
                }
            }
            times.push((variant, best));
        }
        Ok(times)
    }
}
