//! Running plain loops at a SIMD level. A kernel is generic over how it multiplies and adds; the compiler vectorises its loops
//! with the instructions of the level. No arithmetic of its own.

use crate::environment::Level;

/// How a level multiplies and adds.
pub(crate) trait Arithmetic: Copy {
    /// a·b + c.
    fn multiply_add(a: f32, b: f32, c: f32) -> f32;
}

/// One rounding: levels with FMA instructions. NEON, AVX2 and AVX-512 give the same bits.
#[derive(Clone, Copy)]
pub(crate) struct Fused;

/// Two roundings: machines where a fused operation would be a library call.
#[derive(Clone, Copy)]
pub(crate) struct Separate;

impl Arithmetic for Fused {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Arithmetic for Separate {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// A computation that can be compiled for every level. `run` must be `#[inline(always)]`, and so must all it calls, or the
/// loops are compiled for the lowest level.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;
    /// The computation.
    fn run<A: Arithmetic>(self) -> Self::Output;
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
struct AtLevel<K>(K);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl<K: Kernel> pulp::NullaryFnOnce for AtLevel<K> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.0.run::<Fused>()
    }
}

/// Runs a kernel at a level; a level that the machine doesn't have falls back to the next lower one.
pub(crate) fn run<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if level == Level::Avx512
            && let Some(simd) = pulp::x86::V4::try_new()
        {
            return simd.vectorize(AtLevel(kernel));
        }
        if level >= Level::Avx2
            && let Some(simd) = pulp::x86::V3::try_new()
        {
            return simd.vectorize(AtLevel(kernel));
        }
    }
    #[cfg(target_arch = "aarch64")]
    if level >= Level::Neon
        && let Some(simd) = pulp::aarch64::Neon::try_new()
    {
        return simd.vectorize(AtLevel(kernel));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = level;
    kernel.run::<Separate>()
}
