//! A case: sizes, a seed, and a function that builds the fixture. Cases are listed in `cases/mod.rs`.

use crate::fixture::Fixture;
use reformer_tensor::DType;

/// One program to try an op with.
pub struct Case {
    /// The op's stem; the catalogue sets it.
    pub op: &'static str,
    /// The case's name; the catalogue sets it.
    pub name: &'static str,
    /// Seeds every number.
    pub seed: u64,
    /// Rows.
    pub rows: usize,
    /// Builds the program for a number of rows: the case's own, or fewer.
    pub build: Box<dyn Fn(&mut Fixture)>,
    /// Whether the first rows of every result depend on the first rows of the operands alone, bit for bit.
    pub by_row: bool,
    /// As what weights of products are stored.
    pub stored: DType,
}

/// Cases have this seed unless they say otherwise.
const SEED: u64 = 7;

impl Case {
    /// A case of `rows` rows.
    pub fn new(rows: usize, build: impl Fn(&mut Fixture) + 'static) -> Self {
        Self { op: "", name: "", seed: SEED, rows, build: Box::new(build), by_row: false, stored: DType::F32 }
    }

    /// The first rows of every result depend on the first rows of the operands alone.
    pub fn by_row(self) -> Self {
        Self { by_row: true, ..self }
    }

    /// Weights of products are stored as halves.
    pub fn stored(self, stored: DType) -> Self {
        Self { stored, ..self }
    }

    /// The fixture for the first `rows` rows.
    pub fn fixture(&self, rows: usize) -> Fixture {
        let mut fixture = Fixture::new(self.seed, rows);
        fixture.stored = self.stored;
        (self.build)(&mut fixture);
        fixture
    }
}
