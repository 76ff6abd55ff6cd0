//! From instructions to dispatches: what ops launch, on which buffers, with which parameters. No device: the list can be made,
//! counted and checked without one. Buffers are bound in `executor.rs`.

use crate::kernels::Kernels;
use crate::layout::{Array, Layout};
use crate::loops::{self, Loops};
use crate::ops;
use crate::product::ProductVariant;
use bytemuck::Pod;
use reformer_shaders::{Entry, entries};
use reformer_tensor::op::ROW_BLOCK;
use reformer_tensor::{BackendError, DType, Instruction, Program, ValueId};

/// `fraction_bits` of a stream in plain f32; the same number as in shaders/shared/stream.wgsl.
const PLAIN_STREAM: u32 = 255;
/// Invocations of a workgroup of element-wise kernels; the same number as in shaders/shared/indexing.wgsl.
pub(crate) const LANES: usize = 64;
/// Words of a tile of scratch: enough work for a dispatch, little memory.
const TILE_WORDS: usize = 8 << 20;

/// A buffer of a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// A segment of a value.
    Value(ValueId, usize),
    /// A piece of scratch, by number.
    Scratch(usize),
    /// A word an instruction: 0, or the bits of the worst share that its stream could not take.
    Faults,
}

/// One launch of a kernel.
#[derive(Clone, PartialEq, Debug)]
pub struct Dispatch {
    /// The kernel.
    pub entry: &'static Entry,
    /// Its chosen constants.
    pub constants: Vec<(&'static str, u32)>,
    /// The bytes of its `Parameters`.
    pub parameters: Vec<u8>,
    /// Its storage buffers, by binding from 1.
    pub buffers: Vec<Place>,
    /// Workgroups.
    pub groups: [u32; 3],
    /// Iterations of all loops that one of its invocations takes at most.
    pub iterations: u64,
}

/// What a program launches.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recording {
    /// The launches, in order.
    pub dispatches: Vec<Dispatch>,
    /// Where each instruction's launches end, in order of the schedule.
    pub ends: Vec<usize>,
    /// Words of each piece of scratch.
    pub scratch: Vec<usize>,
}

impl Recording {
    /// What the instructions of `schedule` launch.
    ///
    /// # Errors
    /// If an operand has no form that the device takes; it is named.
    pub fn new(
        program: &Program,
        schedule: &[usize],
        layout: Layout,
        kernels: Kernels,
        product: ProductVariant,
    ) -> Result<Recording, BackendError> {
        let mut names = Vec::new();
        let mut recording = Recording::default();
        for (step, &at) in schedule.iter().enumerate() {
            let instruction = &program.instructions[at];
            let mut recorder = Recorder {
                program,
                layout,
                kernels,
                product,
                step,
                instruction,
                names: &mut names,
                recording: &mut recording,
            };
            ops::record(&instruction.op, &mut recorder)?;
            let first = recording.ends.last().copied().unwrap_or(0);
            let scope = &program.scopes[instruction.scope];
            recording.dispatches[first..].iter().try_for_each(|dispatch| loops::check(dispatch, scope))?;
            recording.ends.push(recording.dispatches.len());
        }
        Ok(recording)
    }

    /// Bytes of all scratch.
    pub fn scratch_bytes(&self) -> u64 {
        self.scratch.iter().map(|&words| 4 * words as u64).sum()
    }
}

/// Records one instruction's launches.
pub(crate) struct Recorder<'a> {
    program: &'a Program,
    layout: Layout,
    pub kernels: Kernels,
    pub(crate) product: ProductVariant,
    step: usize,
    instruction: &'a Instruction,
    names: &'a mut Vec<&'static str>,
    recording: &'a mut Recording,
}

/// Consecutive rows of a run, all in one segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    /// The segment.
    pub segment: usize,
    /// The first row, counted over all segments.
    pub first: usize,
    /// The first row within the segment.
    pub in_segment: usize,
    /// How many.
    pub rows: usize,
}

/// A matrix in a buffer, by strides in elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Matrix {
    pub place: Place,
    /// Halves for weights alone: they are right operands.
    pub dtype: DType,
    pub first: usize,
    pub row: usize,
    pub column: usize,
}

