//! One realm for several processes: *edges*, which have the clients, and the *hub*, which has the realms.
//!
//! An edge and the hub are connected by a stream of frames. What an edge sends is numbered, and kept until the hub says
//! that all it has caused is written to the edges that it concerns. So the hub's process may die at any time: its
//! successor gets from every edge what its sessions have and what is not acknowledged, does it again in the order that
//! it had, and each edge drops what it has had already.
//!
//! Neither part does any I/O: bytes come in, bytes and [`Effect`](crate::realm::Effect)s go out.

mod acks;
mod down;
mod edge;
mod gather;
mod hub;
mod pending;
mod perform;
mod put_out;
mod seen;
mod tell;
mod up;
mod wire;

pub use edge::Edge;
pub use hub::{Connection, Hub};

/// The version of the frames; the two ends must agree.
pub const VERSION: u64 = 1;

/// Why a link is of no use any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not what the other end writes.
    #[error("the link between edge and realm process carries what is no frame")]
    Malformed,
    /// The other end is of another release.
    #[error(
        "the other end of the link between edge and realm process speaks version {0}, this one {VERSION}"
    )]
    Version(u64),
    /// The hub has gone on without this edge: its sessions are gone.
    #[error("the realm process has gone on without this process, which was silent for too long")]
    Refused,
}
