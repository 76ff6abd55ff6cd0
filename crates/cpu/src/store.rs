//! States in memory: parameters, moments, gradient sums, caches. They outlive runs. Slots of a run are in `executor.rs`.

use crate::buffer::Buffer;
use reformer_tensor::{BackendError, DType, HostTensor, Shape, Store};
use std::any::Any;
use std::collections::BTreeMap;

/// One state.
pub(crate) struct State {
    pub buffer: Buffer,
    pub shape: Shape,
    pub dtype: DType,
}

/// The CPU's states, by name.
#[derive(Default)]
pub(crate) struct CpuStore {
    pub states: BTreeMap<String, State>,
}

impl CpuStore {
    fn state(&self, name: &str) -> Result<&State, BackendError> {
        self.states.get(name).ok_or_else(|| BackendError::Missing { name: name.to_owned() })
    }
}

impl Store for CpuStore {
    fn declare(&mut self, name: &str, shape: Shape, dtype: DType) -> Result<(), BackendError> {
        if let Some(known) = self.states.get(name) {
            return BackendError::unless_same(name, (known.shape, known.dtype), (shape, dtype));
        }
        let state = State { buffer: Buffer::zeroed(dtype.words(shape.elements()))?, shape, dtype };
        self.states.insert(name.to_owned(), state);
        Ok(())
    }

    fn write(&mut self, name: &str, tensor: &HostTensor) -> Result<(), BackendError> {
        let state = self.states.get_mut(name).ok_or_else(|| BackendError::Missing { name: name.to_owned() })?;
        let Some(words) = tensor.words(state.shape, state.dtype) else {
            return Err(BackendError::unfit(name, tensor, state.shape, state.dtype));
        };
        state.buffer.words_mut().copy_from_slice(&words);
        Ok(())
    }

    fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
        let state = self.state(name)?;
        Ok(HostTensor::from_words(state.shape, state.dtype, state.buffer.words().to_vec()))
    }

    fn names(&self) -> Vec<String> {
        self.states.keys().cloned().collect()
    }

    fn remove(&mut self, name: &str) {
        self.states.remove(name);
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
