//! Connections to a backend, kept between requests.

use super::upload::Uploading;
use crate::connect::{ConnectError, Connector, Kept};
use crate::net::executor::LocalExecutor;
use crate::net::stream::Stream;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jackfield_shared::config::ConnectingEndpoint;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use tracing::debug;

/// Connections without a request that are kept for each backend, by each process.
const KEPT: usize = 64;
/// Bytes buffered for one connection.
const BUFFER: usize = 64 << 10;
/// Fields of a backend's answer.
pub(super) const MOST_FIELDS: usize = 256;

/// How long the SETTINGS of a backend are waited for where they matter, and how often it is looked for them.
const SETTINGS: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(2);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
}

/// What requests are sent by.
#[derive(Debug)]
pub(super) enum Sender {
    /// HTTP/1.1: one request at a time.
    One(http1::SendRequest<Uploading>),
    /// HTTP/2: all requests on one connection.
    Two(http2::SendRequest<Uploading>, Rc<Connection>),
}

/// A connection of HTTP/2, driven by a task of its own.
#[derive(Debug)]
pub(super) struct Connection {
    /// Gone when it has ended: only then those who wait to send on it hear that they can't.
    http: RefCell<Option<http2::Connection<TokioIo<Stream>, Uploading, LocalExecutor>>>,
    began: Instant,
}

impl Connection {
    /// Whether the backend takes WebSocket (RFC 8441, section 3), which it says when the connection begins.
    async fn takes_websocket(&self) -> bool {
        loop {
            let takes = self.http.borrow().as_ref().map(|http| http.is_extended_connect_protocol_enabled());
            if takes == Some(true) {
                return true;
            }
            if takes.is_none() || self.began.elapsed() > SETTINGS {
                return false;
            }
            sleep(LOOK).await; // hyper tells nobody when the settings have come
        }
    }

    /// Drives it to its end.
    async fn run(&self) -> hyper::Result<()> {
        let ended = poll_fn(|cx| match &mut *self.http.borrow_mut() {
            Some(http) => Pin::new(http).poll(cx),
            None => Poll::Ready(Ok(())),
        });
        let result = ended.await;
        self.http.take();
        result
    }
}

impl Sender {
    pub(super) const fn is_two(&self) -> bool {
        matches!(self, Self::Two(..))
    }

    /// Whether WebSocket may be asked for.
    pub(super) async fn takes_websocket(&self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Two(_, connection) => connection.takes_websocket().await,
        }
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Uploading>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Uploading>>> {
        match self {
            Self::One(sender) => sender.try_send_request(request).await,
            Self::Two(sender, _) => sender.try_send_request(request).await,
        }
    }
}

/// The connections to one backend.
#[derive(Debug)]
pub(super) struct Pool {
    /// What the backend calls itself, for `Host`.
    pub(super) host: HeaderValue,
    /// Whether HTTP/2 is spoken without having been agreed on.
    http2: bool,
    idle: Kept<Uploading>,
    shared: RefCell<Option<(http2::SendRequest<Uploading>, Rc<Connection>)>>,
}

impl Pool {
    pub(super) fn new(endpoint: &ConnectingEndpoint, http2: bool) -> Self {
        let host =
            HeaderValue::try_from(endpoint.authority()).unwrap_or(HeaderValue::from_static("localhost"));
        Self { host, http2, idle: Kept::new(KEPT), shared: RefCell::default() }
    }

    /// A connection that is there already.
    pub(super) async fn take(&self) -> Option<Sender> {
        let shared = self.shared.borrow().clone();
        if let Some((mut sender, connection)) = shared {
            if sender.ready().await.is_ok() {
                return Some(Sender::Two(sender, connection));
            }
            self.shared.take();
        }
        self.idle.take().await.map(Sender::One)
    }

    /// A new one.
    pub(super) async fn connect(&self, connector: &Connector) -> Result<Sender, Error> {
        // Whom a request comes from is said in it, not on the connection: that carries those of others, too.
        let stream = connector.connect(|| None).await?;
        let is_two = stream.protocol().map_or(self.http2, |protocol| protocol == b"h2");
        let name = connector.to_string();
        let io = TokioIo::new(stream);
        if is_two {
            let mut builder = http2::Builder::new(LocalExecutor);
            builder.max_send_buf_size(BUFFER);
            let (sender, http) = builder.handshake::<TokioIo<Stream>, Uploading>(io).await?;
            let connection = Rc::new(Connection { http: RefCell::new(Some(http)), began: Instant::now() });
            let driven = Rc::clone(&connection);
            spawn_local(async move {
                if let Err(e) = driven.run().await {
                    debug!("backend {name}: {e}");
                }
            });
            self.shared.replace(Some((sender.clone(), Rc::clone(&connection))));
            return Ok(Sender::Two(sender, connection));
        }
        let mut builder = http1::Builder::new();
        builder.max_buf_size(BUFFER).max_headers(MOST_FIELDS);
        let (sender, connection) = builder.handshake::<TokioIo<Stream>, Uploading>(io).await?;
        spawn_local(async move {
            if let Err(e) = connection.with_upgrades().await {
                debug!("backend {name}: {e}");
            }
        });
        Ok(Sender::One(sender))
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn keep(&self, sender: Sender) {
        if let Sender::One(sender) = sender {
            self.idle.keep(sender);
        }
    }
}
