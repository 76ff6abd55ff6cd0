//! What the fuzz targets start from: a seed that is meant to be good must be, or nothing behind the first check is ever fuzzed.

use crate::fixture::Run;
use reformer_cpu::Cpu;
use reformer_session::TensorSpec;
use reformer_tensor::{Backend, shape};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Seeds of a target, with their names in order.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    // Asked at run time: cargo compiles nothing anew in a checkout that was moved or copied.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let folder = Path::new(&package).join("fuzz/seeds").join(target);
    let mut seeds: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

/// The names of the seeds that `read` takes for good once they are at `path`.
fn good<T, E>(target: &str, path: &Path, read: impl Fn() -> Result<T, E>) -> Vec<String> {
    let taken = |(_, bytes): &(String, Vec<u8>)| {
        fs::write(path, bytes).unwrap();
        read().is_ok()
    };
    seeds(target).into_iter().filter(taken).map(|(name, _)| name).collect()
}

#[test]
fn seeds_are_good_and_bad_as_they_are_meant_to_be() {
    let run = Run::new();
    assert_eq!(good("config", &run.run.config_path(), || run.run.read_config()), ["learned", "valid"]);
    let tokenizers = good("tokenizer", &run.run.tokenizer_path(), || run.run.read_tokenizer());
    assert_eq!(tokenizers, ["byte_pairs", "bytes", "merges_in_one_string"]);

    let checkpoints = run.path().join("checkpoints");
    fs::rename(checkpoints.join("step-20"), checkpoints.join("step-1")).unwrap();
    let checkpoint = run.checkpoints().all().unwrap().swap_remove(0);
    for name in ["model", "optimizer"] {
        fs::write(checkpoint.path().join(format!("{name}.safetensors")), "any bytes").unwrap();
    }
    let path = checkpoint.path().join("state.json");
    assert_eq!(good("state", &path, || checkpoint.state::<Value>()), ["belongs", "no_loss", "other_hash", "valid"]);
    assert_eq!(good("state", &path, || checkpoint.verify()), ["belongs", "no_loss", "valid"]);

    let path = checkpoint.path().join("optimizer.safetensors");
    let specs = [("a", shape![2]), ("b", shape![2, 3])];
    let specs = specs.map(|(name, shape)| TensorSpec { name: name.to_owned(), shape });
    let read = || {
        // As the target reads it: a first byte of 0 is before a whole file, another one is a number of bytes behind a header.
        let seed = fs::read(&path).unwrap();
        let (&kind, rest) = seed.split_first().unwrap();
        let header = [&(rest.len() as u64).to_le_bytes(), rest, &vec![0; usize::from(kind)]].concat();
        fs::write(&path, if kind == 0 { rest } else { &header }).unwrap();
        checkpoint.read_optimizer(&specs, Cpu::new(1).store().as_mut())
    };
    assert_eq!(good("tensors", &path, read), ["metadata", "other_order", "valid", "whole_file"]);
}
