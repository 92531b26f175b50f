//! What a process uses, from proc(5).

use nix::sys::resource::{UsageWho, getrusage};
use rustix::param::{clock_ticks_per_second, page_size};
use std::fs;

/// Memory and processor time of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Processor time, user and system, in seconds.
    pub cpu_s: f64,
}

/// The most memory that any child had which was reaped: what it grows by is the last one's (getrusage(2)).
#[derive(Debug)]
pub(crate) struct Peaks(u64);

impl Peaks {
    /// Counts from now on. Children of whoever became this process by execve(2), a shell, cargo or the image before an
    /// upgrade, stay on its account: no process of ours is charged with them.
    pub(crate) fn begin() -> Self {
        Self(highest_peak().unwrap_or(0))
    }

    /// The peak of the child that was reaped last, in bytes, if it is the highest so far.
    pub(crate) fn of_last_reaped(&mut self) -> Option<u64> {
        let peak = highest_peak()?;
        (std::mem::replace(&mut self.0, peak) < peak).then_some(peak)
    }
}

/// The highest peak of all children that were reaped, in bytes.
fn highest_peak() -> Option<u64> {
    let children = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    Some(u64::try_from(children.max_rss()).ok()? * 1024)
}

impl Usage {
    /// The most resident memory, in bytes, that the process with this id has had; zero if there is none.
    pub(crate) fn peak_of(pid: u32) -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        peak_kib(&status).unwrap_or(0) * 1024
    }

    /// Of the process with this id; zero if there is none.
    pub(crate) fn of(pid: u32) -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        Self {
            rss_bytes: resident_pages(&read("statm")).unwrap_or(0) * page_size() as u64,
            cpu_s: ticks(&read("stat")).unwrap_or(0) as f64 / clock_ticks_per_second() as f64,
        }
    }
}

/// The line `VmHWM: N kB` of `status`.
fn peak_kib(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

/// The second field of `statm`.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split(' ').nth(1)?.parse().ok()
}

/// The sum of utime and stime, the fields 14 and 15 of `stat`. Field 2, the name, may hold blanks and
/// parentheses: counted is from its end.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 17 0 0 20 0 1 0 9 1 2";
        assert_eq!(ticks(stat), Some(267));
        assert_eq!(resident_pages("300 21 5 1 0 2 0\n"), Some(21));
        assert_eq!((ticks(""), resident_pages("")), (None, None));
    }

    #[test]
    fn this_process_uses_something_and_none_uses_nothing() {
        assert!(Usage::of(std::process::id()).rss_bytes > 0);
        assert!(Usage::peak_of(std::process::id()) > 0);
        assert_eq!(Usage::of(0), Usage::default());
    }

    #[test]
    fn children_that_were_reaped_before_are_nobodys() {
        let reap = |script| std::process::Command::new("sh").args(["-c", script]).status().unwrap();
        reap("true");
        let mut peaks = Peaks::begin();
        assert_eq!(peaks.of_last_reaped(), None);
        reap("x=$(head -c 40000000 /dev/zero | tr '\\0' a)");
        assert!(peaks.of_last_reaped().is_some_and(|peak| peak > 40_000_000));
        reap("true");
        assert_eq!(peaks.of_last_reaped(), None);
    }
}
