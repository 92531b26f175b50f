//! Leaving the terminal: `start --detach` starts the node as a process of its own session, waits until it is
//! ready and returns.
//!
//! The node has the terminal's standard output and standard error for as long as it starts, so that the
//! command shows whatever there is to be seen; its standard input is a socket on which it says when it is
//! ready.

use crate::entry::Entry;
use crate::stage::{EXECUTABLE, VARIABLE};
use rustix::fs::OFlags;
use rustix::process::{getppid, setsid};
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The log of a detached node, in its directory.
pub(crate) const LOG_FILE: &str = "node.log";

const READY: &[u8] = b"ready\n";

/// The command that waits for this node.
#[derive(Debug)]
pub(crate) struct Waiting {
    command: UnixStream,
    /// The node's log from then on.
    pub log_file: PathBuf,
}

/// Starts this command again as a node that detaches, and waits. Returns the exit code.
///
/// # Errors
/// When the process can't be started.
pub(crate) fn start_and_wait() -> io::Result<u8> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut arguments = env::args_os();
    let mut node = Command::new(EXECUTABLE)
        .arg0(arguments.next().unwrap_or_default())
        .args(arguments)
        .env(VARIABLE, stage_value(std::process::id()))
        .stdin(OwnedFd::from(theirs))
        .spawn()?;
    let mut said = Vec::new();
    // An error is an end, too.
    let _ = ours.take(READY.len() as u64).read_to_end(&mut said);
    if said == READY {
        return Ok(0);
    }
    let status = node.wait()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code > 0).unwrap_or(1))
}

fn stage_value(command: u32) -> String {
    format!("detached:{command}")
}

impl Waiting {
    /// Whether this process was started by [`start_and_wait`].
    pub(crate) fn is_expected() -> bool {
        let parent = getppid().map_or(0, |pid| pid.as_raw_pid().unsigned_abs());
        env::var(VARIABLE) == Ok(stage_value(parent))
    }

    /// Makes this process independent of the terminal, which it still has for its output.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        setsid()?;
        let command = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Ok(Self { command, log_file: directory.join(LOG_FILE) })
    }

    /// Tells the command that the node is ready. What the node itself does not know of, like a panic, is written to
    /// the file of its log from now on.
    ///
    /// # Errors
    /// When the file can't be written, or nobody waits any longer: then the node is not wanted.
    pub(crate) fn detach(mut self) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND;
        let log = Entry::at(&self.log_file)?.open(flags, 0o640)?;
        rustix::stdio::dup2_stdout(OpenOptions::new().write(true).open("/dev/null")?)?;
        rustix::stdio::dup2_stderr(log)?;
        self.command.write_all(READY)
    }
}
