//! Checkpoints: what is saved is read, what is damaged is named, what a kill leaves does no harm, what is old goes.

mod models;

use models::fill;
use proptest::prelude::*;
use reformer_cpu::Cpu;
use reformer_session::{Checkpoint, Checkpoints, RunFolder, SavedState, Snapshot, TensorSpec, parameters_sha256};
use reformer_tensor::{Backend, DType, HostTensor, Store, shape};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Position {
    epoch: u32,
    learning_rate: f64,
}

const POSITION: Position = Position { epoch: 3, learning_rate: 0.1 + 0.2 };

fn spec(name: &str, dims: &[usize]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), shape: reformer_tensor::Shape::new(dims) }
}

fn parameters() -> Vec<TensorSpec> {
    vec![spec("layer.000.weight", &[3, 5]), spec("embed.table", &[7]), spec("layer.000.bias", &[5])]
}

fn optimizer() -> Vec<TensorSpec> {
    parameters().into_iter().map(|spec| TensorSpec { name: format!("moment1.{}", spec.name), ..spec }).collect()
}

fn filled(seed: u64) -> Box<dyn Store> {
    let mut store = Cpu::new(1).store();
    fill(store.as_mut(), &parameters(), seed);
    fill(store.as_mut(), &optimizer(), seed);
    store
}

fn save(checkpoints: &Checkpoints, step: u64, evaluation_loss: Option<f64>) -> Checkpoint {
    let (parameters, optimizer) = (parameters(), optimizer());
    let snapshot = Snapshot {
        step,
        evaluation_loss,
        parameters: &parameters,
        optimizer: &optimizer,
        belongs_to: None,
        trainer: &POSITION,
    };
    checkpoints.save(filled(step).as_ref(), &snapshot).unwrap()
}

fn steps(checkpoints: &Checkpoints) -> Vec<u64> {
    checkpoints.all().unwrap().iter().map(Checkpoint::step).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn start() -> (tempfile::TempDir, Checkpoints) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = RunFolder::create(folder.path()).unwrap().checkpoints();
    (folder, checkpoints)
}

#[test]
fn what_is_saved_is_read_bit_for_bit() {
    let (_folder, checkpoints) = start();
    assert_eq!(checkpoints.newest().unwrap(), None);
    save(&checkpoints, 40, Some(1.25));
    let newest = checkpoints.newest().unwrap().unwrap();
    let state: SavedState<Position> = newest.state().unwrap();
    assert_eq!((state.step, state.evaluation_loss, &state.trainer), (40, Some(1.25), &POSITION));
    let written = filled(40);
    let mut read = Cpu::new(1).store();
    newest.read_parameters(&parameters(), read.as_mut()).unwrap();
    newest.read_optimizer(&optimizer(), read.as_mut()).unwrap();
    for spec in parameters().iter().chain(&optimizer()) {
        assert_eq!(read.read(&spec.name).unwrap(), written.read(&spec.name).unwrap(), "{}", spec.name);
    }
    assert_eq!(parameters_sha256(read.as_ref(), &parameters()).unwrap(), state.parameters_sha256);
    assert_eq!(names(newest.path()), ["model.safetensors", "optimizer.safetensors", "state.json"]);
    assert_eq!(names(newest.path().parent().unwrap()), ["step-40"]);
}

#[test]
fn other_programs_can_read_the_files() {
    let (_folder, checkpoints) = start();
    let path = save(&checkpoints, 1, None).path().join("model.safetensors");
    let bytes = fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("layer.000.weight").unwrap();
    assert_eq!((tensor.shape(), tensor.dtype()), (&[3, 5][..], safetensors::Dtype::F32));
    let expected = filled(1).read("layer.000.weight").unwrap();
    let expected: Vec<u8> = expected.as_f32().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(tensor.data(), expected);
}

#[test]
fn the_hash_is_over_names_and_bits_in_name_order() {
    let store = filled(5);
    let mut specs = parameters();
    let hash = parameters_sha256(store.as_ref(), &specs).unwrap();
    specs.reverse();
    assert_eq!(parameters_sha256(store.as_ref(), &specs).unwrap(), hash, "the order given doesn't matter");
    let mut store = Cpu::new(1).store();
    store.declare("a", shape![2], DType::F32).unwrap();
    store.write("a", &HostTensor::f32(shape![2], vec![1.0, -0.0])).unwrap();
    // SHA-256 of 61 00 0000803f 00000080, by `sha256sum`.
    let expected = "1348acae2ded578237547298a097ab29850292cb149b4c087a70bc00efb9b0d0";
    assert_eq!(parameters_sha256(store.as_ref(), &[spec("a", &[2])]).unwrap(), expected);
}

#[test]
fn the_newest_three_and_the_best_are_kept() {
    let (_folder, checkpoints) = start();
    for (step, loss) in [(10, Some(3.0)), (20, Some(1.0)), (30, Some(2.0)), (40, None), (50, Some(f64::NAN))] {
        save(&checkpoints, step, loss);
    }
    assert_eq!(steps(&checkpoints), [20, 30, 40, 50]);
    assert_eq!(checkpoints.best().unwrap().unwrap().step(), 20);
    save(&checkpoints, 60, Some(1.0));
    assert_eq!(checkpoints.best().unwrap().unwrap().step(), 60, "of equal ones the newest");
    assert_eq!(steps(&checkpoints), [40, 50, 60]);
    save(&checkpoints, 200, None);
    assert_eq!(steps(&checkpoints), [50, 60, 200], "steps are ordered as numbers");
}

