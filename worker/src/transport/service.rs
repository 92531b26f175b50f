//! What a transport is to whoever accepts its connections.

use crate::context::Context;
use crate::net::accept::Open;
use crate::net::connection::Connection;
use crate::net::stream::Peer;
use jackfield_shared::drain::Drain;
use jackfield_shared::status::{Backend, Web};
use jackfield_shared::tls::Files;
use pin_project_lite::pin_project;
use std::fmt::Display;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll, ready};
use tokio::task::spawn_local;
use tracing::debug;

/// A transport, ready to serve.
pub(crate) trait Service {
    /// Serves a connection in a task of its own: a panic there ends no other.
    fn spawn(self: Rc<Self>, connection: Connection, context: Rc<Context>);

    /// Takes the files of TLS as they are now.
    ///
    /// # Errors
    /// What can't be used of them.
    fn renew(&self, _files: &Files) -> Result<(), String> {
        Ok(())
    }

    /// What was counted at its paths, if it is more than when this was asked last; whose they are, is to be filled in.
    fn web(&self) -> Vec<Web> {
        Vec::new()
    }

    /// Its backends, as they are; likewise.
    fn backends(&self) -> Vec<Backend> {
        Vec::new()
    }

    /// Begins what goes on beside the connections, until draining begins.
    fn begin(&self, _drain: &Drain) {}
}

/// Runs `serve` until it is done or the process closes what is open.
pub(super) fn task<E: Display + 'static>(
    peer: Peer,
    drain: Drain,
    open: Rc<Open>,
    serve: impl Future<Output = Result<(), E>> + 'static,
) {
    let closing = async move { drain.closing().await };
    spawn_local(Serving { serve, closing, peer, _open: open });
}

pin_project! {
    /// Serves a connection. No `async` block, which would have room for `serve` twice as long as the connection is open.
    struct Serving<S, C> {
        #[pin]
        serve: S,
        #[pin]
        closing: C,
        peer: Peer,
        _open: Rc<Open>,
    }
}

impl<S, C, E> Future for Serving<S, C>
where
    S: Future<Output = Result<(), E>>,
    C: Future<Output = ()>,
    E: Display,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Poll::Ready(result) = this.serve.poll(cx) {
            if let Err(e) = result {
                debug!("{}: {e}", this.peer);
            }
            return Poll::Ready(());
        }
        ready!(this.closing.poll(cx));
        debug!("{}: closed, because the process ends", this.peer);
        Poll::Ready(())
    }
}
