//! The stages of the one executable: the command line and controller (no stage), `__exec`, which prepares a
//! fresh process and turns it into a worker, and the worker itself.
//!
//! Fork without exec is never used: a forked tokio runtime is broken by design. Between the controller's
//! spawn and the worker stands `__exec`, single-threaded, so that what must be set before the worker exists
//! can be set by safe code.

mod descriptors;
mod exec;
mod fds;
mod guest;
mod identity;
mod program;
mod title;
mod worker;

pub(crate) use descriptors::{close_inherited, open_descriptors};
pub(crate) use exec::{ARGUMENT, Spec, run as run_exec};
pub(crate) use fds::{receive, send};
pub(crate) use identity::Identity;
pub(crate) use jackfield_shared::stage::{EXECUTABLE, VARIABLE};
pub(crate) use program::{Fate, Program, WATCHDOG_USEC, is_of_service_manager};
pub(crate) use title::{ARGUMENTS, arguments, name_thread, set_title};
pub(crate) use worker::{run as run_worker, run_acme, run_launcher, take_stdin};

use jackfield_shared::stage::value;
use rustix::process::{Pid, getppid};

/// The value of [`VARIABLE`] that makes a child of `controller` a worker.
pub(crate) fn worker_value(controller: u32) -> String {
    value("worker", controller)
}

/// The value of [`VARIABLE`] that makes a child of `controller` the keeper of a guest.
pub(crate) fn keeper_value(controller: u32) -> String {
    value("keeper", controller)
}

/// Whether this process is to be a worker.
pub(crate) fn is_worker() -> bool {
    is(worker_value)
}

/// Whether this process is to be the keeper of a guest.
pub(crate) fn is_keeper() -> bool {
    is(keeper_value)
}

/// Whether this process is to start the programs of a worker.
pub(crate) fn is_launcher() -> bool {
    is(|worker| value(jackfield_worker::LAUNCHER, worker))
}

/// Whether this process is to ask for a certificate.
pub(crate) fn is_acme() -> bool {
    is(|controller| value(jackfield_worker::ACME, controller))
}

/// Whether this process is to fetch an archive.
pub(crate) fn is_fetcher() -> bool {
    is(|controller| value(jackfield_worker::FETCHER, controller))
}

fn is(value_of: impl Fn(u32) -> String) -> bool {
    let parent = getppid().map(Pid::as_raw_nonzero).and_then(|pid| u32::try_from(pid.get()).ok());
    match (std::env::var(VARIABLE), parent) {
        (Ok(value), Some(parent)) => value == value_of(parent),
        _ => false,
    }
}
