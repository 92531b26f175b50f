//! What a process uses, from proc(5).

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

impl Usage {
    /// Of the process with this id; zero if there is none.
    pub(crate) fn of(pid: u32) -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        Self {
            rss_bytes: resident_pages(&read("statm")).unwrap_or(0) * page_size() as u64,
            cpu_s: ticks(&read("stat")).unwrap_or(0) as f64 / clock_ticks_per_second() as f64,
        }
    }
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
        assert_eq!(Usage::of(0), Usage::default());
    }
}
