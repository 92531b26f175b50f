//! Transports of connections: a component's, a proxy's, a backend's.

use super::super::decode::*;
use super::super::endpoint::{ConnectingEndpoint, WAMP_KEEPALIVE, WAMP_USER_TIMEOUT};
use super::rawsocket::rawsocket_serializer;
use super::websocket::{is_url, websocket_url};
use super::*;

tagged! {
    /// What is spoken on a connection.
    pub enum ConnectingTransport as "a connecting transport" by "type" {
        /// WAMP over WebSocket.
        Websocket(WebsocketConnecting) = "websocket",
        /// WAMP over RawSocket.
        Rawsocket(RawsocketConnecting) = "rawsocket",
    }
    silent {
        /// A name.
        "id" = id();
    }
}

impl ConnectingTransport {
    /// Gives the endpoint what WAMP wants of it.
    pub(crate) fn settle(&mut self) {
        let endpoint = match self {
            Self::Websocket(websocket) => &mut websocket.endpoint,
            Self::Rawsocket(rawsocket) => &mut rawsocket.endpoint,
        };
        if let ConnectingEndpoint::Tcp(tcp) = endpoint {
            tcp.keepalive.get_or_insert(WAMP_KEEPALIVE);
            tcp.user_timeout.get_or_insert(WAMP_USER_TIMEOUT);
        }
    }

    /// Where it goes.
    pub fn endpoint(&self) -> &ConnectingEndpoint {
        match self {
            Self::Websocket(websocket) => &websocket.endpoint,
            Self::Rawsocket(rawsocket) => &rawsocket.endpoint,
        }
    }
}

object! {
    /// WAMP over WebSocket, as a client.
    pub struct WebsocketConnecting as "a connecting WebSocket transport" {
        /// Where to.
        pub endpoint as "endpoint": ConnectingEndpoint = nested(), required;
        /// The URL asked for.
        pub url as "url": String = websocket_url(), required;
        /// The serializers offered; absent: every one.
        pub serializers as "serializers": Option<Vec<Serializer>> = list(word()), optional;
        /// How WebSocket is spoken.
        pub options as "options": WebsocketOptions = nested(), defaulted;
    }
}

object! {
    /// WAMP over RawSocket, as a client.
    pub struct RawsocketConnecting as "a connecting RawSocket transport" {
        /// Where to.
        pub endpoint as "endpoint": ConnectingEndpoint = nested(), required;
        /// The serializer.
        pub serializer as "serializer": Serializer = rawsocket_serializer(), required;
        /// A URL like `rs://host:port`, for people. One of WebSocket has no effect, which is said.
        pub url as "url": Option<String> = nullable(rawsocket_url()), default(serde_json::json!(null), None);
        /// RawSocket's options.
        pub options as "options": RawsocketOptions = nested(), defaulted;
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
}

fn rawsocket_url() -> impl Rule<Out = String> {
    let url = matching("a URL like rs://host:port or rss://…", Some("^((rs|ws)s?://|$)"), |url| {
        let is_rawsocket = is_url(url, &["rs", "rss"]) && (url.contains("://unix:") || !has_path(url));
        // Crossbar.io takes them, and so do many configurations that were written for WebSocket.
        url.is_empty() || is_rawsocket || is_url(url, &["ws", "wss"])
    });
    then(url, |url, value, cx| {
        if is_url(&url, &["ws", "wss"]) {
            cx.warn(value.span, "has no effect: it is an address of WebSocket, and RawSocket is spoken here");
        }
        Some(url)
    })
}

/// RawSocket has no paths; only a Unix socket's stands in a URL.
fn has_path(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']))
}
