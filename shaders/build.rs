//! Composes and validates every shader at WebGPU's default limits, and writes `entries.rs`: what reflection says of each.
//! A mistake stops the build at its line of the source.

#[path = "src/compose.rs"]
mod compose;

use compose::Composed;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, StorageAccess, TypeInner};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// WebGPU's default limits (https://www.w3.org/TR/webgpu/#limits): what every adapter has.
const STORAGE_BUFFERS: usize = 8;
const WORKGROUP_BYTES: u32 = 16 << 10;
const INVOCATIONS: u32 = 256;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=.");
    let mut sources = Vec::new();
    for folder in ["", "shared/"] {
        let mut names: Vec<String> = std::fs::read_dir(Path::new(".").join(folder))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_, std::io::Error>>()?;
        names.retain(|name| name.ends_with(".wgsl"));
        names.sort();
        for name in names {
            let path = format!("{folder}{name}");
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
            sources.push((path, text));
        }
    }
    let source = |name: &str| sources.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
    let (mut modules, mut all) = (String::new(), String::new());
    for (file, _) in sources.iter().filter(|(file, _)| !file.contains('/')) {
        let composed = compose::compose(file, &source, &[])?;
        let (module, info) = validate(&composed)?;
        for choice in &composed.choices {
            for &value in &choice.values[1..] {
                let variant = compose::compose(file, &source, &[(&choice.name, value)])?;
                let checked = validate(&variant).and_then(|(module, info)| describe(file, &module, &info).map(|_| ()));
                checked.map_err(|error| format!("{error}\n  with {} = {value}", choice.name))?;
            }
        }
        let (text, names) = describe(file, &module, &info)?;
        modules.push_str(&text);
        for name in names {
            writeln!(all, "    &entries::{name},")?;
        }
    }
    let mut out = String::from("pub const SOURCES: &[(&str, &str)] = &[\n");
    for (path, _) in &sources {
        let full = std::env::current_dir()?.join(path);
        writeln!(out, "    ({path:?}, include_str!({:?})),", full.to_string_lossy())?;
    }
    write!(out, "];\n\npub const ALL: &[&crate::Entry] = &[\n{all}];\n\npub mod entries {{\n{modules}}}\n")?;
    let target = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&target).join("entries.rs"), out)?;
    Ok(())
}

fn validate(composed: &Composed) -> Result<(Module, ModuleInfo), String> {
    let place = |line: u32| {
        let (file, line) = composed.origins.get((line as usize).saturating_sub(1)).cloned().unwrap_or_default();
        format!("shaders/{file}:{line}")
    };
    let module = naga::front::wgsl::parse_str(&composed.text).map_err(|error| {
        let at = error.location(&composed.text).map_or_else(String::new, |at| place(at.line_number));
        format!("{at}: {}\n{}", error.message(), error.emit_to_string(&composed.text))
    })?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).map_err(|error| {
        let at = error.location(&composed.text).map_or_else(String::new, |at| place(at.line_number));
        format!("{at}: {}", error.emit_to_string(&composed.text))
    })?;
    Ok((module, info))
}

