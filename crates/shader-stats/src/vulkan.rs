//! Raw Vulkan: opens the one device of this process and compiles kernels on it for their statistics. Nothing is ever
//! submitted. What the device is, the environment decided before (`architecture`).
#![allow(unsafe_code)]

use crate::figures::{self, Figures, MissingStatistic};
use ash::{ext, khr, vk};
use reformer_shaders::Entry;
use std::ffi::{CStr, CString, NulError};
use thiserror::Error;

/// Why a device or a kernel on it is not to be had.
#[derive(Debug, Error)]
pub enum VulkanError {
    /// There is no loader.
    #[error("the Vulkan loader can't be loaded: {0}")]
    Loader(#[from] ash::LoadingError),
    /// A call failed.
    #[error("{call}: {result}")]
    Call {
        /// What was called.
        call: &'static str,
        /// What it said.
        result: vk::Result,
    },
    /// Not the device that was asked for.
    #[error("asked for `{family}`, Vulkan has: {}", if .found.is_empty() { "no device".to_owned() } else { .found.join(", ") })]
    Device {
        /// What was asked for.
        family: String,
        /// What is there.
        found: Vec<String>,
    },
    /// The device shows no statistics.
    #[error("`{device}` has no VK_KHR_pipeline_executable_properties")]
    NoStatistics {
        /// The device.
        device: String,
    },
    /// A kernel is not one executable.
    #[error("the driver made {count} executables of a kernel, expected 1")]
    Executables {
        /// How many.
        count: usize,
    },
    /// A name that C can't hold.
    #[error("the entry point's name: {0}")]
    Name(#[from] NulError),
    /// A statistic is not there.
    #[error(transparent)]
    Statistic(#[from] MissingStatistic),
}

type Result<T> = std::result::Result<T, VulkanError>;

/// Names a failed call.
fn called<T>(call: &'static str, result: ash::prelude::VkResult<T>) -> Result<T> {
    result.map_err(|result| VulkanError::Call { call, result })
}

/// An open device, which need not exist.
pub struct Compiler {
    /// `AMD Radeon … (RADV NAVI31)`.
    pub device_name: String,
    /// `radv Mesa 25.0.7`.
    pub driver: String,
    statistics: khr::pipeline_executable_properties::Device,
    // In the order in which they are dropped.
    device: Device,
    _instance: Instance,
}

impl Compiler {
    /// Opens the device of the family that the environment names.
    ///
    /// # Errors
    /// If there is no loader or no such device, or it refuses.
    pub fn open(family: &str) -> Result<Self> {
        let instance = Instance::create()?;
        let (physical, device_name, driver) = instance.find(family)?;
        let device = instance.open(physical, &device_name)?;
        let statistics = khr::pipeline_executable_properties::Device::new(&instance.instance, &device.device);
        Ok(Self { device_name, driver, statistics, device, _instance: instance })
    }

    /// The figures of an entry point, from its SPIR-V.
    ///
    /// # Errors
    /// If the driver refuses it or tells less than is needed.
    pub fn compile(&self, entry: &Entry, words: &[u32]) -> Result<Figures> {
        let device = &self.device.device;
        let mut made = Made::new(device);
        let uniform = (entry.parameters > 0).then_some((0, vk::DescriptorType::UNIFORM_BUFFER));
        let buffers = entry.bindings.iter().map(|binding| (binding.number, vk::DescriptorType::STORAGE_BUFFER));
        let bindings: Vec<vk::DescriptorSetLayoutBinding<'_>> = uniform
            .into_iter()
            .chain(buffers)
            .map(|(number, kind)| {
                let binding = vk::DescriptorSetLayoutBinding::default().binding(number).descriptor_type(kind);
                binding.descriptor_count(1).stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        let set_info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        // SAFETY: the device is open, and the description borrows what outlives the call.
        made.set =
            called("vkCreateDescriptorSetLayout", unsafe { device.create_descriptor_set_layout(&set_info, None) })?;
        let sets = [made.set];
        let layout_info = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
        // SAFETY: the device is open and `set` is its own.
        made.layout = called("vkCreatePipelineLayout", unsafe { device.create_pipeline_layout(&layout_info, None) })?;
        let module_info = vk::ShaderModuleCreateInfo::default().code(words);
        // SAFETY: the device is open; the words are naga's, of a module that it validated.
        made.module = called("vkCreateShaderModule", unsafe { device.create_shader_module(&module_info, None) })?;
        let name = CString::new(entry.name)?;
        let stage = vk::PipelineShaderStageCreateInfo::default();
        let stage = stage.stage(vk::ShaderStageFlags::COMPUTE).module(made.module).name(&name);
        let pipeline_info = vk::ComputePipelineCreateInfo::default()
            .flags(vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR)
            .stage(stage)
            .layout(made.layout);
        // SAFETY: module and layout are the device's own and live; the layout has every binding of the entry point, by
        // reflection; the feature that statistics need is on.
        let pipelines = unsafe { device.create_compute_pipelines(vk::PipelineCache::null(), &[pipeline_info], None) };
        let call = "vkCreateComputePipelines";
        let pipelines = pipelines.map_err(|(_, result)| VulkanError::Call { call, result })?;
        made.pipeline = pipelines[0];
        self.figures(made.pipeline)
    }

    fn figures(&self, pipeline: vk::Pipeline) -> Result<Figures> {
        let pipeline_info = vk::PipelineInfoKHR::default().pipeline(pipeline);
        // SAFETY: the pipeline is the device's own and lives until the caller is done.
        let executables = unsafe { self.statistics.get_pipeline_executable_properties(&pipeline_info) };
        let executables = called("vkGetPipelineExecutablePropertiesKHR", executables)?;
        let [executable] = &executables[..] else { return Err(VulkanError::Executables { count: executables.len() }) };
        let wave = executable.subgroup_size;
        let executable_info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(0);
        // SAFETY: the pipeline lives, was made to capture statistics, and has one executable.
        let statistics = unsafe { self.statistics.get_pipeline_executable_statistics(&executable_info) };
        let statistics = called("vkGetPipelineExecutableStatisticsKHR", statistics)?;
        let known = statistics.iter().filter(|s| s.format == vk::PipelineExecutableStatisticFormatKHR::UINT64);
        // SAFETY: the format says that this member of the union was written.
        let known = known.map(|statistic| (text(&statistic.name), unsafe { statistic.value.u64 }));
        Ok(figures::figures(wave, &known.collect::<Vec<_>>())?)
    }
}

/// The library and an instance.
struct Instance {
    instance: ash::Instance,
    // The library must outlive what was loaded from it.
    _entry: ash::Entry,
}

impl Instance {
    fn create() -> Result<Self> {
        // SAFETY: a Vulkan loader keeps Vulkan's contract, and its initialisers need nothing of ours.
        let entry = unsafe { ash::Entry::load()? };
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let info = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: the description borrows what outlives the call.
        let instance = called("vkCreateInstance", unsafe { entry.create_instance(&info, None) })?;
        Ok(Self { instance, _entry: entry })
    }

    /// The device whose name holds the family's, its name, and its driver.
    fn find(&self, family: &str) -> Result<(vk::PhysicalDevice, String, String)> {
        // SAFETY: the instance lives.
        let physicals = called("vkEnumeratePhysicalDevices", unsafe { self.instance.enumerate_physical_devices() })?;
        let mut found = Vec::new();
        for physical in physicals {
            let mut driver = vk::PhysicalDeviceDriverProperties::default();
            let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
            // SAFETY: the device is the instance's own; the chain is well formed, and every device of 1.3 knows its driver.
            unsafe { self.instance.get_physical_device_properties2(physical, &mut properties) };
            let name = text(&properties.properties.device_name);
            if driver.driver_id == vk::DriverId::MESA_RADV && name.to_lowercase().contains(&family.to_lowercase()) {
                let driver = format!("{} {}", text(&driver.driver_name), text(&driver.driver_info));
                return Ok((physical, name, driver));
            }
            found.push(name);
        }
        Err(VulkanError::Device { family: family.to_owned(), found })
    }

    /// Opens it with statistics, and with the robustness that wgpu turns on where it is to be had: it costs instructions.
    fn open(&self, physical: vk::PhysicalDevice, name: &str) -> Result<Device> {
        // SAFETY: the device is the instance's own.
        let extensions = unsafe { self.instance.enumerate_device_extension_properties(physical) };
        let extensions = called("vkEnumerateDeviceExtensionProperties", extensions)?;
        let has = |name: &CStr| extensions.iter().any(|extension| extension.extension_name_as_c_str() == Ok(name));
        if !has(khr::pipeline_executable_properties::NAME) {
            return Err(VulkanError::NoStatistics { device: name.to_owned() });
        }
        let mut enabled = vec![khr::pipeline_executable_properties::NAME.as_ptr()];
        let mut statistics =
            vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let mut robust = vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(true);
        let core = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
        let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
        let mut info = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_features(&core)
            .push_next(&mut statistics);
        if has(ext::robustness2::NAME) {
            enabled.push(ext::robustness2::NAME.as_ptr());
            info = info.push_next(&mut robust);
        }
        info = info.enabled_extension_names(&enabled);
        // SAFETY: every device has a queue family, every extension that is enabled is there, and the description borrows
        // what outlives the call. Features that are not there make the call fail.
        let device = called("vkCreateDevice", unsafe { self.instance.create_device(physical, &info, None) })?;
        Ok(Device { device })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: whoever holds an instance drops what was made from it first.
        unsafe { self.instance.destroy_instance(None) };
    }
}

/// A device that is destroyed with its owner.
struct Device {
    device: ash::Device,
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: nothing was submitted, and what a kernel needs is destroyed with the kernel.
        unsafe { self.device.destroy_device(None) };
    }
}

/// What a kernel was made of; null where it was not made.
struct Made<'a> {
    device: &'a ash::Device,
    set: vk::DescriptorSetLayout,
    layout: vk::PipelineLayout,
    module: vk::ShaderModule,
    pipeline: vk::Pipeline,
}

impl<'a> Made<'a> {
    fn new(device: &'a ash::Device) -> Self {
        Self {
            device,
            set: vk::DescriptorSetLayout::null(),
            layout: vk::PipelineLayout::null(),
            module: vk::ShaderModule::null(),
            pipeline: vk::Pipeline::null(),
        }
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        // SAFETY: all are the device's own or null, which is ignored, and none was ever used by a queue.
        unsafe {
            self.device.destroy_pipeline(self.pipeline, None);
            self.device.destroy_shader_module(self.module, None);
            self.device.destroy_pipeline_layout(self.layout, None);
            self.device.destroy_descriptor_set_layout(self.set, None);
        }
    }
}

/// A name from a fixed array; all of it if nothing ends it.
fn text(array: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = array.iter().map(|&c| c as u8).take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
