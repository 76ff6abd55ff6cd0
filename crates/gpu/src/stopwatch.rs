//! Timestamps of a run's instructions, by the device's own clock.

use crate::device::Device;
use reformer_tensor::BackendError;

/// WebGPU's largest query set.
const QUERIES: u32 = 4096;
/// A begin and an end an instruction.
const PAIR: u32 = 2;
/// Bytes of a timestamp.
const TIMESTAMP_BYTES: u64 = 8;

/// Two timestamps an instruction.
pub(crate) struct Stopwatch {
    sets: Vec<(wgpu::QuerySet, u32)>,
    resolved: wgpu::Buffer,
}

impl Stopwatch {
    /// One for `steps` instructions; `None` where the device has no clock.
    ///
    /// # Errors
    /// If the device has no memory.
    pub fn new(device: &Device, steps: usize) -> Result<Option<Self>, BackendError> {
        if !device.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let all = PAIR * steps as u32;
        let stopwatch = device.guarded(&|| "timestamps".to_owned(), || {
            let counts = (0..all).step_by(QUERIES as usize).map(|first| QUERIES.min(all - first));
            let set = |count| {
                let descriptor = wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count };
                (device.device.create_query_set(&descriptor), count)
            };
            let resolved = device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: TIMESTAMP_BYTES * u64::from(all.max(1)),
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            });
            Self { sets: counts.map(set).collect(), resolved }
        })?;
        Ok(Some(stopwatch))
    }

    /// What a pass of instruction `step` writes: the first its begin, the last its end.
    pub fn writes(&self, step: usize, is_first: bool, is_last: bool) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = PAIR * step as u32;
        (is_first || is_last).then(|| wgpu::ComputePassTimestampWrites {
            query_set: &self.sets[(first / QUERIES) as usize].0,
            beginning_of_pass_write_index: is_first.then_some(first % QUERIES),
            end_of_pass_write_index: is_last.then_some(first % QUERIES + 1),
        })
    }

    /// Seconds of each instruction, after the run.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn seconds(&self, device: &Device) -> Result<Vec<f64>, BackendError> {
        let mut encoder = device.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut offset = 0;
        for (set, count) in &self.sets {
            encoder.resolve_query_set(set, 0..*count, &self.resolved, offset);
            offset += TIMESTAMP_BYTES * u64::from(*count);
        }
        device.queue.submit([encoder.finish()]);
        let words = device.download(&[(self.resolved.clone(), 0, offset / 4)])?;
        let nanoseconds = f64::from(device.queue.get_timestamp_period());
        let time = |at: usize| u64::from(words[at]) | u64::from(words[at + 1]) << 32;
        let pair = |at: usize| time(at + 2).saturating_sub(time(at)) as f64 * nanoseconds * 1e-9;
        Ok((0..words.len()).step_by(4).map(pair).collect())
    }
}
