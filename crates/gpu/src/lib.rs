//! The GPU backend: plans run as compute dispatches on any adapter that wgpu drives. Kernels are in `shaders/`; this crate
//! holds launch geometry (`ops/`) and the engine: layout of tensors in buffers, pipelines, submissions.
//!
//! The way of a plan: `layout` cuts tensors that exceed the device's limits; `recorder` and `ops` list dispatches, without a
//! device; `executor` binds buffers and submits.

mod adapter;
mod backend;
mod cache;
mod checks;
mod chunks;
mod counting;
mod device;
mod executor;
mod indices;
mod instance;
mod kernels;
pub mod known;
mod layer_norm;
mod layout;
mod loops;
mod normed;
mod ops;
mod planning;
mod product;
mod products;
mod radix_sort;
mod recorder;
mod shares;
mod spans;
mod stopwatch;
mod store;
mod sums;
pub mod testing;

pub use adapter::{Adapter, AdapterKind, Choice, adapters, advice};
pub use backend::{Gpu, scratch_bytes};
pub use kernels::Kernels;
pub use layout::{Array, DeviceLimits, Layout};
pub use planning::Planner;
pub use product::ProductVariant;
pub use recorder::{Dispatch, Place, Recording};
