//! Whether the kernel killed a process for lack of memory. No signal says so: counters do, before and after.

use std::fs;
use std::path::PathBuf;

/// Looks at the kernel's counter of such kills: that of the node's own cgroup (`memory.events`, cgroup v2),
/// else that of the whole system (`/proc/vmstat`).
#[derive(Debug)]
pub(crate) struct OomWatch {
    counter: Counter,
    seen: u64,
}

#[derive(Debug)]
enum Counter {
    Cgroup(PathBuf),
    System,
}

impl OomWatch {
    /// Begins to watch.
    pub(crate) fn new() -> Self {
        let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let events = group
            .lines()
            .find_map(|line| line.strip_prefix("0::/"))
            .map(|path| PathBuf::from("/sys/fs/cgroup").join(path).join("memory.events"));
        let counter = match events {
            Some(path) if path.exists() => Counter::Cgroup(path),
            _ => Counter::System,
        };
        let mut watch = Self { counter, seen: 0 };
        watch.has_killed();
        watch
    }

    /// Whether the kernel has killed a process for lack of memory since the last call.
    pub(crate) fn has_killed(&mut self) -> bool {
        let path = match &self.counter {
            Counter::Cgroup(path) => path.as_path(),
            Counter::System => "/proc/vmstat".as_ref(),
        };
        let Some(count) = fs::read_to_string(path).ok().and_then(|text| oom_kills(&text)) else {
            return false;
        };
        std::mem::replace(&mut self.seen, count) < count
    }
}

/// The value of the line `oom_kill N`, which both files have.
fn oom_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;

    #[test]
    fn a_counter_that_has_grown_means_a_kill() {
        let temp = TempDir::new();
        let path = temp.path().join("memory.events");
        let write = |kills: u64| {
            fs::write(&path, format!("low 0\nhigh 0\noom 9\noom_kill {kills}\noom_group_kill 7\n")).unwrap();
        };
        write(2);
        let mut watch = OomWatch { counter: Counter::Cgroup(path.clone()), seen: 2 };
        assert!(!watch.has_killed());
        write(3);
        assert!(watch.has_killed());
        assert!(!watch.has_killed());
        fs::remove_file(&path).unwrap();
        assert!(!watch.has_killed());
    }
}
