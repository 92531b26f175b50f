//! Doing what clients of this process ask another one for.

use super::{LocalExecutor, Siblings, stream, words};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::task::spawn_local;
use tracing::{debug, warn};

/// Requests that another process may have passed on at a time: each is of a client that waits there.
const MOST_REQUESTS: u32 = 1 << 20;

impl Siblings {
    /// Serves a connection of another process, until that ends.
    pub(crate) fn serve(self: &Rc<Self>, socket: OwnedFd) {
        let stream = match stream(socket) {
            Ok(stream) => stream,
            Err(e) => return warn!("another process of the worker can't be served: {e}"),
        };
        let siblings = Rc::clone(self);
        let service = service_fn(move |request| {
            let siblings = Rc::clone(&siblings);
            async move {
                let asked = words::action(request).await?;
                let done =
                    match asked.and_then(|(name, action)| Some((siblings.service(&name)?, name, action))) {
                        Some((service, name, action)) => service.act(&name, action).await,
                        None => None,
                    };
                Ok::<_, hyper::Error>(words::answer(done))
            }
        });
        let mut builder = http2::Builder::new(LocalExecutor);
        builder.max_concurrent_streams(MOST_REQUESTS);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        spawn_local(async move {
            if let Err(e) = connection.await {
                debug!("a connection of another process of the worker has ended: {e}");
            }
        });
    }
}
