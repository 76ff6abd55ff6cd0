//! States on the device: parameters, moments, gradient sums, caches. They outlive runs. Slots of a run are in `executor.rs`.

use crate::device::Device;
use reformer_tensor::{BackendError, DType, HostTensor, Shape, Store};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One state.
pub(crate) struct State {
    pub buffer: wgpu::Buffer,
    pub shape: Shape,
    pub dtype: DType,
}

/// The device's states, by name.
pub(crate) struct GpuStore {
    pub device: Arc<Device>,
    pub states: BTreeMap<String, State>,
}

impl GpuStore {
    fn state(&self, name: &str) -> Result<&State, BackendError> {
        self.states.get(name).ok_or_else(|| BackendError::Missing { name: name.to_owned() })
    }
}

impl Store for GpuStore {
    fn declare(&mut self, name: &str, shape: Shape, dtype: DType) -> Result<(), BackendError> {
        if let Some(known) = self.states.get(name) {
            return BackendError::unless_same(name, (known.shape, known.dtype), (shape, dtype));
        }
        let buffer = self.device.buffer(name, dtype.bytes(shape.elements()) as u64)?;
        self.states.insert(name.to_owned(), State { buffer, shape, dtype });
        Ok(())
    }

    fn write(&mut self, name: &str, tensor: &HostTensor) -> Result<(), BackendError> {
        let state = self.state(name)?;
        let Some(words) = tensor.words(state.shape, state.dtype) else {
            return Err(BackendError::unfit(name, tensor, state.shape, state.dtype));
        };
        let what = || format!("writing `{name}`");
        self.device.guarded(&what, || {
            self.device.queue.write_buffer(&state.buffer, 0, bytemuck::cast_slice(&words));
        })
    }

    fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
        let state = self.state(name)?;
        let words =
            self.device.download(&[(state.buffer.clone(), 0, state.dtype.words(state.shape.elements()) as u64)])?;
        Ok(HostTensor::from_words(state.shape, state.dtype, words))
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
