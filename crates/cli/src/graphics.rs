//! The GPUs of this machine and backends on them. What is built without them is in `no_graphics.rs`; which is wanted, in
//! `machine.rs`.

use crate::folders;
use crate::output::note;
use crate::quantities::Bytes;
use reformer_gpu::{Adapter, AdapterKind, Choice, DeviceLimits, Gpu, Planner, adapters, advice};
use reformer_tensor::{Backend, BackendError};

/// An adapter, for a list.
pub struct Listed {
    /// `NVIDIA H100 (discrete GPU, Vulkan)`.
    pub adapter: String,
    /// Driver and sizes.
    pub remark: String,
}

/// All adapters; the best first.
pub fn list() -> Vec<Listed> {
    let listed = adapters().into_iter().map(|adapter| {
        let piece = Bytes(adapter.binding_bytes.min(adapter.buffer_bytes));
        Listed { adapter: adapter.to_string(), remark: format!("{}; up to {piece} in one piece", adapter.driver) }
    });
    listed.collect()
}

/// Why the list is empty, and what to do.
pub fn why_none() -> String {
    format!("no adapter here: {}", advice())
}

/// The name of the hardware GPU that [`hardware`] takes.
pub fn hardware_name() -> Option<String> {
    adapters().into_iter().find(|adapter| adapter.kind != AdapterKind::Software).map(|adapter| adapter.name)
}

/// The best hardware GPU.
///
/// # Errors
/// If there is none, or it can't be opened.
pub fn hardware() -> Result<Box<dyn Backend>, BackendError> {
    open(&Choice::Hardware)
}

/// What plans for any adapter; it runs nothing, and no GPU need be there.
///
/// # Errors
/// None: see `no_graphics.rs`.
pub fn planner() -> Result<Box<dyn Backend>, BackendError> {
    Ok(Box::new(Planner::new(DeviceLimits::WEBGPU)))
}

/// The best adapter: software where there is no hardware.
///
/// # Errors
/// If there is none, with what to install; or it can't be opened.
pub fn best() -> Result<Box<dyn Backend>, BackendError> {
    open(&Choice::Best)
}

/// The adapter whose name contains this.
///
/// # Errors
/// If there is none, with those that there are; or it can't be opened.
pub fn named(name: &str) -> Result<Box<dyn Backend>, BackendError> {
    open(&Choice::Named(name.to_owned()))
}

fn open(choice: &Choice) -> Result<Box<dyn Backend>, BackendError> {
    let gpu = Gpu::new(choice)?;
    // Compiled kernels and measured choices are kept between runs; without a place for them both are made again.
    let folder = folders::named(CACHE).or_else(folders::cache);
    let folder = folder.as_deref();
    let gpu = match folder {
        Some(folder) => gpu.cached(folder).tuned(folder)?,
        None => gpu,
    };
    let say = |adapter: &Adapter| {
        note(format_args!(
            "{adapter}: checking that it computes right; the first time with a driver this takes some seconds"
        ));
    };
    Ok(Box::new(gpu.checked(folder, say)?))
}

/// What says where caches are, in place of the platform's folder.
const CACHE: &str = "REFORMER_CACHE";
