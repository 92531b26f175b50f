//! What a guest is, as far as the stages need to know it.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The interval in which a program should say that it is alive, in microseconds (sd_watchdog_enabled(3)).
pub(crate) const WATCHDOG_USEC: &str = "WATCHDOG_USEC";

/// Variables by which a service manager speaks to one process. What the node has of them is meant for the node.
const OF_SERVICE_MANAGER: [&str; 8] = [
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "NOTIFY_SOCKET",
    WATCHDOG_USEC,
    "WATCHDOG_PID",
    "FDSTORE",
];

/// Whether the variable is one that a process must not inherit from the node.
pub(crate) fn is_of_service_manager(name: &std::ffi::OsStr) -> bool {
    OF_SERVICE_MANAGER.iter().any(|variable| name == *variable)
}

/// What becomes of one of its output descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// It stays what the controller has made it: a pipe, or /dev/null.
    Stay,
    /// It is closed.
    Close,
}

/// The program that a process becomes. Beside it come descriptors: where to report, its standard input if it has
/// one, and its sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The names of its sockets, in order (LISTEN_FDNAMES).
    pub sockets: Vec<String>,
    /// Whether a descriptor comes that is its standard input.
    pub stdin: bool,
    /// Its standard output.
    pub stdout: Fate,
    /// Its standard error.
    pub stderr: Fate,
}
