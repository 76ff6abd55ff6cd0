//! What the targets share: a run's folder for files that are fuzzed, a store that holds tensors, and what every error must be. What is
//! read, and what must hold of it, is in each target.

use reformer_session::{Checkpoint, RunFolder, SessionError};
use reformer_tensor::{BackendError, DType, HostTensor, Shape, Store};
use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The longest message, with the file's path and an advice.
const LONGEST_MESSAGE: usize = 4096;

/// The run of this process; the system's memory holds it where it has a folder for that.
pub static RUN: LazyLock<RunFolder> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(place).expect("there is a place for temporary folders").keep();
    fs::create_dir_all(folder.join("checkpoints/step-1")).expect("the folder is ours");
    RunFolder::create(&folder).expect("the folder is ours")
});

/// Its checkpoint of step 1.
pub fn checkpoint() -> Checkpoint {
    let mut all = RUN.checkpoints().all().expect("the folder is ours");
    all.pop().expect("it was made with the run")
}

/// Makes a file of the run hold `bytes`.
pub fn put(file: &str, bytes: &[u8]) -> PathBuf {
    let path = RUN.path().join(file);
    fs::write(&path, bytes).expect("the folder is ours");
    path
}

/// Every error names the file, is short, and steers no terminal.
pub fn check(error: &SessionError, file: &str) {
    let message = error.to_string();
    assert!(message.contains(file), "no {file} in: {message}");
    assert!(message.len() < LONGEST_MESSAGE, "{} bytes: {message}", message.len());
    assert!(!message.chars().any(char::is_control), "{message:?}");
}

/// A store that does nothing but hold tensors.
#[derive(Default)]
pub struct Held(pub BTreeMap<String, HostTensor>);

impl Store for Held {
    fn declare(&mut self, name: &str, shape: Shape, dtype: DType) -> Result<(), BackendError> {
        let zeros = vec![0; shape.elements()];
        self.0.entry(name.to_owned()).or_insert_with(|| HostTensor::from_words(shape, dtype, zeros));
        Ok(())
    }

    fn write(&mut self, name: &str, tensor: &HostTensor) -> Result<(), BackendError> {
        self.0.insert(name.to_owned(), tensor.clone());
        Ok(())
    }

    fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
        self.0.get(name).cloned().ok_or_else(|| BackendError::Missing { name: name.to_owned() })
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
