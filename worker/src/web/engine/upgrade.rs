//! HTTP connections that go on as another protocol.

use super::clock::Busy;
use super::received::Asked;
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use hyper::upgrade::{OnUpgrade, Upgraded};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// What keeps a connection of HTTP/2 from counting as idle while a stream of it goes on as another protocol.
pub(in crate::web) fn busy_of(request: &mut Asked) -> Option<Busy> {
    request.extensions_mut().remove()
}

/// What the connection comes by, in a request that may go on as another protocol. It can be shared and sent because
/// extensions of requests have to; there is one thread.
#[derive(Clone, Debug)]
struct Offered(Arc<Mutex<Option<oneshot::Receiver<Prefixed<Stream>>>>>);

/// What a connection of HTTP/1 is handed on by.
#[derive(Debug)]
pub(in crate::web) struct Ticket(oneshot::Sender<Prefixed<Stream>>);

impl Ticket {
    /// Hands the connection on, with what has come behind the request.
    pub(in crate::web) fn give(self, stream: Prefixed<Stream>) {
        let _ = self.0.send(stream); // closed, if nobody wants it
    }
}

/// Lets a request go on as another protocol.
pub(in crate::web) fn offer(request: &mut Asked) -> Ticket {
    let (sender, receiver) = oneshot::channel();
    request.extensions_mut().insert(Offered(Arc::new(Mutex::new(Some(receiver)))));
    Ticket(sender)
}

/// A connection, or a stream of HTTP/2, that goes on as another protocol as soon as the answer has been sent.
#[derive(Debug)]
pub(in crate::web) enum Upgrading {
    Connection(oneshot::Receiver<Prefixed<Stream>>),
    InHttp2(OnUpgrade),
}

/// That of a request.
pub(in crate::web) fn upgrading(request: &mut Asked) -> Upgrading {
    let offered = request.extensions_mut().remove::<Offered>();
    let receiver =
        offered.and_then(|Offered(cell)| cell.lock().unwrap_or_else(PoisonError::into_inner).take());
    match receiver {
        Some(receiver) => Upgrading::Connection(receiver),
        None => Upgrading::InHttp2(hyper::upgrade::on(&mut *request)),
    }
}

impl Upgrading {
    /// The connection, with what has come behind the handshake in front, or the stream of HTTP/2.
    ///
    /// # Errors
    /// If the answer could not be sent.
    pub(in crate::web) async fn stream(self) -> io::Result<Result<Prefixed<Stream>, Upgraded>> {
        match self {
            Self::Connection(receiver) => {
                receiver.await.map(Ok).map_err(|_| io::ErrorKind::ConnectionAborted.into())
            }
            Self::InHttp2(upgrade) => upgrade.await.map(Err).map_err(io::Error::other),
        }
    }
}
