//! When a log file is rotated, and how: `PATH` becomes `PATH.1`, what that was becomes `PATH.2`.

use crate::entry::Entry;
use jackfield_shared::config::{FileSink, Rotate};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// After a rotation that failed it is not tried again for so long.
const PAUSE: Duration = Duration::from_secs(60);

/// The rule, and when it may be applied again.
#[derive(Debug)]
pub(super) struct Rotation {
    max_size: u64,
    /// Seconds of a period; 0: the age does not matter.
    period: u64,
    keep: u16,
    not_before: Option<SystemTime>,
}

impl Rotation {
    /// As the configuration wants it.
    pub(super) fn new(sink: &FileSink) -> Self {
        let period = match sink.rotate {
            Rotate::Never => 0,
            Rotate::Hourly => 3600,
            Rotate::Daily => 86_400,
        };
        Self { max_size: sink.max_size, period, keep: sink.keep, not_before: None }
    }

    /// Whether a file of this size has no more room.
    pub(super) fn is_full(&self, size: u64) -> bool {
        self.max_size > 0 && size >= self.max_size && self.not_before.is_none()
    }

    /// Whether a file of this size, with records since then, is to be rotated.
    pub(super) fn is_due(&self, size: u64, since: SystemTime, now: SystemTime) -> bool {
        let full = self.max_size > 0 && size >= self.max_size;
        let old = size > 0 && self.period > 0 && self.number(since) != self.number(now);
        (full || old) && self.not_before.is_none_or(|time| now >= time || now + PAUSE < time)
    }

    /// Number of the period that a time is in.
    fn number(&self, time: SystemTime) -> u64 {
        time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / self.period.max(1))
    }

    /// Renames the files, the oldest first, so that at no time one of them is missing; removes those that are too
    /// many.
    pub(super) fn rotate(&mut self, path: &Path, now: SystemTime) -> io::Result<()> {
        let result = self.rename(path);
        self.not_before = result.is_err().then(|| now + PAUSE);
        result
    }

    fn rename(&self, path: &Path) -> io::Result<()> {
        let file = Entry::at(path)?;
        if self.keep == 0 {
            return file.remove();
        }
        let name = |number| moved(path, number).file_name().unwrap_or_default().to_owned();
        // Fewer may be wanted than before.
        for number in u32::from(self.keep) + 1.. {
            if file.beside(name(number))?.remove().is_err() {
                break;
            }
        }
        for number in (1..u32::from(self.keep)).rev() {
            match file.beside(name(number))?.rename(&name(number + 1)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        file.rename(&name(1))
    }
}

/// The name of a file that was rotated so many times.
pub(super) fn moved(path: &Path, times: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{times}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs;

    fn rotation(max_size: u64, rotate: Rotate, keep: u16) -> Rotation {
        Rotation::new(&FileSink { max_size, rotate, keep, ..FileSink::default() })
    }

    #[test]
    fn size_and_age_count_and_an_empty_file_stays() {
        let at = |s: u64| UNIX_EPOCH + Duration::from_secs(s);
        let by_size = rotation(100, Rotate::Never, 1);
        assert!(by_size.is_due(100, at(0), at(0)) && !by_size.is_due(99, at(0), at(1_000_000)));
        let daily = rotation(0, Rotate::Daily, 1);
        assert!(daily.is_due(1, at(86_399), at(86_400)));
        assert!(!daily.is_due(1, at(86_400), at(86_400 + 86_399)));
        assert!(!daily.is_due(0, at(0), at(86_400)) && !daily.is_due(1 << 40, at(0), at(1)));
        assert!(rotation(0, Rotate::Hourly, 1).is_due(1, at(3599), at(3600)));
    }

    #[test]
    fn so_many_are_kept_and_the_newest_has_the_lowest_number() {
        let temp = TempDir::new();
        let path = temp.path().join("x.log");
        let mut rule = rotation(1, Rotate::Never, 3);
        for n in 0..6 {
            fs::write(&path, n.to_string()).unwrap();
            rule.rotate(&path, SystemTime::now()).unwrap();
        }
        let texts =
            |count| (1..=count).map_while(|n| fs::read_to_string(moved(&path, n)).ok()).collect::<Vec<_>>();
        assert_eq!(texts(9), ["5", "4", "3"]);
        fs::write(&path, "6").unwrap();
        rotation(1, Rotate::Never, 1).rotate(&path, SystemTime::now()).unwrap();
        assert_eq!(texts(9), ["6"]);
        fs::write(&path, "7").unwrap();
        rotation(1, Rotate::Never, 0).rotate(&path, SystemTime::now()).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn after_a_failure_it_is_left_alone_for_a_while() {
        let temp = TempDir::new();
        let now = SystemTime::now();
        let mut rule = rotation(1, Rotate::Never, 3);
        assert!(rule.rotate(&temp.path().join("missing"), now).is_err());
        assert!(!rule.is_due(1, now, now) && !rule.is_full(5));
        assert!(rule.is_due(1, now, now + PAUSE));
    }
}
