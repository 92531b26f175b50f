//! The third stage: the worker, or what a worker starts programs by. Standard input is the IPC socket.

use super::name_thread;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;

/// Runs the worker and returns what the process exits with.
pub(crate) fn run() -> ExitCode {
    on_stdin("the worker's connection to the controller", jackfield_worker::run)
}

/// Runs what starts the programs of a worker, and returns what the process exits with.
pub(crate) fn run_launcher() -> ExitCode {
    on_stdin("the launcher's connection to its worker", jackfield_worker::run_launcher)
}

/// Runs what asks for a certificate, and returns what the process exits with.
pub(crate) fn run_acme() -> ExitCode {
    on_stdin("the ACME client's connection to the controller", jackfield_worker::run_acme)
}

fn on_stdin(what: &str, run: impl FnOnce(OwnedFd) -> ExitCode) -> ExitCode {
    match take_stdin() {
        Ok(ipc) => {
            name_thread();
            run(ipc)
        }
        Err(e) => {
            let _ = writeln!(io::stderr(), "jackfield: {what}: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Moves the socket away from descriptor 0, which a library may want to read from.
///
/// # Errors
/// When no descriptors are left.
pub(crate) fn take_stdin() -> io::Result<OwnedFd> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(socket)
}
