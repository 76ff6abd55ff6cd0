//! The identities that a whole model must keep, bit for bit on the CPU. Attention alone is tested in `cpu` and `conformance`.

mod decoding;
mod fixture;
mod gradients;
mod hardness;
mod machine;
mod packing;
mod reversible;
