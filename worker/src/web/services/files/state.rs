//! What a file was when it was opened, so that a change of it is seen.

use rustix::fs::Stat;
use std::time::{Duration, SystemTime};

/// How old the last change has to be: file systems count time in ticks, and of two changes within one tick the second
/// would not be seen.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one state of a file from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    file: (u64, u64),
    size: i64,
    written: (i64, i64),
    pub(super) changed: (i64, i64),
}

impl State {
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            file: (stat.st_dev, stat.st_ino),
            size: stat.st_size,
            written: (stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether the last change, by the clock of the inode, which nobody can set back, is long ago.
    pub(super) fn is_settled(&self) -> bool {
        let (seconds, _) = self.written.max(self.changed);
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0));
        SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED)
    }
}