impl Matrix {
    /// A row-major matrix of f32 from word `first` on.
    pub fn new(place: Place, first: usize, row: usize) -> Self {
        Self { place, dtype: DType::F32, first, row, column: 1 }
    }

    /// The same from row `row` and column `column` on.
    pub fn from(self, row: usize, column: usize) -> Self {
        Self { first: self.first + row * self.row + column * self.column, ..self }
    }

    /// The transposed matrix.
    pub fn transposed(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }
}

/// The size of a product: `[rows, terms]` times `[terms, columns]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ProductSize {
    pub rows: usize,
    pub columns: usize,
    pub terms: usize,
}

/// Products of one size: how many, and how many words lie from one operand to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Batch {
    pub count: usize,
    pub a: usize,
    pub b: usize,
    pub c: usize,
}

impl<'a> Recorder<'a> {
    /// Operand `index` of those that are read.
    pub fn read(&self, index: usize) -> Array {
        self.layout.array(self.program, self.instruction.reads[index])
    }

    /// Iterations that an invocation takes in a launch, where it can be cut.
    pub fn iterations(&self) -> u64 {
        self.layout.limits.iterations
    }

    /// How many operands are read.
    pub fn reads(&self) -> usize {
        self.instruction.reads.len()
    }

    /// Operand `index` of those that are updated: its new value, which holds the old one's content before the op runs.
    pub fn update(&self, index: usize) -> Array {
        self.layout.array(self.program, self.instruction.updates[index].1)
    }

    /// Fresh result `index`.
    pub fn write(&self, index: usize) -> Array {
        self.layout.array(self.program, self.instruction.writes[index])
    }

    /// The place of the fault word's index in `Parameters`, for kernels that check shares.
    pub fn fault_index(&self) -> u32 {
        self.step as u32
    }

