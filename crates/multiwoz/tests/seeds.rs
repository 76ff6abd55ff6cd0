//! The fuzz targets' seeds, and what becomes of them when bytes are cut, doubled, swapped and changed, as ordinary tests.

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::{Bench, Loader};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Changed seeds of each loader.
const CHANGES: usize = 400;
/// For all of a loader's, on a slow machine.
const LONGEST: Duration = Duration::from_secs(60);
/// Bytes that mean something in JSON and in archives.
const TELLING: &[u8] = b"[]{}\",:\\u0-.eE \n\xff\xfe\x00PK\x01\x02\x03\x04";

fn seeds(loader: Loader) -> Vec<(PathBuf, Vec<u8>)> {
    // Asked at run time: cargo compiles nothing anew in a checkout that was moved or copied.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let folder = Path::new(&package).join("fuzz/seeds").join(loader.name());
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The seeds called `good…` are read, and no others.
#[test]
fn seeds_are_what_they_are_called() {
    for loader in Loader::ALL {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench::new(loader, folder.path());
        let seeds = seeds(loader);
        assert!(seeds.len() >= 8, "{loader:?} has {} seeds", seeds.len());
        for (path, bytes) in seeds {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(bench.run(&bytes), name.starts_with("good"), "{}", path.display());
        }
    }
}

#[test]
fn changed_seeds_do_no_harm() {
    for loader in Loader::ALL {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench::new(loader, folder.path());
        let seeds = seeds(loader);
        let mut state = 1;
        let mut below = |limit: usize| (random(&mut state) % limit.max(1) as u64) as usize;
        let began = Instant::now();
        for _ in 0..CHANGES {
            let mut bytes = seeds[below(seeds.len())].1.clone();
            let other = &seeds[below(seeds.len())].1;
            for _ in 0..=below(4) {
                let (at, length) = (below(bytes.len()), below(16));
                let end = (at + length).min(bytes.len());
                match below(6) {
                    0 => bytes.truncate(at),
                    1 => drop(bytes.drain(at..end)),
                    2 => bytes.extend_from_within(at..end),
                    3 if !bytes.is_empty() => bytes[at] ^= 1 << below(8),
                    4 => bytes.insert(at, TELLING[below(TELLING.len())]),
                    _ => {
                        let from = below(other.len());
                        let piece = &other[from..(from + 40).min(other.len())];
                        bytes.splice(at..end, piece.iter().copied());
                    }
                }
            }
            bench.run(&bytes);
        }
        assert!(began.elapsed() < LONGEST, "{loader:?}: {:?}", began.elapsed());
    }
}

/// SplitMix64: the same changes each time.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
