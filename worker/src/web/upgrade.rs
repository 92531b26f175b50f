//! HTTP connections that go on as WebSocket.

use super::accept::wants_page;
use super::answer::{Answer, Asked, HTML, content, failure};
use super::body::Body;
use super::clock::Busy;
use super::connection::Client;
use super::pages;
use super::watched::Watched;
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use crate::testee::Echo;
use crate::websocket::{self, Agreement, Refusal};
use bytes::{Bytes, BytesMut};
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use jackfield_shared::config::{WebsocketOptions, WebsocketTestee};
use std::io;
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tracing::debug;

/// An address that speaks WebSocket.
#[derive(Debug)]
pub(crate) struct Websocket {
    config: WebsocketTestee,
}

impl Websocket {
    pub(crate) fn new(config: &WebsocketTestee) -> Self {
        Self { config: config.clone() }
    }

    /// Answers a handshake, and serves the connection in a task of its own from then on.
    pub(crate) fn answer(self: &Rc<Self>, request: &mut Asked, client: &Rc<Client>) -> Answer {
        // An echo speaks no subprotocol.
        match websocket::handshake(request, &self.config.options, None) {
            Ok((response, compression)) => {
                let upgrade = hyper::upgrade::on(&mut *request);
                let (websocket, busy, client) = (Rc::clone(self), busy_of(request), Rc::clone(client));
                spawn_local(async move {
                    if let Err(e) = websocket.serve(upgrade, compression, &client).await {
                        debug!("{}: WebSocket: {e}", client.peer);
                    }
                    drop(busy);
                });
                response.map(|()| Body::Empty)
            }
            Err(refusal) => {
                refuse(request, refusal, client.secure, &self.config.options, self.config.url.as_deref())
            }
        }
    }

    async fn serve(
        &self,
        upgrade: OnUpgrade,
        compression: Option<Agreement>,
        client: &Client,
    ) -> io::Result<()> {
        match stream_of(upgrade.await.map_err(io::Error::other)?) {
            Ok(stream) => {
                stream.get_ref().set_nodelay(self.config.options.tcp_nodelay)?;
                self.echo(stream, compression, client).await
            }
            // One stream of several on the connection.
            Err(upgraded) => self.echo(TokioIo::new(upgraded), compression, client).await,
        }
    }

    async fn echo<S>(&self, stream: S, compression: Option<Agreement>, client: &Client) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (scratch, budget) = (&client.context.scratch, &client.context.budget);
        let debug = self.config.debug.then_some(client.peer);
        let terms = websocket::Terms { options: &self.config.options, compression, debug };
        websocket::serve(stream, terms, &mut Echo, &client.drain, scratch, budget).await
    }
}

/// The answer to a request that does not become a WebSocket connection. `url` is the address that clients use, where it is
/// not the one they have named.
pub(super) fn refuse<B>(
    request: &Request<B>,
    refusal: Refusal,
    secure: bool,
    options: &WebsocketOptions,
    url: Option<&str>,
) -> Answer {
    let asked = request.headers();
    let websocket = (UPGRADE, HeaderValue::from_static("websocket"));
    let upgrade = (CONNECTION, HeaderValue::from_static("Upgrade"));
    let required = StatusCode::UPGRADE_REQUIRED;
    let (mut answer, headers): (_, Vec<(HeaderName, HeaderValue)>) = match refusal {
        Refusal::NotWebSocket if options.enable_webstatus && wants_page(asked) => {
            let host = asked.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let scheme = if secure { "wss" } else { "ws" };
            let host = websocket::external(host, options);
            let own = || format!("{scheme}://{host}{}", request.uri().path());
            let url = url.map_or_else(own, str::to_owned);
            let mut answer = content(HTML, pages::websocket(&url));
            *answer.status_mut() = required;
            (answer, vec![websocket, upgrade])
        }
        Refusal::NotWebSocket => {
            (failure(asked, required, "This address speaks WebSocket."), vec![websocket, upgrade])
        }
        Refusal::Version => {
            let versions: Vec<_> = websocket::versions(options).collect();
            let versions = versions.join(", ");
            let text = format!("This address speaks version {versions} of WebSocket.");
            let said = HeaderValue::from_str(&versions).ok().map(|value| (SEC_WEBSOCKET_VERSION, value));
            (failure(asked, required, &text), [websocket, upgrade].into_iter().chain(said).collect())
        }
        Refusal::Malformed(why) => {
            let text = format!("This is no WebSocket handshake: {why}.");
            (failure(asked, StatusCode::BAD_REQUEST, &text), vec![])
        }
        Refusal::Origin(origin) => {
            let text = format!("Pages from {origin} may not connect to this address.");
            (failure(asked, StatusCode::FORBIDDEN, &text), vec![])
        }
    };
    answer.headers_mut().extend(headers);
    answer
}

/// What keeps a connection of HTTP/2 from counting as idle while a stream of it goes on as another protocol.
pub(super) fn busy_of(request: &mut Asked) -> Option<Busy> {
    request.extensions_mut().remove()
}

/// The connection as it was before hyper, with what hyper has read beyond the handshake in front; given back if it is a
/// stream of HTTP/2.
pub(super) fn stream_of(upgraded: Upgraded) -> Result<Prefixed<Stream>, Upgraded> {
    let parts = upgraded.downcast::<TokioIo<Watched>>()?;
    let (unread, stream) = parts.io.into_inner().into_inner().into_parts();
    let ahead = if unread.is_empty() { parts.read_buf } else { join(&parts.read_buf, &unread) };
    Ok(Prefixed::new(ahead, stream))
}

fn join(first: &Bytes, second: &Bytes) -> Bytes {
    let mut both = BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both.freeze()
}
