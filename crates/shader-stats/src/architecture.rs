//! Which GPUs kernels are compiled for, and where the driver that can do it is. Opens no driver.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A GPU that the driver can compile for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Architecture {
    /// What the driver calls it.
    pub family: &'static str,
    /// What it stands for.
    pub meaning: &'static str,
}

/// The two that budgets are for: far apart, so that what suits both is likely to suit others.
pub const ARCHITECTURES: &[Architecture] = &[
    Architecture { family: "navi31", meaning: "RDNA 3 (Radeon RX 7900); a wave of 64 counts as two of 32" },
    Architecture { family: "vega10", meaning: "GCN 5 (Radeon RX Vega)" },
];

/// The driver is not there.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(
    "no {FILE_STEM}*.json in {}: install Mesa's Vulkan drivers (Debian: apt-get install mesa-vulkan-drivers; 25.0 or \
     later), no GPU is needed",
    .looked_in.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
)]
pub struct NoDriver {
    /// The folders.
    pub looked_in: Vec<PathBuf>,
}

/// How RADV's manifests begin; an architecture may follow (`radeon_icd.x86_64.json`).
const FILE_STEM: &str = "radeon_icd";

/// The folders where drivers announce themselves to the Vulkan loader.
pub fn manifest_folders() -> Vec<PathBuf> {
    let usual = ["/etc", "/usr/local/share", "/usr/share"].map(PathBuf::from);
    let named = std::env::var_os("XDG_DATA_DIRS").unwrap_or_default();
    let mut folders = Vec::new();
    for parent in std::env::split_paths(&named).filter(|path| path.is_absolute()).chain(usual) {
        let folder = parent.join("vulkan/icd.d");
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// RADV's manifest for this processor.
///
/// # Errors
/// If none of the folders has one.
pub fn find_manifest(folders: &[PathBuf]) -> Result<PathBuf, NoDriver> {
    let own = format!("{FILE_STEM}.{}.json", std::env::consts::ARCH);
    let found = folders.iter().flat_map(|folder| [folder.join(&own), folder.join(format!("{FILE_STEM}.json"))]);
    found.into_iter().find(|path| path.is_file()).ok_or_else(|| NoDriver { looked_in: folders.to_vec() })
}

/// What ends a family's name to ask for waves of 32, where the driver would choose 64 (`navi31:32`).
const WAVES_OF_32: &str = ":32";

/// The driver's name of a family, without what is asked for beside it.
pub fn driver_name(family: &str) -> &str {
    family.strip_suffix(WAVES_OF_32).unwrap_or(family)
}

/// What a process must find in its environment so that Vulkan has one device: `family`, by the driver of `manifest`.
pub fn environment<'a>(manifest: &'a Path, family: &'a str) -> Vec<(&'static str, &'a OsStr)> {
    let settings = if family.ends_with(WAVES_OF_32) { "cswave32" } else { "" };
    vec![
        // Older loaders know the first name, newer ones prefer the second.
        ("VK_ICD_FILENAMES", manifest.as_os_str()),
        ("VK_DRIVER_FILES", manifest.as_os_str()),
        ("RADV_FORCE_FAMILY", OsStr::new(driver_name(family))),
        // Settings of the user's would be measured, too.
        ("RADV_DEBUG", OsStr::new("")),
        ("RADV_PERFTEST", OsStr::new(settings)),
        ("VK_LOADER_LAYERS_DISABLE", OsStr::new("~all~")),
        ("NODEVICE_SELECT", OsStr::new("1")),
        // Compile each time, and leave nothing in the user's folder.
        ("MESA_SHADER_CACHE_DISABLE", OsStr::new("true")),
        ("MESA_VK_IGNORE_CONFORMANCE_WARNING", OsStr::new("true")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_manifest_of_this_processor_is_preferred_and_others_are_not_taken() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folders = [folder.path().join("missing"), folder.path().to_owned()];
        let write = |name: &str| fs::write(folder.path().join(name), "{}").expect("writable");
        write("radeon_icd.of_another_processor.json");
        write("lvp_icd.json");
        assert_eq!(find_manifest(&folders), Err(NoDriver { looked_in: folders.to_vec() }));
        write("radeon_icd.json");
        assert_eq!(find_manifest(&folders), Ok(folder.path().join("radeon_icd.json")));
        let own = format!("radeon_icd.{}.json", std::env::consts::ARCH);
        write(&own);
        assert_eq!(find_manifest(&folders), Ok(folder.path().join(own)));
    }

    #[test]
    fn a_missing_driver_says_where_it_was_sought_and_how_to_get_it() {
        let text = NoDriver { looked_in: vec!["/a/icd.d".into(), "/b/icd.d".into()] }.to_string();
        assert!(text.starts_with("no radeon_icd*.json in /a/icd.d, /b/icd.d: install "), "{text}");
    }
}
