//! From a launch to SPIR-V, as wgpu translates it where the GPU backend asks it to leave out all checks. Knows no driver.

use crate::launches::Launch;
use naga::ShaderStage;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use thiserror::Error;

/// Why a launch has no SPIR-V.
#[derive(Debug, Error)]
pub enum TranslateError {
    /// Its text can't be composed.
    #[error("{launch}: {error}")]
    Compose {
        /// The launch.
        launch: String,
        /// Why.
        error: reformer_shaders::ComposeError,
    },
    /// naga refuses it.
    #[error("{launch}: {step}: {message}")]
    Naga {
        /// The launch.
        launch: String,
        /// Parsing, validating or writing.
        step: &'static str,
        /// What naga says.
        message: String,
    },
}

/// The SPIR-V of the entry point alone.
///
/// # Errors
/// If the launch's constants are not those of its file, or naga refuses the text.
pub fn to_spirv(launch: &Launch) -> Result<Vec<u32>, TranslateError> {
    write(launch, &options())
}

fn write(launch: &Launch, options: &spv::Options<'_>) -> Result<Vec<u32>, TranslateError> {
    let naga = |step, message: String| TranslateError::Naga { launch: launch.to_string(), step, message };
    let composed = reformer_shaders::compose(&launch.file, &launch.chosen())
        .map_err(|error| TranslateError::Compose { launch: launch.to_string(), error })?;
    let module = naga::front::wgsl::parse_str(&composed.text)
        .map_err(|error| naga("parsing", error.emit_to_string(&composed.text)))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|error| naga("validating", error.emit_to_string(&composed.text)))?;
    let pipeline = spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: launch.entry.clone() };
    spv::write_vec(&module, &info, options, Some(&pipeline)).map_err(|error| naga("writing", error.to_string()))
}

/// What wgpu's Vulkan backend sets for `ShaderRuntimeChecks::unchecked()` and `zero_initialize_workgroup_memory: false`.
/// Checks cost registers and branches, so figures of checked kernels would be those of other kernels.
fn options() -> spv::Options<'static> {
    spv::Options {
        // Of Vulkan 1.3.
        lang_version: (1, 6),
        flags: spv::WriterFlags::empty(),
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Unchecked,
            buffer: BoundsCheckPolicy::Unchecked,
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        emit_int_div_checks: false,
        // Without a map of bindings, their numbers stay as they are.
        fake_missing_bindings: true,
        ..spv::Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launches;
    use std::collections::BTreeMap;

    #[test]
    fn every_launch_translates() {
        for launch in launches::all().expect("the build composed them") {
            let words = to_spirv(&launch).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(words[..2], [0x0723_0203, 0x0001_0600], "{launch}: the magic number and version 1.6");
        }
    }

    #[test]
    fn each_check_would_be_seen_in_some_kernel() {
        type Set = fn(&mut spv::Options<'_>);
        let checks: [(&str, Set); 5] = [
            ("index", |options| options.bounds_check_policies.index = BoundsCheckPolicy::Restrict),
            ("buffer", |options| options.bounds_check_policies.buffer = BoundsCheckPolicy::Restrict),
            ("workgroup memory", |options| {
                options.zero_initialize_workgroup_memory = spv::ZeroInitializeWorkgroupMemoryMode::Polyfill;
            }),
            ("loops", |options| options.force_loop_bounding = true),
            ("division", |options| options.emit_int_div_checks = true),
        ];
        let launches: Vec<Launch> = launches::all().expect("the build composed them");
        for (name, set) in checks {
            let mut checked = options();
            set(&mut checked);
            let is_longer = |launch: &Launch| {
                let words = |options| write(launch, options).unwrap_or_else(|error| panic!("{error}")).len();
                words(&checked) > words(&options())
            };
            assert!(launches.iter().any(is_longer), "{name}: the check is on, or nothing has it");
        }
    }

    #[test]
    fn a_wrong_constant_is_named_with_its_launch() {
        let constants = BTreeMap::from([("WIDTH".to_owned(), 3)]);
        let launch = Launch { file: "fill.wgsl".into(), entry: "main".into(), constants };
        let error = to_spirv(&launch).expect_err("there is no such constant").to_string();
        assert!(error.starts_with("fill.wgsl main WIDTH=3: fill.wgsl: there is no constant `WIDTH`"), "{error}");
    }
}
