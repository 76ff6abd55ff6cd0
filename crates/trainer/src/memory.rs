//! What the system says of memory: what this process takes and took at most, and what is free. Each system is asked in its
//! own way, in the file of its name; what to do with the answers is decided elsewhere.

// What one system calls by a name means something else on another: under wine, `/proc/self` is the process that opens files
// for all others. So each way is compiled for its own system alone.
#[cfg(target_os = "linux")]
mod bounds;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;
#[cfg(windows)]
use windows as system;

/// Other systems are not asked: nothing is known there.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod system {
    pub fn peak_rss_bytes() -> Option<u64> {
        None
    }

    pub fn resident_bytes() -> Option<u64> {
        None
    }

    pub fn free_bytes() -> Option<u64> {
        None
    }
}

/// What bounds the memory of this process beside what the machine has: beyond it memory is refused, or the process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bound {
    /// What it is and where it comes from, for people.
    pub what: String,
    /// Bytes that it allows.
    pub most: u64,
    /// Bytes of them that are not taken yet.
    pub left: u64,
}

/// Of all such bounds the one that leaves least; none where nothing bounds this process, or the system doesn't tell.
pub fn memory_bound() -> Option<Bound> {
    #[cfg(target_os = "linux")]
    return bounds::narrowest();
    #[cfg(not(target_os = "linux"))]
    None
}

/// The most bytes of memory that this process ever had resident; none where the system doesn't tell.
pub fn peak_rss_bytes() -> Option<u64> {
    system::peak_rss_bytes()
}

/// The bytes of memory that this process has resident now; none where the system doesn't tell.
pub fn resident_bytes() -> Option<u64> {
    system::resident_bytes()
}

/// The bytes of memory that can be taken without swapping; none where the system doesn't tell.
pub fn free_bytes() -> Option<u64> {
    system::free_bytes()
}

#[cfg(all(test, any(target_os = "linux", target_os = "macos", windows)))]
mod tests {
    use super::*;

    /// Far more than whatever else this test process holds.
    const TAKEN: u64 = 256 << 20;

    #[test]
    fn what_this_process_takes_is_seen() {
        let before = resident_bytes().expect("the system tells");
        assert!(before > 100 << 10, "{before} bytes are too few for a process");
        // Ones, because pages of zeros need not be there.
        let taken = vec![1u8; TAKEN as usize];
        let during = resident_bytes().expect("the system tells");
        let peak = peak_rss_bytes().expect("the system tells");
        assert!(during >= TAKEN, "{TAKEN} bytes are taken, but only {during} said to be resident");
        assert!(peak >= TAKEN, "{TAKEN} bytes are taken, but the most was said to be {peak}");
        // It is looked at once more, so that it is there until now.
        assert!(taken.iter().all(|&byte| byte == 1));
        drop(taken);
        let after = peak_rss_bytes().expect("the system tells");
        assert!(after >= TAKEN, "a peak never sinks, but this one is {after} now");
    }

    #[test]
    fn something_is_free() {
        let free = free_bytes().expect("the system tells");
        // No machine that builds this has less, and none has a pebibyte.
        assert!(free > 1 << 20 && free < 1 << 50, "{free} bytes are said to be free");
    }
}
