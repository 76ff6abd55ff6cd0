//! Every entry point translates to what drivers take: SPIR-V (Vulkan), MSL (Metal), HLSL (DX12). No driver is needed.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use reformer_shaders::{ALL, Entry, compose};

fn module(entry: &Entry) -> (Module, ModuleInfo) {
    let composed = compose(entry.file, &[]).expect("the build composed it");
    let module = naga::front::wgsl::parse_str(&composed.text).expect("the build parsed it");
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
    (module, info.expect("the build validated it"))
}

fn names(entry: &Entry) -> String {
    format!("{} {}", entry.file, entry.name)
}

#[test]
fn spir_v() {
    for entry in ALL {
        let (module, info) = module(entry);
        let pipeline = spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: entry.name.to_owned() };
        let words = spv::write_vec(&module, &info, &spv::Options::default(), Some(&pipeline));
        let words = words.unwrap_or_else(|error| panic!("{}: {error}", names(entry)));
        assert_eq!(words[0], 0x0723_0203, "{}: SPIR-V starts with its magic number", names(entry));
    }
}

#[test]
fn msl() {
    for entry in ALL {
        let (module, info) = module(entry);
        let options = msl::Options { fake_missing_bindings: true, ..msl::Options::default() };
        let pipeline = msl::PipelineOptions {
            entry_point: Some((ShaderStage::Compute, entry.name.to_owned())),
            ..msl::PipelineOptions::default()
        };
        let text = msl::write_string(&module, &info, &options, &pipeline);
        let (text, _) = text.unwrap_or_else(|error| panic!("{}: {error}", names(entry)));
        assert!(text.contains("kernel void"), "{}: no kernel in\n{text}", names(entry));
    }
}

#[test]
fn hlsl() {
    for entry in ALL {
        let (module, info) = module(entry);
        let options = hlsl::Options { fake_missing_bindings: true, ..hlsl::Options::default() };
        let pipeline = hlsl::PipelineOptions { entry_point: Some((ShaderStage::Compute, entry.name.to_owned())) };
        let mut text = String::new();
        let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None);
        written.unwrap_or_else(|error| panic!("{}: {error}", names(entry)));
        assert!(text.contains("numthreads"), "{}: no kernel in\n{text}", names(entry));
    }
}
