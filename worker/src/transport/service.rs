//! What a transport is to whoever accepts its connections.

use crate::context::Context;
use crate::drain::Drain;
use crate::net::accept::Open;
use crate::net::connection::Connection;
use crate::net::stream::Peer;
use jackfield_shared::tls::Files;
use std::fmt::Display;
use std::rc::Rc;
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

    /// Begins what goes on beside the connections, until draining begins.
    fn begin(&self, _drain: &Drain) {}
}

/// Runs `serve` until it is done or the process closes what is open.
pub(super) fn task<E: Display>(
    peer: Peer,
    drain: Drain,
    open: Rc<Open>,
    serve: impl Future<Output = Result<(), E>> + 'static,
) {
    spawn_local(async move {
        tokio::select! {
            biased;
            result = serve => if let Err(e) = result {
                debug!("{peer}: {e}");
            },
            () = drain.closing() => debug!("{peer}: closed, because the process ends"),
        }
        drop(open);
    });
}
