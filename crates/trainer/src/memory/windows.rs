//! Memory by Windows: the working set, which is what Windows calls resident memory. Knows no other system.

use winsafe::{GlobalMemoryStatusEx, HPROCESS};

pub fn peak_rss_bytes() -> Option<u64> {
    Some(HPROCESS::GetCurrentProcess().GetProcessMemoryInfo().ok()?.PeakWorkingSetSize as u64)
}

pub fn resident_bytes() -> Option<u64> {
    Some(HPROCESS::GetCurrentProcess().GetProcessMemoryInfo().ok()?.WorkingSetSize as u64)
}

/// Physical memory that is free or only holds what is on disk too. A job object's limit is not counted: Windows' own
/// containers report it as the machine's memory.
pub fn free_bytes() -> Option<u64> {
    Some(GlobalMemoryStatusEx().ok()?.ullAvailPhys)
}
