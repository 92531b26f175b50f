//! Who is served.

use crate::context::Context;
use crate::net::accept::Open;
use crate::net::facts::Facts;
use crate::net::stream::Peer;
use crate::wamp::Who;
use jackfield_shared::config::WebOptions;
use jackfield_shared::drain::Drain;
use std::rc::Rc;
use std::sync::Arc;

/// A client, and what serving it needs.
pub(crate) struct Client {
    /// What holds for all services of the transport.
    pub(crate) options: Rc<WebOptions>,
    pub(crate) context: Rc<Context>,
    pub(crate) peer: Peer,
    /// What TLS tells of the client; absent: the connection is not encrypted.
    pub(crate) tls: Option<Arc<Facts>>,
    pub(crate) drain: Drain,
    /// Counts the connection, also when it goes on as another protocol.
    pub(crate) open: Rc<Open>,
}

impl Client {
    /// Whether the connection is encrypted.
    pub(crate) const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Who it is, for WAMP.
    pub(crate) fn who(&self) -> Who {
        Who { peer: self.peer, tls: self.tls.clone() }
    }
}
