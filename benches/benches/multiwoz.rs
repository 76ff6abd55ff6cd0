//! Reading MultiWOZ 2.2 whole, as training does: every dialogue of every split, on one core, with all of its annotation. The
//! folder is what `REFORMER_TEST_DATA` names, else the one beside the repository; without it nothing is measured.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reformer_multiwoz::Source;
use std::path::PathBuf;

fn folder() -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/multiwoz-2.2");
    std::env::var_os("REFORMER_TEST_DATA").map_or(beside, PathBuf::from)
}

/// The turns of all splits, of which some hundreds of dialogues are in memory at a time.
fn turns(source: &Source) -> usize {
    let splits = source.splits().into_iter();
    let parts = splits.flat_map(|split| source.parts(split).expect("it has the split"));
    let dialogues = parts.flat_map(|part| part.expect("it can be read").dialogues);
    dialogues.map(|dialogue| dialogue.turns.len()).sum()
}

fn benches(criterion: &mut Criterion) {
    let Ok(source) = Source::open(folder()) else { return };
    let mut group = criterion.benchmark_group("multiwoz");
    group.sample_size(10);
    group.throughput(Throughput::Elements(turns(&source) as u64));
    group.bench_function("read_2_2", |bencher| bencher.iter(|| turns(&source)));
    group.finish();
}

criterion_group!(multiwoz, benches);
criterion_main!(multiwoz);
