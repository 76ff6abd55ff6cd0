//! A case: sizes, a seed, and a function that builds the fixture. Cases are listed in `cases/mod.rs`.

use crate::fixture::Fixture;

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
}

/// Cases have this seed unless they say otherwise.
const SEED: u64 = 7;

impl Case {
    /// A case of `rows` rows.
    pub fn new(rows: usize, build: impl Fn(&mut Fixture) + 'static) -> Self {
        Self { op: "", name: "", seed: SEED, rows, build: Box::new(build), by_row: false }
    }

    /// The first rows of every result depend on the first rows of the operands alone.
    pub fn by_row(self) -> Self {
        Self { by_row: true, ..self }
    }

    /// The fixture for the first `rows` rows.
    pub fn fixture(&self, rows: usize) -> Fixture {
        let mut fixture = Fixture::new(self.seed, rows);
        (self.build)(&mut fixture);
        fixture
    }
}
