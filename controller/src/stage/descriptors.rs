//! What a process has open that it did not open itself.

use std::fs;
use std::io;
use std::os::fd::RawFd;

/// The first descriptor behind standard input, output and error, and the first that a service manager passes.
const FIRST: RawFd = 3;

/// Every open descriptor. The one that the list was read from is among them, and closed.
///
/// # Errors
/// When /proc is not mounted.
pub(crate) fn open_descriptors() -> io::Result<Vec<RawFd>> {
    let names = fs::read_dir("/proc/self/fd")?.flatten();
    Ok(names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Closes all that this process was started with by accident, so that no worker and no program gets it; `announced`
/// sockets from [`FIRST`] on were passed on purpose. For a process that has opened nothing yet.
///
/// # Errors
/// When /proc is not mounted.
pub(crate) fn close_inherited(announced: usize) -> io::Result<()> {
    let end = FIRST.saturating_add(RawFd::try_from(announced).unwrap_or(RawFd::MAX));
    for fd in open_descriptors()?.into_iter().filter(|fd| *fd >= end) {
        // The one that the list was read from is closed already.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}
