//! Runs plans: binds slots, inputs, states and scratch to the recorded dispatches, submits them, reads back outputs and faults.

use crate::backend::Gpu;
use crate::checks::GUARD_WORDS;
use crate::counting;
use crate::device::Device;
use crate::indices;
use crate::layout::Layout;
use crate::recorder::{Dispatch, Place, Recording};
use crate::stopwatch::Stopwatch;
use crate::store::GpuStore;
use reformer_tensor::{
    BackendError, Checks, HostTensor, Inputs, Instruction, Location, Outputs, Plan, Prepared, RunError, StopWish,
    Store, ValueId,
};
use std::sync::Arc;

/// Dispatches of one submission: the device starts while the host goes on, and no driver takes a long step for a hang.
const DISPATCHES: usize = 256;
/// The same where somebody may want to stop a run: what was submitted can't be taken back.
const STOPPABLE_DISPATCHES: usize = 16;
/// Where in the uniform buffer a dispatch's parameters start: WebGPU's default alignment.
const PARAMETER_STRIDE: usize = 256;

/// A slot's buffers, one a segment.
pub(crate) type Segments = Vec<wgpu::Buffer>;

/// A plan on a device.
pub(crate) struct GpuPrepared {
    pub(crate) device: Arc<Device>,
    pub(crate) plan: Plan,
    layout: Layout,
    recording: Recording,
    checks: Checks,
    pub(crate) slots: Vec<Segments>,
    inputs: Vec<Segments>,
    pub(crate) scratch: Vec<wgpu::Buffer>,
    pub(crate) faults: wgpu::Buffer,
    pipelines: Vec<wgpu::ComputePipeline>,
    parameters: wgpu::Buffer,
    /// Iterations that the dispatches took, where kernels count them.
    counts: Option<wgpu::Buffer>,
    /// Bind groups of the dispatches, and the state buffers that they were made for.
    bound: Option<(Vec<wgpu::Buffer>, Vec<wgpu::BindGroup>)>,
}

impl GpuPrepared {
    pub(crate) fn new(gpu: &Gpu, plan: Plan, checks: Checks) -> Result<Self, BackendError> {
        let device = gpu.device.clone();
        let layout = Layout::new(&plan.program, gpu.limits)?;
        let recording = Recording::new(&plan.program, &plan.schedule, layout, gpu.kernels, gpu.product)?;
        let guard = if checks == Checks::Poison { GUARD_WORDS } else { 0 };
        let mut pipelines = Vec::with_capacity(recording.dispatches.len());
        for dispatch in &recording.dispatches {
            pipelines.push(device.pipeline(dispatch.entry, &dispatch.constants)?);
        }
        device.keep_kernels();
        let mut slots = Vec::new();
        for (number, words) in slot_words(&plan, layout).into_iter().enumerate() {
            let name = slot_name(&plan, number);
            let segments = words.into_iter().map(|words| device.buffer(&name, 4 * (words + guard)));
            slots.push(segments.collect::<Result<Segments, _>>()?);
        }
        let mut inputs = Vec::new();
        for (name, id) in &plan.program.inputs {
            let array = layout.array(&plan.program, *id);
            let segments = (0..array.segments()).map(|at| device.buffer(name, 4 * array.segment_words(at) as u64));
            inputs.push(segments.collect::<Result<Segments, _>>()?);
        }
        let scratch = recording.scratch.iter().map(|&words| device.buffer("scratch", 4 * words as u64));
        let scratch = scratch.collect::<Result<Vec<_>, _>>()?;
        let faults = device.buffer("faults", 4 * plan.schedule.len() as u64)?;
        let parameters = upload_parameters(&device, &recording.dispatches)?;
        let counts = counting::counters(&device, recording.dispatches.len())?;
        Ok(Self {
            device,
            plan,
            layout,
            recording,
            checks,
            slots,
            inputs,
            scratch,
            faults,
            pipelines,
            parameters,
            counts,
            bound: None,
        })
    }

