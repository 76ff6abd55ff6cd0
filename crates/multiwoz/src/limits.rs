//! How much is read at most, so that no file, whatever is in it, takes unbounded time or memory.

/// Limits on what is read; the defaults leave published data far below them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most bytes of a dialogue's JSON, of a line of a `.jsonl` file, and of a list of a split. As values, a dialogue's JSON
    /// may take 16 times as much memory: it takes 100 times as much as its text where it is nothing but small objects.
    pub dialogue_bytes: usize,
    /// The most files and folders of an archive.
    pub archive_entries: usize,
    /// The most bytes of an archive's files together, unpacked.
    pub unpacked_bytes: u64,
}

impl Limits {
    /// The most bytes of memory that a dialogue's JSON takes as values.
    pub(crate) fn dialogue_memory(&self) -> usize {
        self.dialogue_bytes.saturating_mul(16)
    }
}

impl Default for Limits {
    /// 16 MiB a dialogue (the longest published one has a hundredth of that), 10,000 entries, 4 GiB unpacked (ten times the
    /// largest published archive).
    fn default() -> Self {
        Self { dialogue_bytes: 16 << 20, archive_entries: 10_000, unpacked_bytes: 4 << 30 }
    }
}
