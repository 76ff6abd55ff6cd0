//! The oracle's states, by name.

use crate::array::Array;
use reformer_tensor::{BackendError, DType, HostTensor, Shape, Store};
use std::any::Any;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct OracleStore {
    pub states: BTreeMap<String, Array>,
}

impl OracleStore {
    /// A state of this shape and type.
    pub fn state(&self, name: &str, shape: Shape, dtype: DType) -> Result<&Array, BackendError> {
        let state = self.states.get(name).ok_or_else(|| BackendError::Missing { name: name.to_owned() })?;
        BackendError::unless_same(name, (state.shape, state.dtype), (shape, dtype))?;
        Ok(state)
    }
}

impl Store for OracleStore {
    fn declare(&mut self, name: &str, shape: Shape, dtype: DType) -> Result<(), BackendError> {
        if self.states.contains_key(name) {
            return self.state(name, shape, dtype).map(|_| ());
        }
        self.states.insert(name.to_owned(), Array::zeros(shape, dtype));
        Ok(())
    }

    fn write(&mut self, name: &str, tensor: &HostTensor) -> Result<(), BackendError> {
        let state = self.states.get_mut(name).ok_or_else(|| BackendError::Missing { name: name.to_owned() })?;
        let Some(array) = Array::from_host(tensor, state.shape, state.dtype) else {
            return Err(BackendError::unfit(name, tensor, state.shape, state.dtype));
        };
        *state = array;
        Ok(())
    }

    fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
        let state = self.states.get(name).ok_or_else(|| BackendError::Missing { name: name.to_owned() })?;
        Ok(state.to_host())
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
