//! An executable that can be executed whatever becomes of its path.

use rustix::fs::{Mode, OFlags, fstat, open};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the kernel appends to the path of an executable that was removed (proc_pid_exe(5)).
const DELETED: &str = " (deleted)";

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// An opened executable.
#[derive(Debug)]
pub(crate) struct Image {
    file: OwnedFd,
    /// Which file it is.
    pub identity: Identity,
}

impl Image {
    /// The one that this process runs.
    ///
    /// # Errors
    /// When /proc is not mounted.
    pub(crate) fn own() -> io::Result<Self> {
        Self::open(Path::new(crate::stage::EXECUTABLE))
    }

    /// The one at this path.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::new(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// One that was opened.
    ///
    /// # Errors
    /// As fstat(2).
    pub(crate) fn new(file: OwnedFd) -> io::Result<Self> {
        let stat = fstat(&file)?;
        Ok(Self { file, identity: Identity { device: stat.st_dev, inode: stat.st_ino } })
    }

    /// Where the executable of this process was when it was started: there the next release will be.
    ///
    /// # Errors
    /// When /proc is not mounted.
    pub(crate) fn path_of_own() -> io::Result<PathBuf> {
        let path = std::fs::read_link(crate::stage::EXECUTABLE)?;
        let text = path.to_string_lossy();
        Ok(text.strip_suffix(DELETED).map_or_else(|| path.clone(), PathBuf::from))
    }

    /// A command that executes it.
    pub(crate) fn command(&self) -> Command {
        Command::new(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// Executes it in this process, with the arguments and the environment that this process has.
    ///
    /// # Errors
    /// As execve(2); it returns for no other reason.
    pub(crate) fn exec(&self) -> Result<Infallible, io::Error> {
        let mut arguments = std::env::args_os();
        let mut command = self.command();
        command.arg0(arguments.next().unwrap_or_default()).args(arguments);
        Err(command.env(crate::stage::VARIABLE, super::stage_value()).exec())
    }
}

impl AsFd for Image {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
