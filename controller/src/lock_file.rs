//! A file whose lock (flock(2)) says that somebody is at work. The lock goes with its process, however that
//! ends; the file is removed by whoever holds the lock.

use crate::entry::{Entry, identity};
use rustix::fs::{OFlags, fstat};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a lock that is held briefly is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(1);

/// A lock that is held. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// One that this process has, whichever image has taken it.
    pub(crate) fn restore(file: File, path: &Path) -> Self {
        Self { file, path: path.into() }
    }

    /// Takes the lock, or returns `None` if somebody else holds it.
    ///
    /// # Errors
    /// When the file can't be made, opened or locked.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let entry = Entry::at(path)?;
        loop {
            let file = entry.open(OFlags::RDWR | OFlags::CREATE, 0o600)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &entry)? => return Ok(Some(Self { file, path: path.into() })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(e)) => return Err(e),
            }
        }
    }

    /// Takes the lock, after those who hold it. Blocks, but not for ever: in a directory that others may write to, anybody
    /// may hold it.
    ///
    /// # Errors
    /// As [`Self::try_take`], and when somebody holds it for too long.
    pub(crate) fn take(path: &Path, until: Instant) -> io::Result<Self> {
        loop {
            if let Some(taken) = Self::try_take(path)? {
                return Ok(taken);
            }
            if Instant::now() >= until {
                let text = format!("another process holds the lock {}", path.display());
                return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
            }
            sleep(STEP);
        }
    }

    /// The file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // If it can't be removed it is an empty lock that the next one takes; what is not ours is left alone.
        if let Ok(entry) = Entry::at(&self.path)
            && is_at(&self.file, &entry).unwrap_or(false)
        {
            let _ = entry.remove();
        }
    }
}

/// Whether the file is still the one of this name: its former holder may have removed it while we waited, and then our
/// lock means nothing to others.
fn is_at(file: &File, entry: &Entry) -> io::Result<bool> {
    let ours = identity(&fstat(file)?);
    Ok(entry.stat()?.is_some_and(|there| identity(&there) == ours))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;

    #[test]
    fn one_holder_at_a_time_and_nothing_left() {
        let temp = TempDir::new();
        let path = temp.path().join("lock");
        let held = LockFile::try_take(&path).unwrap().unwrap();
        assert!(LockFile::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(!path.exists());
        std::fs::write(&path, "left by a killed process").unwrap();
        drop(LockFile::try_take(&path).unwrap().unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let temp = TempDir::new();
        let (path, target) = (temp.path().join("lock"), temp.path().join("target"));
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(LockFile::try_take(&path).is_err());
        assert!(!target.exists());
    }

    #[test]
    fn a_removed_file_is_not_mistaken_for_the_lock() {
        let temp = TempDir::new();
        let path = temp.path().join("lock");
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (path, counter) = (path.clone(), temp.path().join("counter"));
                std::thread::spawn(move || {
                    for _ in 0..50 {
                        let held = LockFile::take(&path, Instant::now() + 10 * PATIENCE).unwrap();
                        let count = std::fs::read(&counter).map_or(0, |bytes| bytes.len());
                        std::fs::write(&counter, vec![0; count + 1]).unwrap();
                        drop(held);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(std::fs::read(temp.path().join("counter")).unwrap().len(), 200);
    }
}
