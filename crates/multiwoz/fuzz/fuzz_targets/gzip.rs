//! Any bytes as a `.jsonl.gz` file of own dialogues.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reformer_multiwoz_fuzz::{Bench, Loader};
use std::sync::OnceLock;

static BENCH: OnceLock<(tempfile::TempDir, Bench)> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let (_, bench) = BENCH.get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let bench = Bench::new(Loader::Gzip, folder.path());
        (folder, bench)
    });
    bench.run(bytes);
});