    /// A piece of scratch of at least `words` words. Its content lasts until another op asks for the same name.
    pub fn scratch(&mut self, name: &'static str, words: usize) -> Place {
        let number = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.recording.scratch.push(0);
            self.names.len() - 1
        });
        let size = &mut self.recording.scratch[number];
        *size = (*size).max(words.max(1));
        Place::Scratch(number)
    }

    /// Windows of at most a tile of rows over a run's `rows`. `columns` is the widest tile that will be in scratch.
    pub fn windows(&self, rows: usize, columns: usize) -> Vec<Window> {
        let words = TILE_WORDS.min((self.layout.limits.binding_bytes / 4) as usize);
        // Some kernels have a workgroup a row, in one dimension; some walk all rows, with one more iteration a block.
        let walked = self.iterations() as usize / (ROW_BLOCK + 1) * ROW_BLOCK;
        let most = (words / columns.max(1)).min(self.layout.limits.workgroups as usize).min(walked);
        let most = (most / ROW_BLOCK * ROW_BLOCK).max(ROW_BLOCK);
        let segment_rows = self.layout.segment_rows.min(rows);
        let mut windows = Vec::new();
        for (segment, start) in (0..rows).step_by(segment_rows.max(1)).enumerate() {
            let end = (start + segment_rows).min(rows);
            for first in (start..end).step_by(most) {
                windows.push(Window { segment, first, in_segment: first - start, rows: most.min(end - first) });
            }
        }
        windows
    }

    /// The whole of an array that is not cut.
    ///
    /// # Errors
    /// If it is.
    pub fn whole(&self, array: Array) -> Result<Place, BackendError> {
        if array.segments() > 1 {
            let name = &self.program.info(array.id).name;
            let op = self.instruction.op.name();
            return Err(BackendError::Device(format!(
                "{op} in {}: `{name}` {} is larger than the {} bytes that the device binds at once, and this op needs it whole",
                self.program.scopes[self.instruction.scope], array.shape, self.layout.limits.binding_bytes
            )));
        }
        Ok(Place::Value(array.id, 0))
    }

    /// The rows of `window` of a matrix with a run's rows: its buffer, and the first row there.
    pub fn rows_of(&self, array: Array, window: Window) -> (Place, usize) {
        if array.segments() > 1 {
            (Place::Value(array.id, window.segment), window.in_segment)
        } else {
            (Place::Value(array.id, 0), window.first)
        }
    }

    /// The rows of `window` as a matrix.
    pub fn matrix_of(&self, array: Array, window: Window) -> Matrix {
        let (place, row) = self.rows_of(array, window);
        Matrix::new(place, row * array.row_words(), array.row_words())
    }

    /// A parameter matrix.
    ///
    /// # Errors
    /// If it is cut.
    pub fn matrix(&self, array: Array) -> Result<Matrix, BackendError> {
        Ok(Matrix { dtype: array.dtype, ..Matrix::new(self.whole(array)?, 0, array.row_words()) })
    }

    /// Launches `entry` in workgroups of the number `groups`.
    pub fn dispatch<P: Pod + Loops>(
        &mut self,
        entry: &'static Entry,
        parameters: P,
        buffers: &[Place],
        groups: [u32; 3],
    ) {
        self.dispatch_with(entry, &[], parameters, buffers, groups);
    }

    /// The same with chosen constants.
    pub fn dispatch_with<P: Pod + Loops>(
        &mut self,
        entry: &'static Entry,
        constants: &[(&'static str, u32)],
        parameters: P,
        buffers: &[Place],
        groups: [u32; 3],
    ) {
        debug_assert_eq!(buffers.len(), entry.bindings.len(), "{}: {}", entry.file, entry.name);
        debug_assert_eq!(std::mem::size_of::<P>() as u32, entry.parameters, "{}: {}", entry.file, entry.name);
        self.recording.dispatches.push(Dispatch {
            entry,
            constants: constants.to_vec(),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            buffers: buffers.to_vec(),
            groups,
            iterations: parameters.iterations(entry, constants),
        });
    }

    /// Launches an element-wise kernel that finds its element by `linear` (shaders/shared/indexing.wgsl).
    pub fn dispatch_elements<P: Pod + Loops>(
        &mut self,
        entry: &'static Entry,
        parameters: P,
        buffers: &[Place],
        elements: usize,
    ) {
        let groups = self.element_groups(elements);
        self.dispatch(entry, parameters, buffers, groups);
    }

    /// Workgroups of [`LANES`] for this many elements, in as many rows as the device's limit asks for.
    pub fn element_groups(&self, elements: usize) -> [u32; 3] {
        self.workgroups(elements.div_ceil(LANES))
    }

    /// This many workgroups or a few more, in as many rows as the device's limit asks for.
    pub fn workgroups(&self, groups: usize) -> [u32; 3] {
        let groups = groups.max(1);
        let across = groups.min(self.layout.limits.workgroups as usize);
        [across as u32, groups.div_ceil(across) as u32, 1]
    }

    /// Launches a kernel of shaders/shared/moments.wgsl, which has a lane a row, for a window's rows: too few for a second dimension.
    pub fn dispatch_rows<P: Pod + Loops>(
        &mut self,
        entry: &'static Entry,
        parameters: P,
        buffers: &[Place],
        rows: usize,
    ) {
        let groups = [rows.div_ceil(LANES) as u32, 1, 1];
        self.dispatch_with(entry, &[self.kernels.staged()], parameters, buffers, groups);
    }

    /// Fills `words` words of a buffer.
    pub fn fill(&mut self, place: Place, first: usize, words: usize, word: u32) {
        let parameters = entries::fill::Parameters { first: first as u32, count: words as u32, word };
        self.dispatch_elements(&entries::fill::MAIN, parameters, &[place], words);
    }
}

/// A stream's `fraction_bits` for shaders.
pub(crate) fn fraction_bits(stream: DType) -> u32 {
    match stream {
        DType::Fixed { fraction_bits } => u32::from(fraction_bits),
        DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => PLAIN_STREAM,
    }
}

/// How a weight's elements are stored, for shaders; the same numbers as in shaders/shared/halves.wgsl.
pub(crate) fn stored(weight: DType) -> u32 {
    match weight {
        DType::F32 | DType::U32 | DType::Fixed { .. } => 0,
        DType::F16 => 1,
        DType::Bf16 => 2,
    }
}