    /// The buffer of a place, and the words of it that belong to the value.
    fn place(&self, place: Place, store: &GpuStore) -> Result<(wgpu::Buffer, u64), BackendError> {
        match place {
            Place::Value(id, segment) => self.segment(id, segment, store),
            Place::Scratch(number) => Ok((self.scratch[number].clone(), self.recording.scratch[number] as u64)),
            Place::Faults => Ok((self.faults.clone(), self.plan.schedule.len() as u64)),
        }
    }

    fn segment(&self, id: ValueId, segment: usize, store: &GpuStore) -> Result<(wgpu::Buffer, u64), BackendError> {
        let words = self.layout.array(&self.plan.program, id).segment_words(segment) as u64;
        let buffer = match self.plan.location(id) {
            Location::Input(number) => self.inputs[number][segment].clone(),
            Location::Slot(number) => self.slots[number][segment].clone(),
            Location::State(number) => {
                let name = &self.plan.program.states[number].name;
                let state = store.states.get(name).ok_or_else(|| BackendError::Missing { name: name.clone() })?;
                state.buffer.clone()
            }
            Location::Nowhere => {
                let name = &self.plan.program.info(id).name;
                return Err(BackendError::Device(format!("`{name}` is bound, but nothing that runs makes it")));
            }
        };
        Ok((buffer, words))
    }

    /// Makes the bind groups, unless they are there for these states.
    fn bind(&mut self, store: &GpuStore) -> Result<(), BackendError> {
        let states: Vec<wgpu::Buffer> = self
            .plan
            .program
            .states
            .iter()
            .filter_map(|spec| store.states.get(&spec.name).map(|state| state.buffer.clone()))
            .collect();
        if self.bound.as_ref().is_some_and(|(known, _)| *known == states) {
            return Ok(());
        }
        let mut groups = Vec::with_capacity(self.recording.dispatches.len());
        for (number, dispatch) in self.recording.dispatches.iter().enumerate() {
            let what = || format!("binding {} {}", dispatch.entry.file, dispatch.entry.name);
            let places = dispatch.buffers.iter().map(|&place| self.place(place, store));
            let places = places.collect::<Result<Vec<_>, _>>()?;
            let group = self.device.guarded(&what, || self.bind_group(number, dispatch, &places))?;
            groups.push(group);
        }
        self.bound = Some((states, groups));
        Ok(())
    }

