//! States in memory: parameters, moments, gradient sums, caches. They outlive runs. Slots of a run are in `executor.rs`.

use crate::buffer::Buffer;
use reformer_tensor::{BackendError, DType, HostData, HostTensor, Shape, Store};
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

/// The words of a host tensor that fits (shape, dtype); doubles are no CPU type.
pub(crate) fn words_of(tensor: &HostTensor, shape: Shape, dtype: DType) -> Option<&[u32]> {
    if !tensor.fits(shape, dtype) {
        return None;
    }
    match &tensor.data {
        HostData::F32(data) => Some(bytemuck::cast_slice(data)),
        HostData::U32(data) => Some(data),
        HostData::I32(data) => Some(bytemuck::cast_slice(data)),
        HostData::F64(_) => None,
    }
}

/// A copy in host memory.
pub(crate) fn host_tensor(words: &[u32], shape: Shape, dtype: DType) -> HostTensor {
    match dtype {
        DType::F32 => HostTensor::f32(shape, bytemuck::cast_slice(words).to_vec()),
        DType::U32 => HostTensor::u32(shape, words.to_vec()),
        DType::Fixed { .. } => HostTensor::i32(shape, bytemuck::cast_slice(words).to_vec()),
    }
}

impl Store for CpuStore {
    fn declare(&mut self, name: &str, shape: Shape, dtype: DType) -> Result<(), BackendError> {
        if let Some(known) = self.states.get(name) {
            if known.shape == shape && known.dtype == dtype {
                return Ok(());
            }
            return Err(BackendError::State {
                name: name.to_owned(),
                got: known.dtype.describe(known.shape),
                expected: dtype.describe(shape),
            });
        }
        let state = State { buffer: Buffer::zeroed(shape.elements())?, shape, dtype };
        self.states.insert(name.to_owned(), state);
        Ok(())
    }

    fn write(&mut self, name: &str, tensor: &HostTensor) -> Result<(), BackendError> {
        let state = self.states.get_mut(name).ok_or_else(|| BackendError::Missing { name: name.to_owned() })?;
        let Some(words) = words_of(tensor, state.shape, state.dtype) else {
            return Err(BackendError::State {
                name: name.to_owned(),
                got: tensor.describe(),
                expected: state.dtype.describe(state.shape),
            });
        };
        state.buffer.words_mut().copy_from_slice(words);
        Ok(())
    }

    fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
        let state = self.state(name)?;
        Ok(host_tensor(state.buffer.words(), state.shape, state.dtype))
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
