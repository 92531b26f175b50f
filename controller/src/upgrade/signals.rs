//! Signals while there is nobody to handle them: between two images their default action would end the node.

use nix::sys::signal::{SigSet, Signal};
use std::io;

const HANDLED: [Signal; 6] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGCHLD];

fn handled() -> SigSet {
    HANDLED.into_iter().collect()
}

/// Lets them wait; execve(2) changes nothing about that.
///
/// # Errors
/// As pthread_sigmask(3).
pub(crate) fn block() -> io::Result<()> {
    Ok(handled().thread_block()?)
}

/// Takes those that wait, and all that come.
///
/// # Errors
/// As pthread_sigmask(3).
pub(crate) fn unblock() -> io::Result<()> {
    Ok(handled().thread_unblock()?)
}
