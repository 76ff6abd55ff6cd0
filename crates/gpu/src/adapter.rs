//! Which adapters there are, and which one is taken. Opening one is in `device.rs`.

use crate::instance::instance;
use reformer_tensor::BackendError;
use std::ffi::OsStr;
use std::fmt;

/// What kind of device an adapter is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdapterKind {
    /// A graphics card of its own.
    Discrete,
    /// A part of the processor.
    Integrated,
    /// A share of a device, in a virtual machine.
    Virtual,
    /// A driver that computes on the CPU (lavapipe, WARP).
    Software,
    /// The driver doesn't say.
    Other,
}

impl AdapterKind {
    fn of(kind: wgpu::DeviceType) -> Self {
        match kind {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
            wgpu::DeviceType::Other => AdapterKind::Other,
        }
    }

    /// The order in which hardware is preferred.
    fn rank(self) -> usize {
        match self {
            AdapterKind::Discrete => 0,
            AdapterKind::Integrated => 1,
            AdapterKind::Virtual => 2,
            AdapterKind::Other => 3,
            AdapterKind::Software => 4,
        }
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AdapterKind::Discrete => "discrete GPU",
            AdapterKind::Integrated => "integrated GPU",
            AdapterKind::Virtual => "virtual GPU",
            AdapterKind::Software => "software",
            AdapterKind::Other => "unknown kind",
        })
    }
}

/// An adapter, for people and for choosing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adapter {
    /// The driver's name for it.
    pub name: String,
    /// What it is.
    pub kind: AdapterKind,
    /// The interface: `Vulkan`, `Metal`, `Dx12`.
    pub interface: String,
    /// The driver and its version.
    pub driver: String,
    /// Bytes of one storage binding.
    pub binding_bytes: u64,
    /// Bytes of one buffer.
    pub buffer_bytes: u64,
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.kind, self.interface)
    }
}

/// Which adapter is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Choice {
    /// The best hardware; a software adapter only where there is nothing else.
    #[default]
    Best,
    /// Hardware, or none.
    Hardware,
    /// One whose name or kind contains this, whatever the case: `radeon`, `integrated`, `software`.
    Named(String),
    /// The one at this place of [`adapters`], counted from 0: names may be the same.
    Position(usize),
}

/// What to do where there is no adapter.
const ADVICE: &str = "install a Vulkan driver (Debian: `apt-get install mesa-vulkan-drivers`, which brings lavapipe for \
                      machines without a GPU, too), or use --backend cpu";

/// Variables that name Vulkan's drivers in place of those that are installed; the first that is set counts.
const DRIVER_VARIABLES: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/// What to do where there is no adapter.
pub fn advice() -> String {
    let set = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(|value| (variable, value));
    match DRIVER_VARIABLES.into_iter().find_map(set) {
        Some((variable, value)) => format!("{}; else {ADVICE}", of_variable(variable, &value)),
        None => ADVICE.to_owned(),
    }
}

/// Why the drivers that a variable names are none.
fn of_variable(variable: &str, value: &OsStr) -> String {
    let missing = std::env::split_paths(value).find(|path| std::fs::metadata(path).is_err());
    match missing {
        Some(path) => format!(
            "the environment variable {variable} names {}, which is not there, and drivers are looked for nowhere else: correct or \
             unset it",
            path.display()
        ),
        None => format!(
            "the environment variable {variable} is {}, no driver of which works here, and they are looked for nowhere else: \
             correct or unset it",
            value.display()
        ),
    }
}

/// All adapters, best first.
pub fn adapters() -> Vec<Adapter> {
    found().iter().map(describe).collect()
}

fn found() -> Vec<wgpu::Adapter> {
    let mut found = pollster::block_on(instance().enumerate_adapters(wgpu::Backends::all()));
    found.sort_by_key(|adapter| AdapterKind::of(adapter.get_info().device_type).rank());
    found
}

/// What is known of an adapter.
pub(crate) fn describe(adapter: &wgpu::Adapter) -> Adapter {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    Adapter {
        name: info.name,
        kind: AdapterKind::of(info.device_type),
        interface: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        binding_bytes: limits.max_storage_buffer_binding_size,
        buffer_bytes: limits.max_buffer_size,
    }
}

/// The adapter that is wanted.
///
/// # Errors
/// If there is none, with what to do.
pub(crate) fn choose(choice: &Choice) -> Result<wgpu::Adapter, BackendError> {
    let found = found();
    let names = || found.iter().map(|adapter| describe(adapter).to_string()).collect::<Vec<_>>().join("; ");
    if found.is_empty() {
        return Err(BackendError::Device(format!("this machine has no GPU adapter: {}", advice())));
    }
    let wanted = |(position, adapter): &(usize, &wgpu::Adapter)| {
        let Adapter { name, kind, .. } = describe(adapter);
        match choice {
            Choice::Best => true,
            Choice::Hardware => kind != AdapterKind::Software,
            Choice::Named(part) => {
                let part = part.to_lowercase();
                name.to_lowercase().contains(&part) || kind.to_string().to_lowercase().contains(&part)
            }
            Choice::Position(wanted) => position == wanted,
        }
    };
    let chosen = found.iter().enumerate().find(wanted).map(|(_, adapter)| adapter.clone());
    chosen.ok_or_else(|| {
        BackendError::Device(match choice {
            Choice::Named(part) => format!("no adapter's name or kind contains `{part}`; there are: {}", names()),
            Choice::Position(position) => {
                format!("there is no adapter {position}, counted from 0; there are: {}", names())
            }
            Choice::Best | Choice::Hardware => format!("this machine has no hardware GPU, only: {}", names()),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_leads_nowhere_is_named() {
        let folder = std::env::temp_dir();
        let there = folder.join("no driver.json");
        let list = std::env::join_paths([&folder, &there]).unwrap();
        let said = of_variable("VK_DRIVER_FILES", &list);
        assert!(
            said.contains("VK_DRIVER_FILES names") && said.contains("no driver.json, which is not there"),
            "{said}"
        );
        let said = of_variable("VK_ICD_FILENAMES", folder.as_os_str());
        assert!(said.contains("VK_ICD_FILENAMES is ") && said.contains("no driver of which works"), "{said}");
    }
}
