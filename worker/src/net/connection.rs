//! What an accepted connection is handed on as.

use super::accept::Open;
use super::stream::{Peer, Stream};
use jackfield_shared::drain::Drain;
use std::net::SocketAddr;
use std::rc::Rc;

/// An accepted connection and what is known of it.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    /// Where the client has connected to, if a proxy has told it.
    pub(crate) to: Option<SocketAddr>,
    pub(crate) drain: Drain,
    /// Counts the connection; kept by whoever serves it to the end.
    pub(crate) open: Rc<Open>,
}
