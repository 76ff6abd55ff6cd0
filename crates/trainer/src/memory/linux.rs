//! Memory by Linux: `/proc`. What bounds a process there is in `bounds.rs`. Knows no other system.

use super::bounds;
use std::fs;

/// `VmHWM`, the high-water mark of resident memory.
pub fn peak_rss_bytes() -> Option<u64> {
    of_this_process("VmHWM:")
}

pub fn resident_bytes() -> Option<u64> {
    of_this_process("VmRSS:")
}

/// What the system says, or what control groups and limits leave if that is less.
pub fn free_bytes() -> Option<u64> {
    let system = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes_of(&text, "MemAvailable:"));
    [system, bounds::narrowest().map(|bound| bound.left)].into_iter().flatten().min()
}

fn of_this_process(name: &str) -> Option<u64> {
    kilobytes_of(&fs::read_to_string("/proc/self/status").ok()?, name)
}

/// A line `name   123 kB` as bytes.
fn kilobytes_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_lines_are_read() {
        let text = "MemTotal:       16 kB\nMemAvailable:    8 kB\n";
        assert_eq!(kilobytes_of(text, "MemAvailable:"), Some(8192));
        assert_eq!(kilobytes_of(text, "MemFree:"), None);
        assert_eq!(kilobytes_of("MemAvailable: many", "MemAvailable:"), None);
    }
}
