//! A backend that plans for a device of given limits and runs nothing: plans need no GPU.

use crate::backend::scratch_bytes;
use crate::kernels::Kernels;
use crate::layout::DeviceLimits;
use reformer_tensor::{Backend, BackendError, Checks, DType, HostTensor, Plan, Prepared, Program, Shape, Store};
use std::any::Any;

/// Plans for a device that need not be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planner {
    limits: DeviceLimits,
}

impl Planner {
    /// One for a device of these limits.
    pub fn new(limits: DeviceLimits) -> Self {
        Self { limits }
    }
}

/// What it says to everything but plans.
fn absent() -> BackendError {
    BackendError::Device("this backend only plans: it has no device".to_owned())
}

impl Backend for Planner {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn adapter(&self) -> String {
        if self.limits == DeviceLimits::WEBGPU {
            return "any adapter: WebGPU's default limits".to_owned();
        }
        format!("a device that binds {} bytes at once", self.limits.binding_bytes)
    }

    fn scratch_bytes(&self, program: &Program) -> u64 {
        scratch_bytes(program, self.limits, Kernels::Fast)
    }

    fn store(&self) -> Box<dyn Store> {
        Box::new(NoStore)
    }

    fn prepare(&self, _: Plan, _: Checks) -> Result<Box<dyn Prepared>, BackendError> {
        Err(absent())
    }
}

/// A store that keeps nothing.
struct NoStore;

impl Store for NoStore {
    fn declare(&mut self, _: &str, _: Shape, _: DType) -> Result<(), BackendError> {
        Err(absent())
    }

    fn write(&mut self, _: &str, _: &HostTensor) -> Result<(), BackendError> {
        Err(absent())
    }

    fn read(&self, _: &str) -> Result<HostTensor, BackendError> {
        Err(absent())
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn remove(&mut self, _: &str) {}

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
