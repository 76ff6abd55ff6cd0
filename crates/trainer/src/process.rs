//! What the system says of this process.

/// The most memory that this process ever had resident; none where the system doesn't tell (`VmHWM` of Linux).
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    // The line says `VmHWM:   1234 kB`.
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells() {
        let bytes = super::peak_rss_bytes().expect("Linux has VmHWM");
        assert!(bytes > 100 << 10, "{bytes} bytes are too few for a process");
    }
}
