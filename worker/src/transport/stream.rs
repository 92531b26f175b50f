//! `stream.testee`.

use super::service::{Service, task};
use crate::context::Context;
use crate::net::connection::Connection;
use crate::testee::echo_stream;
use std::rc::Rc;

/// Sends every byte back.
pub(super) struct StreamTestee {
    /// Logs what is received and sent.
    pub(super) debug: bool,
}

impl Service for StreamTestee {
    fn spawn(self: Rc<Self>, connection: Connection, context: Rc<Context>) {
        let Connection { stream, peer, drain, open, .. } = connection;
        task(peer, drain, open, async move { echo_stream(stream, peer, self.debug, &context.scratch).await });
    }
}
