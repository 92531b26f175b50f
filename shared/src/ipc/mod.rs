//! The IPC between the controller and each worker process: typed messages as length-limited frames over a
//! socket pair, with descriptors passed beside them (SCM_RIGHTS, unix(7)).
//!
//! A frame is eight bytes of header and a JSON body. JSON describes itself, so that two releases can talk
//! to each other during an upgrade as long as [`VERSION`] is the same.

mod channel;
mod error;
mod frame;
mod limits;
mod message;

pub use channel::{Receiver, Sender, pair, split};
pub use error::Error;
pub use limits::{MAX_BODY, MAX_FDS, VERSION};
pub use message::{
    ArtiPlan, Counters, DaemonService, FromWorker, ListenerCounters, NodeInfo, NodeKey, OnionService, Part,
    Plan, Publication, Publications, Slot, ToWorker,
};
