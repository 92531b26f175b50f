//! What a transport of the configuration does with a connection.

mod rawsocket;
mod relay;
mod stream_testee;

use crate::context::Context;
use crate::drain::Drain;
use crate::net::accept::Open;
use crate::net::stream::{Peer, Stream};
use jackfield_shared::config;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use tokio::task::spawn_local;
use tracing::debug;

/// An accepted connection and what is known of it.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) drain: Drain,
    /// Counts the connection; kept by whoever serves it to the end.
    pub(crate) open: Open,
}

/// A transport, ready to serve.
#[derive(Clone)]
pub(crate) enum Service {
    StreamTestee,
}

impl Service {
    /// Prepares what the configuration asks for; the error says what can't be served, for people.
    pub(crate) fn new(transport: &config::Transport, _context: &Rc<Context>) -> Result<Self, String> {
        match &transport.kind {
            config::TransportKind::StreamTestee => Ok(Self::StreamTestee),
        }
    }

    /// Serves a connection in a task of its own: a panic there ends no other.
    pub(crate) fn spawn(&self, connection: Connection, context: &Rc<Context>) {
        let Connection { stream, peer, drain, open } = connection;
        let context = Rc::clone(context);
        match self {
            Self::StreamTestee => {
                task(peer, drain, open, async move { stream_testee::echo(stream, &context.scratch).await })
            }
        }
    }
}

/// Runs `serve` until it is done or the process closes what is open.
fn task<E: fmt::Display>(
    peer: Peer,
    drain: Drain,
    open: Open,
    serve: impl Future<Output = Result<(), E>> + 'static,
) {
    spawn_local(async move {
        tokio::select! {
            result = serve => if let Err(e) = result {
                debug!("{peer}: {e}");
            },
            () = drain.closing() => debug!("{peer}: closed, because the process ends"),
        }
        drop(open);
    });
}