    fn bind_group(&self, number: usize, dispatch: &Dispatch, places: &[(wgpu::Buffer, u64)]) -> wgpu::BindGroup {
        let whole = |buffer, offset, bytes| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(bytes) })
        };
        let mut entries = Vec::with_capacity(places.len() + 1);
        if dispatch.entry.parameters > 0 {
            let offset = (number * PARAMETER_STRIDE) as u64;
            let resource = whole(&self.parameters, offset, u64::from(dispatch.entry.parameters));
            entries.push(wgpu::BindGroupEntry { binding: 0, resource });
        }
        for (binding, (buffer, words)) in dispatch.entry.bindings.iter().zip(places) {
            entries.push(wgpu::BindGroupEntry { binding: binding.number, resource: whole(buffer, 0, 4 * words) });
        }
        if let Some(counts) = &self.counts {
            entries.push(counting::entry(counts, number));
        }
        self.device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.pipelines[number].get_bind_group_layout(0),
            entries: &entries,
        })
    }

    fn upload(&self, inputs: &Inputs) -> Result<(), RunError> {
        for (segments, words) in self.inputs.iter().zip(self.plan.input_words(inputs)?) {
            let mut rest = words;
            for buffer in segments {
                // No buffer is empty, though an input may be.
                let (own, after) = rest.split_at(rest.len().min((buffer.size() / 4) as usize));
                self.device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(own));
                rest = after;
            }
        }
        Ok(())
    }

    fn check_states(&self, store: &GpuStore) -> Result<(), RunError> {
        for spec in &self.plan.program.states {
            let value = self.plan.program.info(spec.value);
            let state =
                store.states.get(&spec.name).ok_or_else(|| BackendError::Missing { name: spec.name.clone() })?;
            BackendError::unless_same(&spec.name, (state.shape, state.dtype), (value.shape, value.dtype))?;
        }
        Ok(())
    }

    /// Sends everything to the device. Where somebody may want to `stop` it, no more than two submissions are under way.
    fn submit(
        &self,
        store: &GpuStore,
        stopwatch: Option<&Stopwatch>,
        stop: Option<&StopWish<'_>>,
    ) -> Result<(), RunError> {
        let Some((_, groups)) = &self.bound else { return Ok(()) };
        let most = if stop.is_some() { STOPPABLE_DISPATCHES } else { DISPATCHES };
        let mut first = 0;
        let mut encoder = self.encoder();
        encoder.clear_buffer(&self.faults, 0, None);
        let mut recorded = 0;
        let mut before = None;
        for (step, &at) in self.plan.schedule.iter().enumerate() {
            let instruction = &self.plan.program.instructions[at];
            self.copy_updates(&mut encoder, instruction, store)?;
            let end = self.recording.ends[step];
            // An instruction of many launches is several submissions.
            for start in (first..end).step_by(most) {
                let part = start..end.min(start + most);
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                    label: Some(instruction.op.name()),
                    timestamp_writes: stopwatch
                        .and_then(|stopwatch| stopwatch.writes(step, start == first, part.end == end)),
                });
                for number in part.clone() {
                    let [x, y, z] = self.recording.dispatches[number].groups;
                    pass.set_pipeline(&self.pipelines[number]);
                    pass.set_bind_group(0, &groups[number], &[]);
                    pass.dispatch_workgroups(x, y, z);
                }
                drop(pass);
                recorded += part.len();
                if recorded >= most {
                    let submitted = self.device.queue.submit([encoder.finish()]);
                    if let Some(stop) = stop {
                        if let Some(before) = before.replace(submitted) {
                            self.device.wait_for(before)?;
                        }
                        if stop() {
                            return Err(RunError::Stopped);
                        }
                    }
                    encoder = self.encoder();
                    recorded = 0;
                }
            }
            first = end;
        }
        self.device.queue.submit([encoder.finish()]);
        Ok(())
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// The buffer of an update's new value holds the old value's content before the op runs.
    fn copy_updates(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        instruction: &Instruction,
        store: &GpuStore,
    ) -> Result<(), RunError> {
        for &(old, new) in &instruction.updates {
            if self.plan.location(old) == self.plan.location(new) {
                continue;
            }
            let (from, to) = (self.layout.array(&self.plan.program, old), self.layout.array(&self.plan.program, new));
            // A state is one buffer, a slot may be several: copy piece by piece of the finer of the two.
            let rows = from.segment_rows.min(to.segment_rows);
            for first in (0..to.shape.dim(0)).step_by(rows.max(1)) {
                let words = rows.min(to.shape.dim(0) - first) * to.row_words();
                let (source, _) = self.segment(old, first / from.segment_rows, store)?;
                let (target, _) = self.segment(new, first / to.segment_rows, store)?;
                let offset =
                    |array: &crate::layout::Array| 4 * ((first % array.segment_rows) * array.row_words()) as u64;
                encoder.copy_buffer_to_buffer(&source, offset(&from), &target, offset(&to), 4 * words as u64);
            }
        }
        Ok(())
    }

    /// What a run hands back, in one copy: the faults' words, then the outputs, each a list of segments.
    fn read_back(&self, store: &GpuStore) -> Result<Outputs, RunError> {
        let mut parts = vec![(self.faults.clone(), 0, self.plan.schedule.len() as u64)];
        let outputs = &self.plan.program.outputs;
        for &(_, id) in outputs {
            for at in 0..self.layout.array(&self.plan.program, id).segments() {
                let (buffer, words) = self.segment(id, at, store)?;
                parts.push((buffer, 0, words));
            }
        }
        let words = self.device.download(&parts)?;
        let (faults, mut rest) = words.split_at(self.plan.schedule.len());
        self.check_faults(faults)?;
        let mut read = Outputs::new();
        for (name, id) in outputs {
            let value = self.plan.program.info(*id);
            let (own, after) = rest.split_at(value.dtype.words(value.shape.elements()));
            read.insert(name.clone(), HostTensor::from_words(value.shape, value.dtype, own.to_vec()));
            rest = after;
        }
        Ok(read)
    }
}

