//! Names of Unix sockets in the file system.

use crate::entry::{Entry, Pinned};
use crate::lock_file::{LockFile, PATIENCE};
use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

/// A socket's name in the file system, removed when this value is dropped, if it is still this socket's.
#[derive(Debug)]
pub(crate) struct Name {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// Whether it is ours to remove: not before an image that has taken over is sure to go on.
    is_kept: Cell<bool>,
}

impl Name {
    /// A name that was made by another image, with device and inode.
    pub(super) fn restore(path: &Path, (device, inode): (u64, u64)) -> Self {
        Self { path: path.into(), device, inode, is_kept: Cell::new(false) }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Device and inode.
    pub(super) fn file(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// From now on it is removed in the end.
    pub(super) fn keep(&self) {
        self.is_kept.set(true);
    }

    /// The one that is at this path.
    ///
    /// # Errors
    /// As lstat(2).
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::made(path, &Entry::at(path)?.pin()?))
    }

    /// The one that this process has just made there.
    pub(super) fn made(path: &Path, there: &Pinned) -> Self {
        let (device, inode) = there.identity();
        Self { path: path.into(), device, inode, is_kept: Cell::new(true) }
    }

    /// Whether it is still there.
    pub(super) fn is_there(&self) -> bool {
        Entry::at(&self.path).is_ok_and(|entry| entry.is(self.file()))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if !self.is_kept.get() {
            return;
        }
        let (path, file) = (self.path.clone(), self.file());
        match LockFile::try_take(&lock_path(&path)) {
            Ok(Some(lock)) => remove(&path, file, &lock),
            // Whoever holds it is waited for by somebody else.
            Ok(None) => {
                let remove_later = move || {
                    if let Ok(lock) = LockFile::take(&lock_path(&path), Instant::now() + PATIENCE) {
                        remove(&path, file, &lock);
                    }
                };
                let _ = thread::Builder::new().name("unlink".into()).spawn(remove_later);
            }
            Err(_) => {}
        }
    }
}

/// Removes a name if it is still that of this file: under the lock, so that nobody puts their own socket there between
/// the look and the removal.
fn remove(path: &Path, file: (u64, u64), _lock: &LockFile) {
    if let Ok(entry) = Entry::at(path)
        && entry.is(file)
    {
        // A name that stays is found dead by the next start.
        let _ = entry.remove();
    }
}

/// The lock under which the path is looked at and changed.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}
