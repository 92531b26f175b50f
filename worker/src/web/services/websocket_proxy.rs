//! The path service `websocket-reverseproxy`: WebSocket connections carried to a backend, message by message.

use super::proxy::{GOES_ROUND, add_hop, goes_round, looped};
use super::service::{Answering, Service};
use super::websocket::refuse;
use crate::connect::{ConnectError, Connector, Means};
use crate::log::Throttle;
use crate::web::engine::answer::{Answer, failure};
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use crate::web::engine::upgrade::{Upgrading, busy_of, upgrading};
use crate::websocket::{self, Agreement, Backend, BackendError, End};
use hyper::header::SEC_WEBSOCKET_PROTOCOL;
use hyper::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jackfield_shared::config::WebsocketReverseproxy;
use jackfield_shared::tls::Files;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::{debug, error};

/// How long the backend's handshake may take where `open_handshake_timeout` sets no limit.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often it is reported that the backend does not answer.
const REPORT: Duration = Duration::from_secs(1);

/// A WebSocket reverse proxy, ready to serve.
#[derive(Debug)]
pub(crate) struct WebsocketProxy {
    config: WebsocketReverseproxy,
    /// What the backend is asked for.
    url: Uri,
    connector: Connector,
    failing: Throttle,
}

/// Why there is no backend for a client.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{backend}: {source}")]
    Handshake {
        backend: String,
        #[source]
        source: BackendError,
    },
    #[error("{backend}: no answer to the WebSocket handshake within {} s", .limit.as_secs_f64())]
    Late { backend: String, limit: Duration },
}

impl WebsocketProxy {
    pub(crate) fn new(config: &WebsocketReverseproxy, means: Means<'_>) -> Result<Self, String> {
        let backend = &config.backend.websocket;
        // Its scheme says what the endpoint says as well.
        let http = backend.url.replacen("ws", "http", 1);
        let url = http.parse().map_err(|e| format!("backend.url: {:?}: {e}", backend.url))?;
        let connector = Connector::new(&backend.endpoint, means)?;
        Ok(Self { config: config.clone(), url, connector, failing: Throttle::new(REPORT) })
    }

    /// Answers a handshake, as soon as the backend has answered ours.
    async fn respond(self: &Rc<Self>, request: &mut Asked, client: &Rc<Client>) -> Answer {
        let options = &self.config.options;
        let (mut response, compression) = match websocket::handshake(request, options, None) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                return refuse(request, refusal, client.is_secure(), options, self.config.url.as_deref());
            }
        };
        if goes_round(request.headers()) {
            if self.failing.pass().is_some() {
                error!("{}: {GOES_ROUND}", client.peer);
            }
            return looped(request.headers());
        }
        let backend = match self.connect(request).await {
            Ok(backend) => backend,
            Err(reason) => return self.failed(request, client, &reason),
        };
        if let Some(protocol) = &backend.protocol {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        let upgrade = upgrading(request);
        let (proxy, busy, client) = (Rc::clone(self), busy_of(request), Rc::clone(client));
        spawn_local(async move {
            if let Err(e) = proxy.relay(upgrade, compression, backend, &client).await {
                debug!("{}: WebSocket to {}: {e}", client.peer, proxy.connector);
            }
            drop(busy);
        });
        response.map(|()| Body::Empty)
    }

    async fn connect(&self, request: &Asked) -> Result<Backend, Error> {
        let options = &self.config.backend.websocket.options;
        let limit = match options.open_handshake_timeout {
            Duration::ZERO => HANDSHAKE,
            limit => limit,
        };
        let stream = Box::pin(self.connector.connect(|| None)).await?;
        let mut asked = request.headers().clone();
        add_hop(&mut asked, request.version());
        let handshake = Backend::connect(stream, &self.url, options, &asked);
        let backend = || self.connector.to_string();
        match timeout(limit, handshake).await {
            Ok(result) => result.map_err(|source| Error::Handshake { backend: backend(), source }),
            Err(_) => Err(Error::Late { backend: backend(), limit }),
        }
    }

    fn failed(&self, request: &Asked, client: &Client, reason: &Error) -> Answer {
        if let Some(quiet) = self.failing.pass() {
            let more = if quiet > 0 { format!(" ({quiet} more connections before)") } else { String::new() };
            error!("{}: no WebSocket connection to the backend: {reason}{more}", client.peer);
        }
        let (status, text) = match reason {
            Error::Late { .. } | Error::Connect(ConnectError::Timeout { .. }) => {
                (StatusCode::GATEWAY_TIMEOUT, "The server behind this address did not answer in time.")
            }
            _ => (StatusCode::BAD_GATEWAY, "The server behind this address can't be reached."),
        };
        failure(request.headers(), status, text)
    }

    async fn relay(
        &self,
        upgrade: Upgrading,
        compression: Option<Agreement>,
        backend: Backend,
        client: &Client,
    ) -> io::Result<()> {
        let options = &self.config.options;
        let behind = End {
            io: backend.stream,
            options: &self.config.backend.websocket.options,
            compression: backend.compression,
        };
        let (drain, scratch, budget) = (&client.drain, &client.context.scratch, &client.context.budget);
        match upgrade.stream().await? {
            Ok(mut stream) => {
                stream.get_ref().set_nodelay(options.tcp_nodelay)?;
                let front = End { io: &mut stream, options, compression };
                let relayed = websocket::relay(front, behind, drain, scratch, budget).await;
                if relayed.is_err() {
                    stream.get_ref().reset_when_closed();
                }
                relayed
            }
            Err(upgraded) => {
                let front = End { io: TokioIo::new(upgraded), options, compression };
                websocket::relay(front, behind, drain, scratch, budget).await
            }
        }
    }
}

impl Service for Rc<WebsocketProxy> {
    fn answer<'a>(&'a self, request: &'a mut Asked, _: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::later(self.respond(request, client))
    }

    fn renew(&self, files: &Files) -> Result<(), String> {
        self.connector.renew(files)
    }
}
