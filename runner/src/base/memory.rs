//! How much memory this process may use: the limits of its control groups, and that of its address space.
//!
//! Whoever goes over the first is killed, and whoever meets the second is aborted, without a word about the reason. So what is
//! certain to need more is refused before.

use std::fs::read_to_string;
use std::path::Path;

/// Whether this many bytes more are certain to be over a limit. Where no limit can be read there is none.
#[must_use]
pub fn lacks(bytes: u64) -> bool {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let over = |limit: Option<u64>, used: &str| {
        limit.is_some_and(|limit| field(&status, used).saturating_add(bytes) > limit)
    };
    over(address_space(&read_to_string("/proc/self/limits").unwrap_or_default()), "VmSize:")
        || over(control_group(), "RssAnon:")
}

/// A line of /proc/self/status, in bytes.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib =
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The limit of the address space (`ulimit -v`) in /proc/self/limits.
fn address_space(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The lowest limit of the control groups that this process is in.
fn control_group() -> Option<u64> {
    let groups = read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(limit_of).min()
}

/// The lowest limit of a group, given by its line in /proc/self/cgroup, and of those above it. A container sees its own group
/// as the root, whatever its path says.
fn limit_of(line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (root, file) = match parts.next()? {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    let group = Path::new(parts.next()?.trim_start_matches('/'));
    let limit = |group: &Path| {
        let text = read_to_string(Path::new(root).join(group).join(file)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    group.ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_linux() {
        assert_eq!(field("Name:\tx\nVmSize:\t    2048 kB\nRssAnon:\t 12 kB\n", "VmSize:"), 2 << 20);
        assert_eq!(field("Name:\tx\n", "VmSize:"), 0);
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \nMax address space         1048576              unlimited            bytes     \n";
        assert_eq!(address_space(limits), Some(1 << 20));
        assert_eq!(address_space(&limits.replace("1048576", "unlimited")), None);
        assert_eq!(limit_of("9:name=systemd:/x"), None);
        assert!(!lacks(0));
    }
}
