//! The directory that is served.

use crate::log::Throttle;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A directory by its path, and as it was at first.
///
/// A confined process may read the directory that was there when it was confined, and no other that a deployment
/// puts in its place. Until a process that may has taken over, what was there before is served.
#[derive(Debug)]
pub(in crate::web) struct Root {
    path: PathBuf,
    first: Option<OwnedFd>,
    out_of_reach: AtomicBool,
}

impl Root {
    pub(in crate::web) fn new(path: PathBuf) -> Self {
        let first = open(&path, ResolveFlags::empty()).ok();
        Self { path, first, out_of_reach: AtomicBool::new(false) }
    }

    pub(in crate::web) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory, opened anew: another may have taken its place.
    pub(super) fn open(&self, how: ResolveFlags) -> Result<OwnedFd, Errno> {
        open(&self.path, how)
    }

    /// The directory that was there at first, if in `now` nothing may be read and it is another one.
    pub(super) fn before(&self, now: &OwnedFd) -> Option<&OwnedFd> {
        let first = self.first.as_ref()?;
        let id = |fd| fstat(fd).map(|stat| (stat.st_dev, stat.st_ino));
        if id(first) == id(now) {
            return None;
        }
        self.out_of_reach.store(true, Ordering::Relaxed);
        Some(first)
    }

    /// Why this process had better be replaced, said as often as `throttle` lets it: it was confined to a directory that
    /// is not served any longer, which was found since the last call.
    pub(in crate::web) fn outdated(&self, throttle: &Throttle) -> Option<String> {
        let found =
            self.out_of_reach.load(Ordering::Relaxed) && self.out_of_reach.swap(false, Ordering::Relaxed);
        let now = found && throttle.pass().is_some();
        now.then(|| format!("{} is another directory than the one it may read", self.path.display()))
    }
}

fn open(path: &Path, how: ResolveFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat2(CWD, path, flags, Mode::empty(), how) {
        // Kernels before 5.6, and sandboxes that don't know the call.
        Err(Errno::NOSYS | Errno::PERM) => openat(CWD, path, flags, Mode::empty()),
        result => result,
    }
}