/// The Rust module of a file, and the paths of its entries.
fn describe(file: &str, module: &Module, info: &ModuleInfo) -> Result<(String, Vec<String>), String> {
    let stem = file.trim_end_matches(".wgsl");
    let mut text = format!("    pub mod {stem} {{\n");
    let mut names = Vec::new();
    let parameters = module.global_variables.iter().find(|(_, variable)| variable.space == AddressSpace::Uniform);
    let size = parameters.map_or(0, |(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()));
    if let Some((_, variable)) = parameters {
        if variable.name.as_deref() != Some("parameters") || variable.binding.is_none_or(|b| b.binding != 0) {
            return Err(format!("shaders/{file}: a uniform must be `parameters` at binding 0"));
        }
        text.push_str(&parameters_struct(file, module, variable.ty)?);
    }
    for (index, entry) in module.entry_points.iter().enumerate() {
        let usage = info.get_entry_point(index);
        let (mut bindings, mut bytes, mut uses_parameters) = (Vec::new(), 0, false);
        for (handle, variable) in module.global_variables.iter() {
            if usage[handle].is_empty() {
                continue;
            }
            match variable.space {
                AddressSpace::Storage { access } => {
                    let binding =
                        variable.binding.ok_or_else(|| format!("shaders/{file}: a buffer without binding"))?;
                    let name = variable.name.clone().unwrap_or_default();
                    bindings.push((binding.binding, name, access.contains(StorageAccess::STORE)));
                }
                AddressSpace::WorkGroup => bytes += module.types[variable.ty].inner.size(module.to_ctx()),
                AddressSpace::Uniform => uses_parameters = true,
                _ => {}
            }
        }
        bindings.sort();
        let place = format!("shaders/{file}: `{}`", entry.name);
        if bindings.iter().enumerate().any(|(at, (number, ..))| *number as usize != at + 1) {
            let list: Vec<u32> = bindings.iter().map(|(number, ..)| *number).collect();
            return Err(format!("{place}: the storage bindings it uses are {list:?}, expected 1, 2, … without a gap"));
        }
        if bindings.len() > STORAGE_BUFFERS {
            return Err(format!(
                "{place}: {} storage buffers, WebGPU's default limit is {STORAGE_BUFFERS}",
                bindings.len()
            ));
        }
        if bytes > WORKGROUP_BYTES {
            return Err(format!("{place}: {bytes} bytes of workgroup memory, the limit is {WORKGROUP_BYTES}"));
        }
        let invocations: u32 = entry.workgroup_size.iter().product();
        if invocations > INVOCATIONS {
            return Err(format!("{place}: {invocations} invocations a workgroup, the limit is {INVOCATIONS}"));
        }
        let upper = entry.name.to_uppercase();
        let list: String = bindings
            .iter()
            .map(|(number, name, writes)| {
                format!("crate::Binding {{ name: {name:?}, number: {number}, writes: {writes} }}, ")
            })
            .collect();
        let parameters = if uses_parameters { size } else { 0 };
        writeln!(
            text,
            "        pub const {upper}: crate::Entry = crate::Entry {{ file: {file:?}, name: {:?}, workgroup: {:?}, \
             bindings: &[{list}], parameters: {parameters}, workgroup_bytes: {bytes} }};",
            entry.name, entry.workgroup_size
        )
        .map_err(|error| error.to_string())?;
        names.push(format!("{stem}::{upper}"));
    }
    text.push_str("    }\n");
    Ok((text, names))
}

/// The Rust twin of `Parameters`: scalars of four bytes, each at naga's offset, which the compiler checks.
fn parameters_struct(file: &str, module: &Module, ty: naga::Handle<naga::Type>) -> Result<String, String> {
    let TypeInner::Struct { members, span } = &module.types[ty].inner else {
        return Err(format!("shaders/{file}: `parameters` must be a struct"));
    };
    let mut text = String::from(
        "        #[repr(C)]\n        #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]\n        \
         pub struct Parameters {\n",
    );
    let mut checks = String::new();
    for member in members {
        let name = member.name.clone().unwrap_or_default();
        let kind = match module.types[member.ty].inner {
            TypeInner::Scalar(naga::Scalar::U32) => "u32",
            TypeInner::Scalar(naga::Scalar::I32) => "i32",
            TypeInner::Scalar(naga::Scalar::F32) => "f32",
            _ => return Err(format!("shaders/{file}: parameter `{name}` is no u32, i32 or f32")),
        };
        text += &format!("            pub {name}: {kind},\n");
        checks += &format!(
            "        const _: () = assert!(std::mem::offset_of!(Parameters, {name}) == {}, \"offset of {name} in {file}\");\n",
            member.offset
        );
    }
    text += &format!("        }}\n{checks}");
    text += &format!("        const _: () = assert!(std::mem::size_of::<Parameters>() == {span});\n");
    Ok(text)
}
