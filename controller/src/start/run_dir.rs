//! The runtime directory, `run` in the node's directory. Who holds the lock on `node.pid` in it is the node's
//! controller; whatever else is there without that was left by one that was killed.

use crate::entry::private_directory;
use crate::lock_file::LockFile;
use crate::sockets::clear_links;
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

const PID_FILE: &str = "node.pid";

/// The runtime directory, claimed by this process until it is dropped.
#[derive(Debug)]
pub(crate) struct RunDir {
    /// Where it is.
    pub path: PathBuf,
    /// Whether the last controller did not end as it should.
    pub was_killed: bool,
    lock: LockFile,
}

/// The result of a claim.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It is ours.
    Ours(RunDir),
    /// A node runs here, and this is its process id, if it can be read.
    Taken(Option<u32>),
}

impl RunDir {
    /// The one that this process has claimed, whichever image has done so.
    pub(crate) fn restore(path: &Path, lock: OwnedFd) -> Self {
        let lock = LockFile::restore(lock.into(), &path.join(PID_FILE));
        Self { path: path.into(), was_killed: false, lock }
    }

    /// A duplicate of the lock, which holds as long as that.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub(crate) fn lock(&self) -> io::Result<OwnedFd> {
        self.lock.file().as_fd().try_clone_to_owned()
    }

    /// Makes the directory, readable by nobody else, and claims it.
    ///
    /// # Errors
    /// When it can't be made or the lock can't be had.
    pub(crate) fn claim(path: &Path) -> io::Result<Claim> {
        private_directory(path)?;
        let pid_file = path.join(PID_FILE);
        let Some(lock) = LockFile::try_take(&pid_file)? else {
            return Ok(Claim::Taken(pid_in(&pid_file)));
        };
        let mut before = Vec::new();
        let mut file = lock.file();
        file.read_to_end(&mut before)?;
        file.rewind()?;
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        count_turns_anew(path);
        clear_links(path);
        Ok(Claim::Ours(Self { path: path.into(), was_killed: !before.is_empty(), lock }))
    }
}

/// Processes that route realms count their turns in the files of their locks, from the start of the node. The files stay: a
/// worker of the controller before may hold one for a moment yet. A count that can't be put back only goes on.
fn count_turns_anew(path: &Path) {
    let files = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_lock = |file: &PathBuf| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("realms-") && name.ends_with(".lock")
    };
    for file in files.filter(is_lock) {
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let _ = rustix::fs::open(&file, flags, Mode::empty());
    }
}

fn pid_in(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::os::unix::fs::PermissionsExt as _;

    fn claim(path: &Path) -> Claim {
        RunDir::claim(path).unwrap()
    }

    #[test]
    fn one_controller_at_a_time() {
        let temp = TempDir::new();
        let path = temp.path().join("node/run");
        let Claim::Ours(ours) = claim(&path) else { panic!("not ours") };
        assert!(!ours.was_killed);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let Claim::Taken(pid) = claim(&path) else { panic!("claimed twice") };
        assert_eq!(pid, Some(std::process::id()));
        drop(ours);
        assert!(!path.join(PID_FILE).exists());
        assert!(matches!(claim(&path), Claim::Ours(_)));
    }

    #[test]
    fn turns_of_realms_are_counted_from_the_start() {
        let temp = TempDir::new();
        fs::write(temp.path().join("realms-router1.lock"), "7").unwrap();
        fs::write(temp.path().join("realms-else"), "7").unwrap();
        let Claim::Ours(_ours) = claim(temp.path()) else { panic!("not ours") };
        assert_eq!(fs::read(temp.path().join("realms-router1.lock")).unwrap(), b"");
        assert_eq!(fs::read(temp.path().join("realms-else")).unwrap(), b"7");
    }

    #[test]
    fn what_a_killed_controller_left_is_taken_over() {
        let temp = TempDir::new();
        fs::write(temp.path().join(PID_FILE), "4194304 and more than the new one writes\n").unwrap();
        let Claim::Ours(ours) = claim(temp.path()) else { panic!("not ours") };
        assert!(ours.was_killed);
        assert_eq!(pid_in(&temp.path().join(PID_FILE)), Some(std::process::id()));
    }
}
