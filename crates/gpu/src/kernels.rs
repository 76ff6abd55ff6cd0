//! Which kernels an op launches where it has several. How each is launched is in `ops/`; variants of the product are in `product.rs`.

use crate::adapter::AdapterKind;

/// Which of an op's kernels run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kernels {
    /// The simple ones, which the fast ones are compared with.
    Naive,
    /// The fast ones.
    #[default]
    Fast,
    /// Those that are fast on a software adapter, where lanes that share workgroup memory only wait for one another. The same bits as
    /// `Fast`.
    Software,
}

impl Kernels {
    /// What is fast on devices of this kind.
    pub fn usual(kind: AdapterKind) -> Self {
        match kind {
            AdapterKind::Software => Kernels::Software,
            AdapterKind::Discrete | AdapterKind::Integrated | AdapterKind::Virtual | AdapterKind::Other => {
                Kernels::Fast
            }
        }
    }

    /// Whether lanes of a workgroup load their rows together (`STAGED` of shaders/shared/moments.wgsl).
    pub(crate) fn staged(self) -> (&'static str, u32) {
        ("STAGED", u32::from(self == Kernels::Fast))
    }
}
