//! `stream.relay`: every connection is carried to one of several backends.

use super::service::{Service, task};
use crate::backends::{Backends, DRAINED, connects};
use crate::connect::Means;
use crate::context::Context;
use crate::log::Throttle;
use crate::net::chain::is_where_it_came_in;
use crate::net::connection::Connection;
use crate::net::pipes::Pipes;
use crate::net::proxy_protocol::Ends;
use crate::net::pump::{Tools, pump};
use crate::net::stream::{Peer, Stream};
use jackfield_shared::config::StreamRelay;
use jackfield_shared::drain::Drain;
use jackfield_shared::status::Backend;
use jackfield_shared::tls::Files;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::yield_now;
use tracing::error;

/// How often it is reported that no backend answers.
const REPORT: Duration = Duration::from_secs(1);

/// Whether a client has connected by TCP from an address of this machine, as far as its address tells.
fn is_of_this_machine(client: &Stream) -> bool {
    let ip = |address: SocketAddr| address.ip().to_canonical();
    match (client.remote().map(ip), client.local().map(ip)) {
        (Some(from), to) => from.is_loopback() || to == Some(from),
        // It was reset already.
        (None, to) => to.is_some(),
    }
}

/// A relay, ready to serve.
#[derive(Debug)]
pub(crate) struct Relay {
    backends: Backends,
    idle_timeout: Duration,
    pipes: Pipes,
    failing: Throttle,
}

/// Why a relayed connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no backend could be reached")]
    NoBackend,
    #[error("relayed to {backend}: {source}")]
    Pump {
        backend: String,
        #[source]
        source: io::Error,
    },
}

impl Relay {
    pub(crate) fn new(config: &StreamRelay, means: Means<'_>) -> Result<Self, String> {
        let health = config.health.as_ref();
        Ok(Self {
            backends: Backends::new(&config.backends, config.balance, health, means)?,
            idle_timeout: config.idle_timeout,
            pipes: Pipes::default(),
            failing: Throttle::new(REPORT),
        })
    }

    /// Carries a client's connection.
    async fn serve(
        &self,
        mut client: Stream,
        peer: Peer,
        to: Option<SocketAddr>,
        context: &Context,
    ) -> Result<(), Error> {
        let ends = || match peer {
            Peer::Tcp(from) => to.or_else(|| client.local()).map(|to| Ends { from, to }),
            Peer::Unix | Peer::Onion => None,
        };
        if is_of_this_machine(&client) {
            // The relay that it comes from, if it is one of this process, has yet to be told that it is connected.
            yield_now().await;
            if client.remote().is_none() {
                return Ok(()); // That has reset it, since it leads here.
            }
        }
        // Its address is as good a name as any.
        let own = std::ptr::from_ref(self).addr();
        let mut relays = context.chains.before(&client);
        if relays.contains(&own) {
            self.report(peer, "the backends lead back to this relay");
            return Err(Error::NoBackend);
        }
        relays.push(own);
        let mut failures = Vec::new();
        for backend in self.backends.order(peer, None) {
            let _use = backend.begin();
            // Boxed, so that established connections do not hold the room that connecting needs.
            match Box::pin(backend.connector.connect(&ends)).await {
                Ok(stream) if is_where_it_came_in(&client, &stream) => {
                    // Which process accepts it sees that it is gone, and connects to nobody in its turn.
                    stream.reset_when_closed();
                    backend.refused("it is this relay's own address");
                    failures.push(format!("{}: is this relay's own address", backend.connector));
                }
                Ok(mut stream) => {
                    backend.accepted();
                    let _link = context.chains.remember(&stream, relays);
                    let tools = Tools { scratch: &context.scratch, pipes: &self.pipes };
                    let pumped = pump(&mut client, &mut stream, tools, self.idle_timeout).await;
                    return pumped
                        .map_err(|source| Error::Pump { backend: backend.connector.to_string(), source });
                }
                Err(e) => {
                    backend.refused(&e);
                    failures.push(e.to_string());
                }
            }
        }
        let failures = if failures.is_empty() { DRAINED.to_owned() } else { failures.join("; ") };
        self.report(peer, &format!("no backend could be reached: {failures}"));
        Err(Error::NoBackend)
    }

    fn report(&self, peer: Peer, reason: &str) {
        if let Some(quiet) = self.failing.pass() {
            let more = if quiet > 0 { format!(" ({quiet} more connections before)") } else { String::new() };
            error!("{peer}: closed, {reason}{more}");
        }
    }
}

impl Service for Relay {
    fn spawn(self: Rc<Self>, connection: Connection, context: Rc<Context>) {
        let Connection { stream, peer, to, drain, open } = connection;
        task(peer, drain, open, async move { self.serve(stream, peer, to, &context).await });
    }

    fn renew(&self, files: &Files) -> Result<(), String> {
        self.backends.renew(files)
    }

    fn backends(&self) -> Vec<Backend> {
        self.backends.state()
    }

    fn begin(&self, drain: &Drain) {
        self.backends.begin(drain, connects);
    }
}
