//! What a worker listens on, whatever it is.

use super::super::endpoint::ListeningEndpoint;
use super::super::transport::Transport;

/// Something that a worker listens on.
#[derive(Clone, Copy, Debug)]
pub struct Listener<'a> {
    /// Its name, unique in the worker: a transport's id, or the name of a guest's socket.
    pub id: &'a str,
    /// The transport's type, or `guest`.
    pub kind: &'static str,
    /// Where it listens.
    pub endpoint: &'a ListeningEndpoint,
    /// Whether connections are encrypted, as far as we know.
    pub has_tls: bool,
}

impl<'a> Listener<'a> {
    pub(super) fn of_transport(transport: &'a Transport) -> Self {
        let Transport { id, endpoint, kind, .. } = transport;
        Self { id, kind: kind.name(), endpoint, has_tls: transport.has_tls() }
    }
}
