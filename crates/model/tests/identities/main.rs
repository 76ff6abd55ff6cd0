//! The identities that a whole model must keep, bit for bit on the CPU, and what holds without any backend. The same on every GPU is in
//! `on_gpu.rs`. Attention alone is tested in `cpu` and `conformance`.

mod decoding;
mod fixture;
mod gradients;
mod hardness;
#[macro_use]
mod list;
mod machine;
mod memory;
mod packing;
mod reversible;

/// Each identity a test of its name.
macro_rules! tests {
    ($($file:ident::$name:ident),* $(,)?) => {
        mod on_the_cpu {
            $(#[test]
            fn $name() {
                crate::$file::$name(&|threads| Box::new(reformer_cpu::Cpu::new(threads)));
            })*
        }
    };
}

identities!(tests);
