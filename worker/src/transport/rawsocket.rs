//! `rawsocket` and `rawsocket.testee`.

use super::service::{Service, task};
use crate::context::Context;
use crate::net::connection::Connection;
use crate::rawsocket::{self, Error};
use crate::wamp::Who;
use std::rc::Rc;
use std::time::Duration;

/// RawSocket on an endpoint of its own.
pub(super) struct Rawsocket {
    pub(super) service: rawsocket::Service,
    /// How long the handshake may take.
    pub(super) limit: Duration,
}

impl Service for Rawsocket {
    fn spawn(self: Rc<Self>, connection: Connection, context: Rc<Context>) {
        let Connection { mut stream, peer, drain, open, .. } = connection;
        let who = Who { peer, tls: stream.facts() };
        task(peer, drain, open, async move {
            let served = self.service.serve(&mut stream, who, self.limit, &context).await;
            if served.as_ref().is_err_and(Error::is_left_behind) {
                stream.reset_when_closed();
            }
            served
        });
    }
}
