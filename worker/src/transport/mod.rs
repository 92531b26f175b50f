//! What a transport of the configuration does with a connection.

mod relay;
mod sniff;
mod universal;

use crate::connect::Means;
use crate::context::Context;
use crate::drain::Drain;
use crate::mqtt::{self, Mqtt};
use crate::net::accept::Open;
use crate::net::connection::Connection;
use crate::net::stream::Peer;
use crate::rawsocket;
use crate::testee::echo_stream;
use crate::wamp::Who;
use crate::web::{Client, Websocket};
use jackfield_shared::config::{self, DEFAULT_HANDSHAKE_TIMEOUT, TransportKind};
use jackfield_shared::tls::Files;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tracing::debug;
use universal::Universal;

/// A transport, ready to serve.
#[derive(Clone)]
pub(crate) enum Service {
    StreamTestee {
        debug: bool,
    },
    Relay(Rc<relay::Relay>),
    /// RawSocket, and how long its handshake may take.
    Rawsocket(Rc<rawsocket::Service>, Duration),
    Mqtt(Rc<Mqtt>),
    /// HTTP, or whatever the first octets tell.
    Universal(Rc<Universal>),
}

impl Service {
    /// Prepares what the configuration asks for; the error says what can't be served, for people.
    pub(crate) fn new(transport: &config::Transport, means: Means<'_>) -> Result<Self, String> {
        match &transport.kind {
            TransportKind::StreamTestee(testee) => Ok(Self::StreamTestee { debug: testee.debug }),
            TransportKind::StreamRelay(config) => Ok(Self::Relay(relay::Relay::new(config, means)?)),
            TransportKind::RawsocketTestee(testee) => {
                let service = rawsocket::Service::echo(&testee.echo);
                Ok(Self::Rawsocket(Rc::new(service), testee.handshake_timeout))
            }
            TransportKind::Rawsocket(transport) => {
                let service = rawsocket::Service::wamp(&transport.wamp, means)?;
                Ok(Self::Rawsocket(Rc::new(service), transport.handshake_timeout))
            }
            TransportKind::Universal(config) => Ok(Self::Universal(Rc::new(Universal::new(config, means)?))),
            TransportKind::Web(config) => Ok(Self::Universal(Rc::new(Universal::web(config, means)?))),
            TransportKind::WebsocketTestee(config) => {
                let universal = Universal::websocket(Websocket::echo(config), &config.options)?;
                Ok(Self::Universal(Rc::new(universal)))
            }
            TransportKind::Websocket(config) => {
                let universal = Universal::websocket(Websocket::wamp(config, means)?, &config.options)?;
                Ok(Self::Universal(Rc::new(universal)))
            }
            TransportKind::Mqtt(section) => Ok(Self::Mqtt(Rc::new(Mqtt::new(section, means)?))),
            TransportKind::Flashpolicy(_) => Err("its type is not in this release".into()),
        }
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        match self {
            Self::Relay(relay) => relay.renew(files),
            Self::Universal(universal) => universal.site.renew(files),
            Self::StreamTestee { .. } | Self::Rawsocket(..) | Self::Mqtt(_) => Ok(()),
        }
    }

    /// Begins what goes on beside the connections, until draining begins.
    pub(crate) fn begin(&self, drain: &Drain) {
        match self {
            Self::Relay(relay) => relay.begin(drain),
            Self::Universal(universal) => universal.site.begin(drain),
            Self::StreamTestee { .. } | Self::Rawsocket(..) | Self::Mqtt(_) => {}
        }
    }

    /// Serves a connection in a task of its own: a panic there ends no other.
    pub(crate) fn spawn(&self, connection: Connection, context: &Rc<Context>) {
        let Connection { stream, peer, to, drain, open } = connection;
        let context = Rc::clone(context);
        match self {
            &Self::StreamTestee { debug } => {
                task(
                    peer,
                    drain,
                    open,
                    async move { echo_stream(stream, peer, debug, &context.scratch).await },
                );
            }
            Self::Relay(relay) => {
                let relay = Rc::clone(relay);
                task(peer, drain, open, async move { relay.serve(stream, peer, to, &context).await });
            }
            Self::Rawsocket(service, limit) => {
                let (service, limit) = (Rc::clone(service), *limit);
                let who = Who { peer, tls: stream.facts() };
                task(peer, drain, open, async move {
                    let mut stream = stream;
                    let served = service.serve(&mut stream, who, limit, &context).await;
                    if served.as_ref().is_err_and(rawsocket::Error::is_left_behind) {
                        stream.reset_when_closed();
                    }
                    served
                });
            }
            Self::Mqtt(service) => {
                let service = Rc::clone(service);
                let who = Who { peer, tls: stream.facts() };
                task(peer, drain, open, async move {
                    let mut stream = stream;
                    let served = service.serve(&mut stream, who, DEFAULT_HANDSHAKE_TIMEOUT, &context).await;
                    if served.as_ref().is_err_and(mqtt::Error::is_left_behind) {
                        stream.reset_when_closed();
                    }
                    served
                });
            }
            Self::Universal(universal) => {
                let universal = Rc::clone(universal);
                let client = Client {
                    options: Rc::clone(&universal.site.options),
                    context,
                    peer,
                    tls: stream.facts(),
                    drain: drain.clone(),
                    open: Rc::clone(&open),
                };
                task(peer, drain, open, async move { universal.serve(stream, client).await });
            }
        }
    }
}

/// Runs `serve` until it is done or the process closes what is open.
fn task<E: fmt::Display>(
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
