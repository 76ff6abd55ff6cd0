//! What a kernel may know of the machine: threads, SIMD level, which twin to run. Operands of an instruction as typed slices.

use crate::buffer::{View, ViewMut};
use std::fmt;

/// The SIMD level that kernels use; chosen at run time, forced in tests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Plain Rust without fused multiply-add. Runs everywhere; its bits differ from the others'.
    Portable,
    /// NEON, which every aarch64 machine has. The same bits as AVX2.
    Neon,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 (x86-64-v4). The same bits as AVX2.
    Avx512,
}

impl Level {
    /// The best level of this machine.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Level::Portable)
    }

    /// Every level of this machine, the best one last.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Level::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if pulp::x86::V3::try_new().is_some() {
                levels.push(Level::Avx2);
            }
            if pulp::x86::V4::try_new().is_some() {
                levels.push(Level::Avx512);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if pulp::aarch64::Neon::try_new().is_some() {
            levels.push(Level::Neon);
        }
        levels
    }

    /// Whether it multiplies and adds with one rounding. All levels that do give the same bits.
    pub fn is_fused(self) -> bool {
        self > Level::Portable
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Neon => "NEON",
            Level::Avx2 => "AVX2",
            Level::Avx512 => "AVX-512",
        }
    }
}

/// Which twin of each op runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kernels {
    /// The fast kernel.
    #[default]
    Fast,
    /// The straightforward one: what the fast one is tested against.
    Naive,
}

/// What a kernel may know of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Environment {
    /// Threads of the rayon pool that the kernel runs in. It must not change a bit.
    pub threads: usize,
    /// The SIMD level.
    pub level: Level,
    /// Which twin.
    pub kernels: Kernels,
}

/// More threads than this are not started: no machine has as many cores, and a typing error must not exhaust the system.
const MOST_THREADS: usize = 1024;

impl Environment {
    /// What a backend with `threads` threads has here (0: one a core): the best SIMD level, and fast kernels. Starts none of them.
    pub fn detect(threads: usize) -> Self {
        Self { threads, level: Level::detect(), kernels: Kernels::Fast }.resolved()
    }

    /// The same with the number of threads that there will be.
    pub(crate) fn resolved(self) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads: if self.threads == 0 { cores() } else { self.threads.min(MOST_THREADS) }, ..self }
    }
}

/// For people: `AVX-512, 2 threads`.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, level, kernels } = self;
        let naive = if *kernels == Kernels::Naive { ", naive kernels" } else { "" };
        write!(f, "{}, {threads} thread{}{naive}", level.name(), if *threads == 1 { "" } else { "s" })
    }
}

/// Why a kernel stopped. The executor adds the op and its scope.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Fault {
    /// A share of a stream is NaN or out of range.
    Range { value: f32, limit: f32 },
    /// An index points outside its table.
    Index { operand: &'static str, value: u32, at: usize, largest: u32 },
}

/// The operands of one instruction, in the order of its recording (see each op's documentation in `reformer_tensor::op`).
/// `updates` hold the old content; every element of `writes` must be written (it may hold NaN before).
pub(crate) struct Operands<'a> {
    pub reads: Vec<View<'a>>,
    pub updates: Vec<ViewMut<'a>>,
    pub writes: Vec<ViewMut<'a>>,
}
