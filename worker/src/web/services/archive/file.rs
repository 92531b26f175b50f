//! The archive's file: opened once, known by its fingerprint, looked after in case that another takes its place.

use aws_lc_rs::digest::{Context, SHA256};
use rustix::fs::{Stat, fstat, stat};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How old the last change of another file has to be: it may just be written.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    inode: (u64, u64),
    size: i64,
    written: (i64, i64),
}

impl Identity {
    fn of(stat: &Stat) -> Self {
        Self {
            inode: (stat.st_dev, stat.st_ino),
            size: stat.st_size,
            written: (stat.st_mtime, stat.st_mtime_nsec as i64),
        }
    }

    pub(super) fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self::of(&fstat(file)?))
    }

    /// When it was written.
    pub(super) fn modified(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.written.0.try_into().unwrap_or(0))
    }
}

/// Whether another file than `known` is at the path, and is complete as far as can be told. One that is gone is not
/// replaced: what is open is still served.
pub(super) fn is_replaced(path: &Path, known: Option<Identity>) -> bool {
    let Ok(now) = stat(path) else { return false };
    let now = Identity::of(&now);
    let age = SystemTime::now().duration_since(now.modified());
    Some(now) != known && age.is_ok_and(|age| age > SETTLED)
}

/// The SHA-256 fingerprint of a file, in hexadecimal.
pub(super) fn fingerprint(mut file: &File) -> io::Result<String> {
    let mut context = Context::new(&SHA256);
    let mut bytes = vec![0; 1 << 20];
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => context.update(&bytes[..count]),
        }
    }
}
