//! Memory by macOS: `getrusage`, and the kernel's counts of pages. Knows no other system.

use nix::sys::resource::{UsageWho, getrusage};
use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

/// macOS counts it in bytes, where other systems count kilobytes.
pub fn peak_rss_bytes() -> Option<u64> {
    u64::try_from(getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss()).ok()
}

pub fn resident_bytes() -> Option<u64> {
    let this = get_current_pid().ok()?;
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), false, what);
    system.process(this).map(|process| process.memory())
}

/// What is not in use. "Available" memory would not do: macOS counts pages that other programs use as available, since it
/// could compress them.
pub fn free_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    // Nothing in all means that the kernel did not answer.
    let total = Some(system.total_memory()).filter(|&total| total > 0)?;
    Some(total.saturating_sub(system.used_memory()))
}
