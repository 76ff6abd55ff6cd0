//! The published data, where it is: `REFORMER_TEST_DATA` names the MultiWOZ 2.2 folder, else one beside the repository is
//! looked for. Without it the test says so and passes.

use reformer_multiwoz::{Source, Split, check, stats};
use std::io::Write;
use std::path::PathBuf;

fn folder() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("REFORMER_TEST_DATA") {
        return Some(PathBuf::from(path));
    }
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/multiwoz-2.2");
    if beside.is_dir() {
        return Some(beside);
    }
    // Not through the test's captured output: a skipped test should be seen.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: no MultiWOZ 2.2 at {}; name one with REFORMER_TEST_DATA to read it in this test",
        beside.display()
    );
    None
}

#[test]
fn multiwoz_2_2_is_read_whole() {
    let Some(folder) = folder() else { return };
    let source = Source::open(&folder).unwrap();
    let counted = stats(&source).unwrap();
    let dialogues = Split::ALL.map(|split| counted.splits[&split].dialogues);
    assert_eq!(dialogues, [8437, 1000, 1000]);
    assert_eq!(counted.splits.values().map(|split| split.turns).sum::<usize>(), 143_044);
    assert_eq!(counted.duplicates_across_splits, 7, "2 of train and dev, 3 of train and test, 2 of dev and test");
    let flaws = check(&folder);
    assert!(flaws.iter().all(|flaw| !flaw.unreadable), "{flaws:#?}");
    let first = source.parts(Split::Dev).unwrap().next().unwrap().unwrap();
    assert!(first.dialogues[0].turns[0].frames[0].state.is_some());
}
