//! What a connection goes through before its transport: the TLS handshake. Each in a task of its own and within a
//! time limit, so that a client that stalls holds up nobody.

use super::stream::Stream;
use crate::tls::{self, Acceptor};
use crate::transport::Connection;
use jackfield_shared::config::{DEFAULT_HANDSHAKE_TIMEOUT, Transport, TransportKind};
use jackfield_shared::tls::Files;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::debug;

/// Why a connection does not come to its transport.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("TLS: {}", tls::explain(.0))]
    Tls(io::Error),
    #[error("TLS: the handshake was not complete within {} s", .0.as_secs_f64())]
    Late(Duration),
}

/// What stands before a transport.
#[derive(Debug)]
pub(crate) struct Front {
    tls: Acceptor,
    limit: Duration,
}

impl Front {
    /// What the transport's endpoint asks for, if it asks for anything; the error says what can't be had.
    pub(crate) fn new(
        transport: &Transport,
        files: &Files,
        tickets: Option<&tls::Tickets>,
    ) -> Result<Option<Rc<Self>>, String> {
        let Some(section) = jackfield_shared::tls::listening(&transport.endpoint) else { return Ok(None) };
        let tls = Acceptor::new(section, transport, files, tickets)?;
        Ok(Some(Rc::new(Self { tls, limit: limit(transport) })))
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.tls.renew(files)
    }

    /// Lets a connection through, in a task of its own, to `then`.
    pub(crate) fn spawn(self: &Rc<Self>, connection: Connection, then: impl FnOnce(Connection) + 'static) {
        let front = Rc::clone(self);
        spawn_local(async move {
            let Connection { stream, peer, drain, open } = connection;
            let passed = tokio::select! {
                passed = front.pass(stream) => passed,
                () = drain.closing() => return debug!("{peer}: closed, because the process ends"),
            };
            match passed {
                Ok(stream) => then(Connection { stream, peer, drain, open }),
                Err(e) => {
                    open.failed();
                    debug!("{peer}: {e}");
                }
            }
        });
    }

    async fn pass(&self, stream: Stream) -> Result<Stream, Error> {
        match timeout(self.limit, self.tls.accept(stream)).await {
            Ok(accepted) => accepted.map_err(Error::Tls),
            Err(_) => Err(Error::Late(self.limit)),
        }
    }
}

/// What a client gets for the handshake of its transport holds for what comes before, too.
fn limit(transport: &Transport) -> Duration {
    match &transport.kind {
        TransportKind::Universal(universal) => universal.handshake_timeout,
        TransportKind::RawsocketTestee(testee) => testee.handshake_timeout,
        TransportKind::WebsocketTestee(testee) if !testee.options.open_handshake_timeout.is_zero() => {
            testee.options.open_handshake_timeout
        }
        _ => DEFAULT_HANDSHAKE_TIMEOUT,
    }
}
