//! The backend that callers open: a device, the limits and kernels it is planned for. Running is in `executor.rs`.

use crate::adapter::{Adapter, Choice};
use crate::device::Device;
use crate::executor::GpuPrepared;
use crate::kernels::Kernels;
use crate::layout::{DeviceLimits, Layout};
use crate::product::ProductVariant;
use crate::recorder::Recording;
use crate::store::GpuStore;
use reformer_tensor::{Backend, BackendError, Checks, IMPOSSIBLE_BYTES, Plan, Prepared, Program, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The GPU backend; clones share the device.
#[derive(Clone)]
pub struct Gpu {
    pub(crate) device: Arc<Device>,
    pub(crate) limits: DeviceLimits,
    pub(crate) kernels: Kernels,
    pub(crate) product: ProductVariant,
}

impl Gpu {
    /// A backend on the adapter that is wanted, with the kernels that are fast there.
    ///
    /// # Errors
    /// If there is no such adapter, or it refuses.
    pub fn new(choice: &Choice) -> Result<Self, BackendError> {
        Ok(Self::on(Device::open(choice)?))
    }

    pub(crate) fn on(device: Device) -> Self {
        let (limits, kind) = (device.limits, device.adapter.kind);
        let (kernels, product) = (Kernels::usual(kind), ProductVariant::usual(kind));
        Self { device: Arc::new(device), limits, kernels, product }
    }

    /// The same device, planned for as if it had no more than `limits`.
    pub fn with_limits(self, limits: DeviceLimits) -> Self {
        let limits = DeviceLimits {
            binding_bytes: limits.binding_bytes.min(self.limits.binding_bytes),
            buffer_bytes: limits.buffer_bytes.min(self.limits.buffer_bytes),
            workgroups: limits.workgroups.min(self.limits.workgroups),
            iterations: limits.iterations.min(self.limits.iterations),
        };
        Self { limits, ..self }
    }

    /// The same device with other kernels.
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        Self { kernels, ..self }
    }

    /// Gives the device back to the system, as a driver does that loses it. What is prepared then fails with an error.
    pub fn close(&self) {
        self.device.device.destroy();
    }

    /// What it runs on.
    pub fn described(&self) -> &Adapter {
        &self.device.adapter
    }
}

/// Bytes of scratch of a program's kernels on a device of these limits; [`IMPOSSIBLE_BYTES`] where it can't run there.
pub fn scratch_bytes(program: &Program, limits: DeviceLimits, kernels: Kernels) -> u64 {
    // Which variant of the product runs makes no difference to scratch.
    let product = ProductVariant::Simple;
    let all: Vec<usize> = (0..program.instructions.len()).collect();
    Layout::new(program, limits)
        .and_then(|layout| Recording::new(program, &all, layout, kernels, product))
        .map_or(IMPOSSIBLE_BYTES, |recording| recording.scratch_bytes())
}

impl Backend for Gpu {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn adapter(&self) -> String {
        match self.kernels {
            Kernels::Naive => format!("{}, naive kernels", self.device.adapter),
            Kernels::Fast | Kernels::Software => format!("{}, product {}", self.device.adapter, self.product),
        }
    }

    fn scratch_bytes(&self, program: &Program) -> u64 {
        scratch_bytes(program, self.limits, self.kernels)
    }

    fn store(&self) -> Box<dyn Store> {
        Box::new(GpuStore { device: self.device.clone(), states: BTreeMap::new() })
    }

    fn prepare(&self, plan: Plan, checks: Checks) -> Result<Box<dyn Prepared>, BackendError> {
        Ok(Box::new(GpuPrepared::new(self, plan, checks)?))
    }
}
