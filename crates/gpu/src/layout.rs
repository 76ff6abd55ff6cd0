//! How tensors lie in buffers: a matrix over a device's limits is a list of row segments. No device is needed to lay out.

use reformer_tensor::op::ROW_BLOCK;
use reformer_tensor::{BackendError, DType, Program, Shape, ValueId, ValueKind};

/// What a device can bind, allocate and launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceLimits {
    /// Bytes of one storage binding.
    pub binding_bytes: u64,
    /// Bytes of one buffer.
    pub buffer_bytes: u64,
    /// Workgroups in one dimension of a dispatch.
    pub workgroups: u32,
    /// Iterations of loops that an invocation takes in a launch, where a launch can be cut: some milliseconds. A system's watchdog stops
    /// longer ones, and llvmpipe before Mesa 23 ends all loops of an invocation after 65,535 iterations in all, silently.
    pub iterations: u64,
}

impl DeviceLimits {
    /// WebGPU's defaults: what every adapter has.
    pub const WEBGPU: DeviceLimits =
        DeviceLimits { binding_bytes: 128 << 20, buffer_bytes: 256 << 20, workgroups: 65_535, iterations: 1 << 15 };

    fn bytes(&self) -> u64 {
        self.binding_bytes.min(self.buffer_bytes)
    }
}

/// How a program's tensors lie in buffers. Matrices of a run are cut at the same rows, so that ops by row need one segment
/// of each operand; everything else is one buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The limits that it was made for.
    pub limits: DeviceLimits,
    /// Rows of a segment.
    pub segment_rows: usize,
}

/// A tensor and how it is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Array {
    /// The value.
    pub id: ValueId,
    /// Its dimensions.
    pub shape: Shape,
    /// Its element type.
    pub dtype: DType,
    /// Rows of a segment; all rows if it is not cut.
    pub segment_rows: usize,
}

impl Array {
    /// Elements of a row (of dimension 0): its words, but for halves.
    pub fn row_words(&self) -> usize {
        self.shape.elements() / self.shape.dim(0).max(1)
    }

    /// The number of segments.
    pub fn segments(&self) -> usize {
        self.shape.dim(0).div_ceil(self.segment_rows).max(1)
    }

    /// Words of a segment.
    pub fn segment_words(&self, segment: usize) -> usize {
        let rows = self.segment_rows.min(self.shape.dim(0) - (segment * self.segment_rows).min(self.shape.dim(0)));
        self.dtype.words(rows * self.row_words())
    }
}

impl Layout {
    /// The layout of a program's tensors within limits.
    ///
    /// # Errors
    /// If a tensor can't be cut so that it fits; it is named.
    pub fn new(program: &Program, limits: DeviceLimits) -> Result<Self, BackendError> {
        let mut layout = Self { limits, segment_rows: usize::MAX };
        for value in &program.values {
            let row_bytes = 4 * value.shape.dim(1) as u64;
            if is_cut(value.kind, value.shape, value.dtype) && value.shape.dim(0) as u64 * row_bytes > limits.bytes() {
                // Sums over rows go by blocks: a cut between two of them changes no bit.
                let rows = limits.bytes() / row_bytes / ROW_BLOCK as u64 * ROW_BLOCK as u64;
                layout.segment_rows = layout.segment_rows.min(rows as usize);
            }
        }
        for (number, value) in program.values.iter().enumerate() {
            let array = layout.array(program, ValueId(number as u32));
            let bytes = 4 * if layout.segment_rows == 0 { usize::MAX / 8 } else { array.segment_words(0) } as u64;
            if bytes > limits.bytes() {
                return Err(BackendError::Device(format!(
                    "`{}` is {}, {} bytes, and can't be cut into the {} bytes that the device binds at once: choose fewer \
                     heads at a time (--memory-limit), a smaller vocabulary or a shorter --length",
                    value.name,
                    value.dtype.describe(value.shape),
                    value.bytes(),
                    limits.bytes()
                )));
            }
        }
        Ok(layout)
    }

    /// A value of the program.
    pub fn array(&self, program: &Program, id: ValueId) -> Array {
        let value = program.info(id);
        let rows = value.shape.dim(0).max(1);
        let segment_rows =
            if is_cut(value.kind, value.shape, value.dtype) { self.segment_rows.min(rows) } else { rows };
        Array { id, shape: value.shape, dtype: value.dtype, segment_rows }
    }
}

/// Matrices of a run are cut; states (parameters, caches) and cast weights never are, and the rest is small.
fn is_cut(kind: ValueKind, shape: Shape, dtype: DType) -> bool {
    shape.dims().len() == 2 && !matches!(kind, ValueKind::State(_)) && !dtype.is_half()
}
