//! The published data, where it is: `REFORMER_TEST_DATA` names the MultiWOZ 2.2 folder and `REFORMER_TEST_DATA_2_1` one of
//! 2.1, else those beside the repository are looked for. Without them the tests say so and pass.

use reformer_multiwoz::{Corpus, Dialogue, Source, Speaker, Split, check, stats, write};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

fn folder() -> Option<PathBuf> {
    found("REFORMER_TEST_DATA", "multiwoz-2.2")
}

fn found(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(PathBuf::from(path));
    }
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if beside.is_dir() {
        return Some(beside);
    }
    // Not through the test's captured output: a skipped test should be seen.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: no MultiWOZ at {}; name one with {variable} to read it in this test",
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

#[test]
fn the_validation_file_of_multiwoz_2_1_says_what_2_2_says() {
    let Some(folder) = found("REFORMER_TEST_DATA_2_1", "multiwoz-2.1") else { return };
    let source = Source::open(folder.join("val.json")).unwrap();
    assert_eq!((source.layout(), source.splits()), ("multiwoz-2.1", vec![Split::Dev]));
    let older = source.split(Split::Dev).unwrap();
    let turns: usize = older.iter().map(|dialogue| dialogue.turns.len()).sum();
    assert_eq!((older.len(), turns), (999, 14_730));
    let flaws = check(folder.join("val.json"));
    assert!(flaws.iter().all(|flaw| !flaw.unreadable), "{flaws:#?}");

    let outer = tempfile::tempdir().unwrap();
    let corpus = Corpus { dev: older, ..Corpus::default() };
    write(&outer.path().join("2.2"), &corpus, None).unwrap();
    assert!(Source::open(outer.path().join("2.2")).unwrap().split(Split::Dev).unwrap() == corpus.dev);

    let Some(newer) = self::folder() else { return };
    let newer = Source::open(newer).unwrap().split(Split::Dev).unwrap();
    let newer: BTreeMap<&str, &Dialogue> =
        newer.iter().map(|dialogue| (dialogue.id.trim_end_matches(".json"), dialogue)).collect();
    let (mut states, mut same) = (0, 0);
    for dialogue in &corpus.dev {
        for (turn, other) in dialogue.turns.iter().zip(&newer[dialogue.id.as_str()].turns) {
            assert_eq!(turn.speaker, other.speaker, "{}", dialogue.id);
            if turn.speaker == Speaker::User {
                states += 1;
                same += usize::from(turn.belief_state().keys().eq(other.belief_state().keys()));
            }
        }
    }
    // Values are spelled in other ways there (`true` for `yes`), and a few states were corrected.
    assert!(same * 100 > states * 95, "of {states} belief states {same} are about the same slots");
}
