//! The compute shaders and what is known of them: every entry point with its bindings, workgroup size and parameters, all by
//! reflection. The build composes and validates each at WebGPU's default limits. Needs no GPU and no wgpu.
//!
//! One file an op (`layer_norm_gradient.wgsl`), or a kernel that several ops launch (`product.wgsl`); `shared/` holds functions.
//! Every file declares at most one uniform, `parameters` at binding 0; storage buffers follow from binding 1 without a gap.
//!
//! ```
//! use reformer_shaders::{compose, entries};
//!
//! let entry = &entries::fill::MAIN;
//! assert_eq!(entry.bindings.len(), 1, "one storage buffer beside the parameters");
//! let text = compose(entry.file, &[]).unwrap().text;
//! assert!(text.contains("@compute"));
//! ```

mod compose;
mod counted;

pub use compose::{Choice, ComposeError, Composed};
pub use counted::{COUNTER, compose_counted};

/// An entry point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The file: `product.wgsl`.
    pub file: &'static str,
    /// The function.
    pub name: &'static str,
    /// Invocations of a workgroup, with the constants as they stand in the file.
    pub workgroup: [u32; 3],
    /// Storage buffers, by binding from 1.
    pub bindings: &'static [Binding],
    /// Bytes of `Parameters`; 0 if it uses none.
    pub parameters: u32,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
}

/// A storage buffer of an entry point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding {
    /// Its variable.
    pub name: &'static str,
    /// Its number in group 0.
    pub number: u32,
    /// Whether the shader writes to it.
    pub writes: bool,
}

/// Every file's text, by name relative to the crate: `product.wgsl`, `shared/stream.wgsl`.
pub const SOURCES: &[(&str, &str)] = generated::SOURCES;

/// Every entry point.
pub const ALL: &[&Entry] = generated::ALL;

/// Entry points and parameters, a module a file.
pub use generated::entries;

#[allow(missing_docs)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/entries.rs"));
}

/// The text of `file` with these constants.
///
/// # Errors
/// An unknown file or constant.
pub fn compose(file: &str, constants: &[(&str, u32)]) -> Result<Composed, ComposeError> {
    let source = |name: &str| SOURCES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    compose::compose(file, &source, constants)
}
