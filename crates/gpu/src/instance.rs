//! The way to the machine's drivers: wgpu's instance, without anything of windows. Which adapters it finds is in `adapter.rs`.

/// An instance that finds every adapter.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub(crate) fn instance() -> wgpu::Instance {
    wgpu::Instance::default()
}

/// An instance that finds every adapter. Vulkan is the only interface here, and is asked for without the extensions of window
/// systems: with them, drivers look for a Wayland or X server that nobody needs, and where there is none, as on any server or in a
/// container, Mesa writes to standard error that XDG_RUNTIME_DIR is not set.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(crate) fn instance() -> wgpu::Instance {
    let descriptor = wgpu::hal::InstanceDescriptor {
        name: "reformer",
        flags: wgpu::InstanceFlags::default(),
        memory_budget_thresholds: wgpu::MemoryBudgetThresholds::default(),
        backend_options: wgpu::BackendOptions::default(),
        telemetry: None,
        display: None,
    };
    let without_windows: Box<wgpu::hal::vulkan::CreateInstanceCallback<'_>> =
        Box::new(|arguments| arguments.extensions.retain(|name| !OF_WINDOWS.contains(name)));
    // SAFETY: the callback adds nothing, so Vulkan is asked for nothing that it lacks. wgpu's documentation forbids to remove extensions,
    // because wgpu may use one without asking. wgpu-hal 30 uses these three only to make the surface of a window, and looks each up
    // in this list before it does; we make no surface. VK_KHR_surface itself stays, since opening a device needs it.
    #[allow(unsafe_code)]
    let vulkan = unsafe { wgpu::hal::vulkan::Instance::init_with_callback(&descriptor, Some(without_windows)) };
    match vulkan {
        // SAFETY: the instance has just been made, and nobody else holds it.
        #[allow(unsafe_code)]
        Ok(vulkan) => unsafe { wgpu::Instance::from_hal::<wgpu::hal::api::Vulkan>(vulkan) },
        // There is no Vulkan: an instance that asks for no interface finds no adapter.
        Err(_) => wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        }),
    }
}

/// Extensions of instances for windows of Unix' systems.
#[cfg(all(unix, not(target_vendor = "apple")))]
const OF_WINDOWS: [&std::ffi::CStr; 3] = [c"VK_KHR_wayland_surface", c"VK_KHR_xcb_surface", c"VK_KHR_xlib_surface"];
