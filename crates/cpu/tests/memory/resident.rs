//! What Linux says of this process's memory: resident now, resident at most, touched. Elsewhere it says nothing.

use std::fs;

/// What `/proc/self/clear_refs` takes: forget which pages were touched; forget how much was resident at most.
const FORGET_TOUCHED: &str = "1";
const FORGET_MOST: &str = "5";

/// Whether the high-water mark and the marks of touched pages can be reset here.
pub fn is_measured() -> bool {
    forget() && now() > 0 && touched() > 0
}

/// Counts anew from here on; whether that was possible.
pub fn forget() -> bool {
    [FORGET_TOUCHED, FORGET_MOST].iter().all(|what| fs::write("/proc/self/clear_refs", what).is_ok())
}

/// Bytes that are resident.
pub fn now() -> u64 {
    field("/proc/self/status", "VmRSS:")
}

/// The most bytes that were resident at once.
pub fn most() -> u64 {
    field("/proc/self/status", "VmHWM:")
}

/// Bytes of pages that were read or written.
pub fn touched() -> u64 {
    field("/proc/self/smaps_rollup", "Referenced:")
}

/// A line `name  123 kB` of a file, in bytes; 0 where there is none.
fn field(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = value.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