#[test]
fn a_step_that_is_saved_again_is_replaced() {
    let (_folder, checkpoints) = start();
    save(&checkpoints, 10, None);
    let path = save(&checkpoints, 10, Some(0.5)).path().to_owned();
    assert_eq!(checkpoints.newest().unwrap().unwrap().state::<Position>().unwrap().evaluation_loss, Some(0.5));
    assert_eq!(names(path.parent().unwrap()), ["step-10"]);
}

#[test]
fn a_number_that_is_none_is_not_saved_and_leaves_nothing() {
    let (_folder, checkpoints) = start();
    let good = save(&checkpoints, 10, None);
    let mut store = filled(20);
    let mut bias = store.read("layer.000.bias").unwrap().as_f32().unwrap().to_vec();
    bias[3] = f32::NAN;
    store.write("layer.000.bias", &HostTensor::f32(shape![5], bias)).unwrap();
    let (parameters, optimizer) = (parameters(), optimizer());
    let snapshot = Snapshot {
        step: 20,
        evaluation_loss: None,
        parameters: &parameters,
        optimizer: &optimizer,
        belongs_to: None,
        trainer: &(),
    };
    let error = checkpoints.save(store.as_ref(), &snapshot).unwrap_err().to_string();
    assert_eq!(error, "the checkpoint of step 20 was not saved: `layer.000.bias` holds NaN at element 3");
    assert_eq!(names(good.path().parent().unwrap()), ["step-10"]);
}

#[test]
fn what_a_kill_leaves_is_finished_or_undone() {
    let (folder, checkpoints) = start();
    for step in [10, 20] {
        save(&checkpoints, step, None);
    }
    let inside = folder.path().join("checkpoints");
    // Killed while writing: part of a file, under a temporary name.
    fs::create_dir(inside.join(".new-abc")).unwrap();
    let whole = fs::read(inside.join("step-20/model.safetensors")).unwrap();
    fs::write(inside.join(".new-abc/model.safetensors"), &whole[..whole.len() / 2]).unwrap();
    // Killed while deleting.
    fs::create_dir(inside.join(".gone-step-5")).unwrap();
    fs::write(inside.join(".gone-step-5/model.safetensors"), "rest").unwrap();
    // Killed between the two renames that replace step 20.
    fs::rename(inside.join("step-20"), inside.join(".old-step-20")).unwrap();
    assert_eq!(steps(&checkpoints), [10], "work in progress is no checkpoint");
    checkpoints.clean().unwrap();
    assert_eq!(names(&inside), ["step-10", "step-20"]);
    assert_eq!(checkpoints.newest().unwrap().unwrap().step(), 20);
    // Killed after them, before the replaced one was removed.
    fs::create_dir(inside.join(".old-step-20")).unwrap();
    checkpoints.clean().unwrap();
    assert_eq!(names(&inside), ["step-10", "step-20"]);
    checkpoints.newest().unwrap().unwrap();
}

#[test]
fn a_damaged_newest_checkpoint_names_the_file_and_the_last_good_one() {
    let files = ["model.safetensors", "optimizer.safetensors", "state.json"];
    let damages: [(&str, fn(&Path)); 3] = [
        ("missing", |path| fs::remove_file(path).unwrap()),
        ("cut", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() - 7]).unwrap();
        }),
        ("a bit flipped", |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[0] ^= 0x80;
            fs::write(path, bytes).unwrap();
        }),
    ];
    for file in files {
        for (name, damage) in damages {
            let (_folder, checkpoints) = start();
            save(&checkpoints, 10, None);
            let newest = save(&checkpoints, 20, None);
            damage(&newest.path().join(file));
            // Windows writes paths with backslashes.
            let error = checkpoints.newest().unwrap_err().to_string().replace('\\', "/");
            for part in [&format!("step-20/{file} is damaged"), "last good checkpoint", "step-10", "remove step-20"] {
                assert!(error.contains(part), "{file} {name}: expected {part:?} in: {error}");
            }
            assert_eq!(checkpoints.latest_good().unwrap().unwrap().step(), 10);
            fs::remove_dir_all(newest.path()).unwrap();
            assert_eq!(checkpoints.newest().unwrap().unwrap().step(), 10);
        }
    }
    let (_folder, checkpoints) = start();
    let only = save(&checkpoints, 10, None);
    fs::remove_file(only.path().join("state.json")).unwrap();
    let error = checkpoints.newest().unwrap_err().to_string();
    assert!(error.contains("no other checkpoint of this run is whole"), "{error}");
    assert_eq!(checkpoints.latest_good().unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_damage_panics_or_goes_unseen(cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let (_folder, checkpoints) = start();
        let checkpoint = save(&checkpoints, 1, None);
        let path = checkpoint.path().join("model.safetensors");
        let whole = fs::read(&path).unwrap();
        let at = at.index(whole.len());
        let mut flipped = whole.clone();
        flipped[at] ^= flip;
        for damaged in [flipped, whole[..cut.index(whole.len())].to_vec()] {
            fs::write(&path, damaged).unwrap();
            prop_assert!(checkpoint.verify().is_err());
            // Without the hash a changed number can't be seen, but nothing may panic.
            let _ = checkpoint.read_parameters(&parameters(), Cpu::new(1).store().as_mut());
        }
    }
}
