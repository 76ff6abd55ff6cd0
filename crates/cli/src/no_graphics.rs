//! In place of `graphics.rs` in a program that was built without its feature `gpu`.

use reformer_tensor::{Backend, BackendError};

/// An adapter, for a list.
pub struct Listed {
    pub adapter: String,
    pub remark: String,
}

/// No adapters.
pub fn list() -> Vec<Listed> {
    Vec::new()
}

/// Why the list is empty, and what to do.
pub fn why_none() -> String {
    NONE.to_owned()
}

const NONE: &str = "this program was built without GPU support; build it with `--features gpu`";

/// None.
pub fn hardware_name() -> Option<String> {
    None
}

/// None.
///
/// # Errors
/// Always.
pub fn hardware() -> Result<Box<dyn Backend>, BackendError> {
    Err(BackendError::Device(NONE.to_owned()))
}

/// None.
///
/// # Errors
/// Always.
pub fn best() -> Result<Box<dyn Backend>, BackendError> {
    hardware()
}

/// None.
///
/// # Errors
/// Always.
pub fn named(_: &str) -> Result<Box<dyn Backend>, BackendError> {
    hardware()
}

/// None.
///
/// # Errors
/// Always.
pub fn planner() -> Result<Box<dyn Backend>, BackendError> {
    hardware()
}
