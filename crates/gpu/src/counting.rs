//! Counting how many iterations of loops the launches of a run take, to compare with what `loops.rs` computes. For tests.

use crate::adapter::Choice;
use crate::backend::Gpu;
use crate::device::Device;
use crate::recorder::Dispatch;
use reformer_shaders::COUNTER;
use reformer_tensor::BackendError;

/// Bytes from one dispatch's counter to the next: WebGPU's default alignment of bindings.
const STRIDE: u64 = 256;
/// Bytes of a counter.
const WORD: u64 = 4;

impl Gpu {
    /// A backend whose kernels count the iterations of their loops, and whose runs fail if an invocation takes more than was computed
    /// for its launch. Much slower, the same results.
    ///
    /// # Errors
    /// If there is no such adapter, it refuses, or it binds no buffer more than kernels need.
    pub fn counting(choice: &Choice) -> Result<Self, BackendError> {
        Ok(Self::on(Device::open_as(choice, true)?))
    }
}

/// A counter for every dispatch, where the device's kernels count.
pub(crate) fn counters(device: &Device, dispatches: usize) -> Result<Option<wgpu::Buffer>, BackendError> {
    let buffer = || device.buffer("counters of iterations", STRIDE * dispatches.max(1) as u64);
    device.counts.then(buffer).transpose()
}

/// The binding of dispatch `number`'s counter.
pub(crate) fn entry(counts: &wgpu::Buffer, number: usize) -> wgpu::BindGroupEntry<'_> {
    let (offset, size) = (STRIDE * number as u64, wgpu::BufferSize::new(WORD));
    let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: counts, offset, size });
    wgpu::BindGroupEntry { binding: COUNTER, resource }
}

/// # Errors
/// If an invocation took more iterations than was computed for its launch.
pub(crate) fn check(device: &Device, counts: &wgpu::Buffer, dispatches: &[Dispatch]) -> Result<(), BackendError> {
    let words = device.download(&[(counts.clone(), 0, counts.size() / WORD)])?;
    for (dispatch, taken) in dispatches.iter().zip(words.iter().step_by((STRIDE / WORD) as usize)) {
        let Dispatch { entry, iterations, constants, .. } = dispatch;
        if u64::from(*taken) > *iterations {
            return Err(BackendError::Device(format!(
                "{} {} {constants:?} took {taken} iterations where {iterations} were computed: mend its formula in loops.rs",
                entry.file, entry.name
            )));
        }
    }
    Ok(())
}
