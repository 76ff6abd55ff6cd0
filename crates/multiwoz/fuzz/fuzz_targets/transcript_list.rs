//! Any bytes as a `.json` file of own dialogues in a list.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reformer_multiwoz_fuzz::{Bench, Loader};
use std::sync::OnceLock;

static BENCH: OnceLock<(tempfile::TempDir, Bench)> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let (_, bench) = BENCH.get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let bench = Bench::new(Loader::TranscriptList, folder.path());
        (folder, bench)
    });
    bench.run(bytes);
});
