//! States on the device: parameters, moments, gradient sums, caches. They outlive runs. Slots of a run are in `executor.rs`.

use crate::device::Device;
use reformer_tensor::{BackendError, DType, HostData, HostTensor, Shape, Store};
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

/// The words of a host tensor that fits (shape, dtype); doubles are no GPU type.
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

/// Words from the device in host memory.
pub(crate) fn host_tensor(words: Vec<u32>, shape: Shape, dtype: DType) -> HostTensor {
    match dtype {
        DType::F32 => HostTensor::f32(shape, bytemuck::cast_vec(words)),
        DType::U32 => HostTensor::u32(shape, words),
        DType::Fixed { .. } => HostTensor::i32(shape, bytemuck::cast_vec(words)),
    }
}

impl Store for GpuStore {
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
        let buffer = self.device.buffer(name, (shape.elements() * dtype.bytes()) as u64)?;
        self.states.insert(name.to_owned(), State { buffer, shape, dtype });
        Ok(())
    }

    fn write(&mut self, name: &str, tensor: &HostTensor) -> Result<(), BackendError> {
        let state = self.state(name)?;
        let Some(words) = words_of(tensor, state.shape, state.dtype) else {
            return Err(BackendError::State {
                name: name.to_owned(),
                got: tensor.describe(),
                expected: state.dtype.describe(state.shape),
            });
        };
        let what = || format!("writing `{name}`");
        self.device.guarded(&what, || {
            self.device.queue.write_buffer(&state.buffer, 0, bytemuck::cast_slice(words));
        })
    }

    fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
        let state = self.state(name)?;
        let words = self.device.download(&[(state.buffer.clone(), 0, state.shape.elements() as u64)])?;
        Ok(host_tensor(words, state.shape, state.dtype))
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
