//! An open device: buffers, pipelines, errors, copies to and from the host. It knows no plan.

use crate::adapter::{self, Adapter, Choice};
use crate::cache;
use crate::layout::DeviceLimits;
use reformer_shaders::Entry;
use reformer_tensor::BackendError;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Bytes of a copy to the host at a time.
const STAGING_BYTES: u64 = 16 << 20;

/// A kernel with its constants.
type PipelineKey = (&'static str, &'static str, Vec<(&'static str, u32)>);

/// Compiled kernels on disk.
struct Kept {
    path: PathBuf,
    cache: wgpu::PipelineCache,
    /// Whether kernels were compiled since the file was written.
    is_stale: AtomicBool,
}

/// An open device.
pub(crate) struct Device {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub adapter: Adapter,
    pub limits: DeviceLimits,
    pipelines: Mutex<BTreeMap<PipelineKey, wgpu::ComputePipeline>>,
    kept: OnceLock<Kept>,
    lost: Arc<Mutex<Option<String>>>,
    /// Whether kernels count the iterations of their loops (`counting.rs`).
    pub counts: bool,
}

impl Device {
    /// Opens the adapter that is wanted.
    ///
    /// # Errors
    /// If there is no such adapter, or it refuses.
    pub fn open(choice: &Choice) -> Result<Self, BackendError> {
        Self::open_as(choice, false)
    }

    /// The same, with kernels that count the iterations of their loops.
    ///
    /// # Errors
    /// As [`Device::open`], and if the device binds no buffer more than kernels need.
    pub fn open_as(choice: &Choice, counts: bool) -> Result<Self, BackendError> {
        let chosen = adapter::choose(choice)?;
        let described = adapter::describe(&chosen);
        let own = chosen.limits();
        let required = wgpu::Limits {
            max_storage_buffer_binding_size: own.max_storage_buffer_binding_size,
            max_buffer_size: own.max_buffer_size,
            max_storage_buffers_per_shader_stage: wgpu::Limits::default().max_storage_buffers_per_shader_stage
                + u32::from(counts),
            ..wgpu::Limits::default()
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("reformer"),
            required_limits: required,
            // To measure, and to start faster: nothing depends on them.
            required_features: chosen.features() & (wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::PIPELINE_CACHE),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(chosen.request_device(&descriptor))
            .map_err(|error| BackendError::Device(format!("{described} can't be opened: {error}")))?;
        let lost = Arc::new(Mutex::new(None));
        let seen = lost.clone();
        device.set_device_lost_callback(move |reason, text| {
            remember(&seen, format!("the device was lost ({reason:?}): {text}"));
        });
        let seen = lost.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| remember(&seen, error.to_string())));
        let limits = DeviceLimits {
            // Kernels count words in u32; half of that leaves room for what lies past the end of a tile.
            binding_bytes: own.max_storage_buffer_binding_size.min(u64::from(u32::MAX) / 2),
            buffer_bytes: own.max_buffer_size,
            workgroups: own.max_compute_workgroups_per_dimension.min(DeviceLimits::WEBGPU.workgroups),
            // No interface tells how long its systems let a launch walk.
            iterations: DeviceLimits::WEBGPU.iterations,
        };
        Ok(Self {
            device,
            queue,
            adapter: described,
            limits,
            pipelines: Mutex::default(),
            kept: OnceLock::new(),
            lost,
            counts,
        })
    }

    /// Takes compiled kernels from this file, and keeps them there. Devices without such a thing compile each time.
    pub fn remember_kernels(&self, path: PathBuf) {
        if !self.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return;
        }
        let data = cache::read_kernels(&path);
        let descriptor = wgpu::PipelineCacheDescriptor { label: None, data: data.as_deref(), fallback: true };
        // SAFETY: the bytes are what this program once got from `get_data`, whole by their checksum, in a file of this adapter and
        // driver; wgpu and the driver check their own headers, and `fallback` starts anew where they don't fit.
        #[allow(unsafe_code)]
        let cache = unsafe { self.device.create_pipeline_cache(&descriptor) };
        let _ = self.kept.set(Kept { path, cache, is_stale: AtomicBool::new(false) });
    }

    /// Writes what was compiled since the last time.
    pub fn keep_kernels(&self) {
        let Some(kept) = self.kept.get() else { return };
        if kept.is_stale.swap(false, Ordering::Relaxed)
            && let Some(data) = kept.cache.get_data()
        {
            cache::write_kernels(&kept.path, &data);
        }
    }

    /// What went wrong outside of any call, if anything did.
    ///
    /// # Errors
    /// The first such error.
    pub fn check(&self) -> Result<(), BackendError> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.as_ref().map_or(Ok(()), |text| Err(BackendError::Device(format!("{}: {text}", self.adapter))))
    }

    /// Runs `work`; an error of the device in it is named by `what`.
    ///
    /// # Errors
    /// What the device refused.
    pub fn guarded<T>(&self, what: &dyn Fn() -> String, work: impl FnOnce() -> T) -> Result<T, BackendError> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let result = work();
        let errors = [
            pollster::block_on(validation.pop()),
            pollster::block_on(internal.pop()),
            pollster::block_on(memory.pop()),
        ];
        match errors.into_iter().flatten().next() {
            None => Ok(result),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(BackendError::Device(format!(
                "{} has no memory left for {}: use a smaller --memory-limit or --length, or --backend cpu",
                self.adapter,
                what()
            ))),
            Some(error) => Err(BackendError::Device(format!("{}: {}: {error}", self.adapter, what()))),
        }
    }

    /// A zeroed buffer of `bytes` for shaders, copies and fills.
    ///
    /// # Errors
    /// If the device has no memory; `name` says for what.
    pub fn buffer(&self, name: &str, bytes: u64) -> Result<wgpu::Buffer, BackendError> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let size = bytes.max(4);
        self.guarded(&|| format!("`{name}` of {bytes} bytes"), || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(name),
                size,
                usage,
                mapped_at_creation: false,
            })
        })
    }

    /// A kernel, compiled once.
    ///
    /// # Errors
    /// If the driver refuses it; the kernel is named.
    pub fn pipeline(
        &self,
        entry: &'static Entry,
        constants: &[(&'static str, u32)],
    ) -> Result<wgpu::ComputePipeline, BackendError> {
        let key = (entry.file, entry.name, constants.to_vec());
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(&key) {
            return Ok(pipeline.clone());
        }
        let label = format!("{} {}", entry.file, entry.name);
        let compose = if self.counts { reformer_shaders::compose_counted } else { reformer_shaders::compose };
        let composed =
            compose(entry.file, constants).map_err(|error| BackendError::Device(format!("{label}: {error}")))?;
        let pipeline = self.guarded(&|| label.clone(), || {
            let descriptor = wgpu::ShaderModuleDescriptor {
                label: Some(&label),
                source: wgpu::ShaderSource::Wgsl(composed.text.as_str().into()),
            };
            // SAFETY: kernels index only within their bindings and end their loops: sizes come from the recorded shapes, indices
            // from outside are checked before they are sent (`indices.rs`), and the conformance suite puts guard words behind
            // every slot. Checks in every access cost half of the speed (docs/gpu.md).
            #[allow(unsafe_code)]
            let module =
                unsafe { self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&label),
                layout: None,
                module: &module,
                entry_point: Some(entry.name),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &[],
                    // Kernels write before they read.
                    zero_initialize_workgroup_memory: false,
                },
                cache: self.kept.get().map(|kept| &kept.cache),
            })
        })?;
        if let Some(kept) = self.kept.get() {
            kept.is_stale.store(true, Ordering::Relaxed);
        }
        pipelines.insert(key, pipeline.clone());
        Ok(pipeline)
    }

    /// A buffer of parameters.
    ///
    /// # Errors
    /// If the device has no memory.
    pub fn uniform(&self, bytes: &[u8]) -> Result<wgpu::Buffer, BackendError> {
        self.guarded(&|| "parameters".to_owned(), || {
            let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("parameters"),
                size: bytes.len().next_multiple_of(4) as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            self.queue.write_buffer(&buffer, 0, bytes);
            buffer
        })
    }

    /// One launch outside of any plan, to measure a kernel.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn launch(
        &self,
        pipeline: &wgpu::ComputePipeline,
        parameters: &wgpu::Buffer,
        buffers: &[wgpu::Buffer],
        groups: [u32; 3],
    ) -> Result<(), BackendError> {
        self.guarded(&|| "a launch".to_owned(), || {
            let all = std::iter::once(parameters).chain(buffers).enumerate();
            let entries: Vec<wgpu::BindGroupEntry<'_>> = all
                .map(|(at, buffer)| wgpu::BindGroupEntry { binding: at as u32, resource: buffer.as_entire_binding() })
                .collect();
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries,
            });
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
            drop(pass);
            self.queue.submit([encoder.finish()]);
        })
    }

    /// Waits until everything that was submitted is done.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn wait(&self) -> Result<(), BackendError> {
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|error| BackendError::Device(format!("{}: waiting: {error}", self.adapter)))?;
        self.check()
    }

    /// Waits until what was submitted up to here is done.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn wait_for(&self, submission: wgpu::SubmissionIndex) -> Result<(), BackendError> {
        self.device
            .poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })
            .map_err(|error| BackendError::Device(format!("{}: waiting: {error}", self.adapter)))?;
        self.check()
    }

    /// Words of buffers (from word `first` on, so many), one after another. The device is waited for once for every
    /// [`STAGING_BYTES`], not once for every buffer.
    ///
    /// # Errors
    /// If the device is lost or has no memory for the copy.
    pub fn download(&self, parts: &[(wgpu::Buffer, u64, u64)]) -> Result<Vec<u32>, BackendError> {
        let total: u64 = parts.iter().map(|(_, _, words)| words).sum();
        let mut all = Vec::with_capacity(total as usize);
        let mut copies: Vec<Copy<'_>> = Vec::new();
        let mut staged = 0;
        for (buffer, first, words) in parts {
            let (mut offset, mut left) = (4 * first, 4 * words);
            while left > 0 {
                let bytes = left.min(STAGING_BYTES - staged);
                copies.push(Copy { buffer, offset, bytes });
                (offset, left, staged) = (offset + bytes, left - bytes, staged + bytes);
                if staged == STAGING_BYTES {
                    self.download_staged(&copies, &mut all)?;
                    copies.clear();
                    staged = 0;
                }
            }
        }
        if staged > 0 {
            self.download_staged(&copies, &mut all)?;
        }
        Ok(all)
    }

    /// Copies to the host, through one buffer.
    fn download_staged(&self, copies: &[Copy<'_>], into: &mut Vec<u32>) -> Result<(), BackendError> {
        let size: u64 = copies.iter().map(|copy| copy.bytes).sum();
        let staging = self.guarded(&|| format!("{size} bytes to read back"), || {
            let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut target = 0;
            for &Copy { buffer, offset, bytes } in copies {
                encoder.copy_buffer_to_buffer(buffer, offset, &staging, target, bytes);
                target += bytes;
            }
            self.queue.submit([encoder.finish()]);
            staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
            staging
        })?;
        self.wait()?;
        let mapped = staging
            .slice(..)
            .get_mapped_range()
            .map_err(|error| BackendError::Device(format!("{}: reading back: {error}", self.adapter)))?;
        into.extend_from_slice(bytemuck::cast_slice(&mapped));
        Ok(())
    }
}

/// A piece of a buffer on its way to the host.
struct Copy<'a> {
    buffer: &'a wgpu::Buffer,
    offset: u64,
    bytes: u64,
}

fn remember(place: &Mutex<Option<String>>, text: String) {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    place.get_or_insert(text);
}
