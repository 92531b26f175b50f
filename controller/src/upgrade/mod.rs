//! From one release to the next in the same process: the controller executes the new image and hands over what it
//! holds. The process id stays, and with it the children, who die with their parent, and whoever waits for the node.
//!
//! ```text
//! old image: try the new one with the state ─► stop reading, at a boundary ─► exec
//! new image: receive ─► rebuild ─► replace the workers, one process at a time ─► let the old image go
//!                          └── fails ──────────────────┴─► exec the old image, which takes over in the same way
//! ```
//!
//! The state is JSON in a file of memory. Descriptors wait in a socket pair (SCM_RIGHTS, unix(7)), whose other end is
//! the new image's standard input: none of them has a number that would have to be believed.

mod error;
mod image;
mod parcel;
#[cfg(test)]
mod released;
mod signals;
mod state;
mod trial;

pub(crate) use error::TakeoverError;
pub(crate) use image::{Identity as ImageIdentity, Image};
pub(crate) use parcel::{Arrived, Fds, receive, send};
pub(crate) use signals::{block, unblock};
pub(crate) use state::{
    ArtiState, BoundState, CoreLimit, Errand, FORMAT, GuestState, LinkState, LinksState, LocalState,
    NodeState, ProcessState, RoleState, ServiceState, SlotState, State, WorkerState,
};
pub(crate) use trial::{ARGUMENT, TrialError, run as run_trial, try_out};

use crate::stage::VARIABLE;

/// The value of [`VARIABLE`] that makes this process, once it has executed another image, take over from itself.
pub(crate) fn stage_value() -> String {
    format!("takeover:{}", std::process::id())
}

/// Whether this image is to take over.
pub(crate) fn is_takeover() -> bool {
    std::env::var(VARIABLE) == Ok(stage_value())
}
