//! What bounds the memory of this process beside the machine's own: control groups and resource limits, as Linux tells of them in
//! files. Elsewhere there are no such files and no such bounds.

use super::Bound;
use std::fs;
use std::path::{Path, PathBuf};

/// What a kind of control group calls its files.
struct Names {
    most: &'static str,
    used: &'static str,
    /// Fields of `memory.stat` that are part of what is used and given back as soon as it is wanted: what was read from files.
    cached: [&'static str; 2],
}

/// Control groups of today.
const UNIFIED: Names = Names { most: "memory.max", used: "memory.current", cached: ["inactive_file", "active_file"] };
/// Those before, still found on systems that started long ago.
const SEPARATE: Names = Names {
    most: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cached: ["total_inactive_file", "total_active_file"],
};

/// Resource limits, and which line of the process's status counts what they bound.
const LIMITS: [(&str, &str, &str); 2] = [
    ("Max address space", "VmSize:", "the limit of this process's addresses (`ulimit -v`)"),
    ("Max data size", "VmData:", "the limit of this process's data (`ulimit -d`)"),
];

/// What bounds the memory of this process and leaves least, if anything bounds it.
pub fn narrowest() -> Option<Bound> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let groups = narrowest_group(&read("/proc/self/cgroup"), Path::new("/sys/fs/cgroup"));
    let limits = narrowest_limit(&read("/proc/self/limits"), &read("/proc/self/status"));
    groups.into_iter().chain(limits).min_by_key(|bound| bound.left)
}

/// Which of the process's groups leaves least; `root` is where the system shows them. A group is bounded by those that it is in, too.
fn narrowest_group(own: &str, root: &Path) -> Option<Bound> {
    let mut least = None;
    for line in own.lines() {
        // `0::/user.slice/a.scope`, or of the kind before `4:memory:/docker/0123`.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (names, hierarchy) = match controllers {
            "" => (UNIFIED, root.to_owned()),
            _ if controllers.split(',').any(|name| name == "memory") => (SEPARATE, root.join("memory")),
            _ => continue,
        };
        // In a container the path may be that of the world around it, of which only the top is shown: the container's own group.
        let group = hierarchy.join(path.trim_start_matches('/'));
        let all = group.ancestors().take_while(|group| group.starts_with(&hierarchy));
        least = all.filter_map(|group| names.bound(group)).chain(least).min_by_key(|bound: &Bound| bound.left);
    }
    least
}

impl Names {
    fn bound(&self, group: &Path) -> Option<Bound> {
        let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let file = group.join(self.most);
        // Without a bound it says `max`, or a number beyond all memory.
        let what = format!("the limit of this container or control group ({})", file.display());
        let most = number(file)?;
        let used = number(group.join(self.used)).unwrap_or(0);
        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let cached: u64 = self.cached.iter().filter_map(|name| field(&stat, name)).sum();
        Some(Bound { what, most, left: most.saturating_sub(used.saturating_sub(cached)) })
    }
}

/// The number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut fields = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
    fields.find(|(found, _)| *found == name)?.1.split_whitespace().next()?.parse().ok()
}

/// Which of `ulimit -v` and `ulimit -d` leaves least.
fn narrowest_limit(limits: &str, status: &str) -> Option<Bound> {
    let bound = |(limit, counted, what): (&str, &str, &str)| {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let most: u64 = line.split_whitespace().next()?.parse().ok()?;
        let kilobytes = field(status, counted).unwrap_or(0);
        Some(Bound { what: what.to_owned(), most, left: most.saturating_sub(kilobytes.saturating_mul(1024)) })
    };
    LIMITS.into_iter().filter_map(bound).min_by_key(|bound| bound.left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_in_groups(own: &str, root: &Path) -> Option<u64> {
        narrowest_group(own, root).map(|bound| bound.left)
    }

    fn left_by_limits(limits: &str, status: &str) -> Option<u64> {
        narrowest_limit(limits, status).map(|bound| bound.left)
    }

    fn groups(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("has one")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        root
    }

    #[test]
    fn the_narrowest_group_counts_and_cached_files_do_not() {
        let root = groups(&[
            ("a/memory.max", "5000\n"),
            ("a/memory.current", "3000\n"),
            ("a/memory.stat", "anon 1700\ninactive_file 1000\nactive_file 300\n"),
            ("a/b/memory.max", "max\n"),
            ("a/b/c/memory.max", "9000\n"),
        ]);
        assert_eq!(left_in_groups("0::/a/b/c\n", root.path()), Some(3300));
        let bound = narrowest_group("0::/a/b/c\n", root.path()).unwrap();
        assert!(bound.most == 5000 && bound.what.contains("memory.max"), "{bound:?}");
        assert_eq!(left_in_groups("0::/\n", root.path()), None, "nothing bounds the top");
        assert_eq!(left_in_groups("", root.path()), None);
    }

    #[test]
    fn groups_of_the_kind_before_are_read_also_where_only_the_top_is_shown() {
        let root = groups(&[
            ("memory/memory.limit_in_bytes", "2000\n"),
            ("memory/memory.usage_in_bytes", "1500\n"),
            ("memory/memory.stat", "inactive_file 7\ntotal_inactive_file 500\ntotal_active_file 100\n"),
        ]);
        let own = "5:cpu,cpuacct:/x\n4:memory:/docker/0123\n0::/docker/0123\n";
        assert_eq!(left_in_groups(own, root.path()), Some(1100));
    }

    #[test]
    fn resource_limits_are_counted_against_what_they_bound() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max data size             8192000              unlimited            bytes     \n\
                      Max address space         4096000              unlimited            bytes     \n";
        assert_eq!(left_by_limits(limits, "VmSize:\t    1000 kB\nVmData:\t    100 kB\n"), Some(4_096_000 - 1_024_000));
        let bound = narrowest_limit(limits, "").unwrap();
        assert!(bound.most == 4_096_000 && bound.what.contains("`ulimit -v`"), "{bound:?}");
        assert_eq!(left_by_limits("Max address space  unlimited  unlimited  bytes\n", ""), None);
    }
}