/// Our own store.
fn own(store: &mut dyn Store) -> Result<&mut GpuStore, BackendError> {
    let foreign = || BackendError::Device("the store belongs to another backend".to_owned());
    store.as_any_mut().downcast_mut::<GpuStore>().ok_or_else(foreign)
}

impl Prepared for GpuPrepared {
    fn run(&mut self, store: &mut dyn Store, inputs: &Inputs) -> Result<Outputs, RunError> {
        self.run_on(own(store)?, inputs, None, None)
    }

    fn run_until(&mut self, store: &mut dyn Store, inputs: &Inputs, stop: &StopWish<'_>) -> Result<Outputs, RunError> {
        if stop() {
            return Err(RunError::Stopped);
        }
        self.run_on(own(store)?, inputs, None, Some(stop))
    }

    fn run_timed(&mut self, store: &mut dyn Store, inputs: &Inputs) -> Result<(Outputs, Vec<f64>), RunError> {
        let store = own(store)?;
        let Some(stopwatch) = Stopwatch::new(&self.device, self.plan.schedule.len())? else {
            return self.run_on(store, inputs, None, None).map(|outputs| (outputs, Vec::new()));
        };
        let outputs = self.run_on(store, inputs, Some(&stopwatch), None)?;
        let mut times = stopwatch.seconds(&self.device)?;
        // An instruction without dispatches has no pass, and nobody wrote its timestamps.
        let mut first = 0;
        for (time, &end) in times.iter_mut().zip(&self.recording.ends) {
            if end == first {
                *time = 0.0;
            }
            first = end;
        }
        Ok((outputs, times))
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl GpuPrepared {
    fn run_on(
        &mut self,
        store: &mut GpuStore,
        inputs: &Inputs,
        stopwatch: Option<&Stopwatch>,
        stop: Option<&StopWish<'_>>,
    ) -> Result<Outputs, RunError> {
        self.check_states(store)?;
        self.device.check()?;
        indices::check(&self.plan, inputs)?;
        self.bind(store)?;
        if self.checks == Checks::Poison {
            self.poison()?;
        }
        self.device.guarded(&|| "inputs".to_owned(), || self.upload(inputs))??;
        self.device.guarded(&|| "a run".to_owned(), || self.submit(store, stopwatch, stop))??;
        let outputs = self.read_back(store)?;
        if self.checks == Checks::Poison {
            self.check_guards()?;
        }
        if let Some(counts) = &self.counts {
            counting::check(&self.device, counts, &self.recording.dispatches)?;
        }
        Ok(outputs)
    }
}

/// What a slot is for, for messages: its largest value.
fn slot_name(plan: &Plan, slot: usize) -> String {
    let values = plan.locations.iter().enumerate().filter(|(_, location)| **location == Location::Slot(slot));
    let values = values.map(|(number, _)| plan.program.info(ValueId(number as u32)));
    let largest = values.max_by_key(|value| value.shape.elements());
    largest.map_or_else(|| format!("slot {slot}"), |value| format!("{} {}", value.name, value.shape))
}

/// Words of each slot's segments: of each, the most that one of its values needs.
fn slot_words(plan: &Plan, layout: Layout) -> Vec<Vec<u64>> {
    let mut slots = vec![Vec::new(); plan.slots.len()];
    for (number, location) in plan.locations.iter().enumerate() {
        let Location::Slot(slot) = *location else { continue };
        let array = layout.array(&plan.program, ValueId(number as u32));
        let words: &mut Vec<u64> = &mut slots[slot];
        words.resize(words.len().max(array.segments()), 0);
        for (segment, most) in words.iter_mut().enumerate().take(array.segments()) {
            *most = (*most).max(array.segment_words(segment) as u64);
        }
    }
    slots
}

/// Every dispatch's parameters, each at its stride.
fn upload_parameters(device: &Device, dispatches: &[Dispatch]) -> Result<wgpu::Buffer, BackendError> {
    let mut bytes = vec![0; (dispatches.len() * PARAMETER_STRIDE).max(PARAMETER_STRIDE)];
    for (number, dispatch) in dispatches.iter().enumerate() {
        bytes[number * PARAMETER_STRIDE..][..dispatch.parameters.len()].copy_from_slice(&dispatch.parameters);
    }
    device.uniform(&bytes)
}
