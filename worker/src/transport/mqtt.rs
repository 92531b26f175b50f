//! `mqtt`.

use super::service::{Service, task};
use crate::context::Context;
use crate::mqtt::{Error, Mqtt};
use crate::net::connection::Connection;
use crate::wamp::Who;
use jackfield_shared::config::DEFAULT_HANDSHAKE_TIMEOUT;
use std::rc::Rc;

impl Service for Mqtt {
    fn spawn(self: Rc<Self>, connection: Connection, context: Rc<Context>) {
        let Connection { mut stream, peer, drain, open, .. } = connection;
        let who = Who { peer, tls: stream.facts() };
        task(peer, drain, open, async move {
            let served = self.serve(&mut stream, who, DEFAULT_HANDSHAKE_TIMEOUT, &context).await;
            if served.as_ref().is_err_and(Error::is_left_behind) {
                stream.reset_when_closed();
            }
            served
        });
    }
}
