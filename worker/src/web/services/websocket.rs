//! The path services `websocket` and `websocket.testee`: HTTP connections that go on as WebSocket.

use super::service::{Answering, Service};
use crate::connect::Means;
use crate::testee::Echo;
use crate::wamp;
use crate::web::engine::accept::wants_page;
use crate::web::engine::answer::{Answer, HTML, content, failure};
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::pages;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use crate::web::engine::upgrade::{Upgrading, busy_of, upgrading};
use crate::websocket::{self, Agreement, Refusal};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_VERSION, SET_COOKIE, UPGRADE,
};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use jackfield_shared::config::{WebsocketOptions, WebsocketSection, WebsocketTestee};
use std::io;
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tracing::debug;

/// An address that speaks WebSocket.
#[derive(Debug)]
pub(crate) struct Websocket {
    options: WebsocketOptions,
    /// The address that clients use, where it is not the one they have named.
    url: Option<String>,
    debug: bool,
    speaks: Speaks,
}

/// What takes the messages.
#[derive(Debug)]
enum Speaks {
    Echo,
    Wamp(Rc<wamp::Endpoint>),
}

impl Websocket {
    /// The testee, which sends every message back.
    pub(crate) fn echo(config: &WebsocketTestee) -> Self {
        let WebsocketTestee { options, url, debug } = config.clone();
        Self { options, url, debug, speaks: Speaks::Echo }
    }

    /// WAMP; the error says what is not built, or is wrong.
    pub(crate) fn wamp(config: &WebsocketSection, means: Means<'_>) -> Result<Self, String> {
        let WebsocketSection { mut options, url, debug, .. } = config.clone();
        if options.auto_ping_interval.is_none() {
            options.auto_ping_interval = Some(wamp::PING);
            if options.auto_ping_timeout.is_zero() {
                options.auto_ping_timeout = wamp::PING;
            }
        }
        let speaks = Speaks::Wamp(wamp::Endpoint::websocket(config, means.wamp)?);
        Ok(Self { options, url, debug, speaks })
    }

    /// Answers a handshake, and serves the connection in a task of its own from then on.
    fn respond(self: &Rc<Self>, request: &mut Asked, client: &Rc<Client>) -> Answer {
        let mut agreed = match &self.speaks {
            // An echo speaks no subprotocol.
            Speaks::Echo => None,
            Speaks::Wamp(endpoint) => endpoint.handshake(request.headers()),
        };
        let protocol = agreed.as_ref().and_then(|agreed| agreed.protocol.as_ref());
        let (mut response, compression) = match websocket::handshake(request, &self.options, protocol) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                return refuse(request, refusal, client.is_secure(), &self.options, self.url.as_deref());
            }
        };
        if agreed.is_none() && matches!(self.speaks, Speaks::Wamp(_)) {
            let why = Refusal::Malformed(
                "it offers no subprotocol of WAMP that is spoken here, such as wamp.2.json",
            );
            return refuse(request, why, client.is_secure(), &self.options, self.url.as_deref());
        }
        if let Some(cookie) = agreed.as_ref().and_then(|agreed| agreed.set_cookie.clone()) {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        let upgrade = upgrading(request);
        let (websocket, busy, client) = (Rc::clone(self), busy_of(request), Rc::clone(client));
        spawn_local(async move {
            if let Err(e) = websocket.serve(upgrade, &mut agreed, compression, &client).await {
                debug!("{}: WebSocket: {e}", client.peer);
            }
            drop(busy);
        });
        response.map(|()| Body::Empty)
    }

    async fn serve(
        &self,
        upgrade: Upgrading,
        agreed: &mut Option<wamp::Handshake>,
        compression: Option<Agreement>,
        client: &Client,
    ) -> io::Result<()> {
        match upgrade.stream().await? {
            Ok(mut stream) => {
                stream.get_ref().set_nodelay(self.options.tcp_nodelay)?;
                let talked = self.talk(&mut stream, agreed, compression, client).await;
                if talked.is_err() {
                    // What waits in the socket would keep it for many minutes more.
                    stream.get_ref().reset_when_closed();
                }
                talked
            }
            // One stream of several on the connection.
            Err(upgraded) => self.talk(TokioIo::new(upgraded), agreed, compression, client).await,
        }
    }

    async fn talk<S>(
        &self,
        stream: S,
        agreed: &mut Option<wamp::Handshake>,
        compression: Option<Agreement>,
        client: &Client,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (scratch, budget) = (&client.context.scratch, &client.context.budget);
        let debug = self.debug.then_some(client.peer);
        let terms = websocket::Terms { options: &self.options, compression, debug };
        if let (Speaks::Wamp(endpoint), Some(agreed)) = (&self.speaks, agreed.take()) {
            let mut peer = endpoint.open_websocket(agreed, client.who());
            return websocket::serve(stream, terms, &mut peer, &client.drain, scratch, budget).await;
        }
        websocket::serve(stream, terms, &mut Echo, &client.drain, scratch, budget).await
    }
}

impl Service for Rc<Websocket> {
    fn answer<'a>(&'a self, request: &'a mut Asked, _: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::Ready(self.respond(request, client))
    }
}

/// The answer to a request that does not become a WebSocket connection. `url` is the address that clients use, where it is
/// not the one they have named.
pub(in crate::web) fn refuse<B>(
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
            // It is shown, so nothing is wrong; 426 is for who does not take it.
            answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            (answer, vec![])
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
