//! WAMP over WebSocket.

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::wamp::{Auth, Cookie};
use super::WebsocketOptions;
use super::section::{Section, Serializer};
use super::speaks::{DEFAULT_HANDSHAKE_TIMEOUT, HTTP_1, Speaks};
use serde_json::json;
use std::time::Duration;

choice! {
    /// What becomes of messages for a client that does not take them.
    pub enum QueuePolicy {
        /// The oldest events are dropped and counted; replies are never dropped.
        DropEvents = "drop-events",
        /// The connection is closed.
        Close = "close",
    }
}

object! {
    /// Messages that wait for a client. A client with more than that to come, and no events that could be dropped, is
    /// disconnected.
    pub struct Queue as "the queue of a client" {
        /// Bytes of messages that wait for one client, at most.
        pub max_size as "max_size": u64 = int(65536..=1_073_741_824), default(16_777_216);
        /// What becomes of more.
        pub policy as "policy": QueuePolicy = word(), default(json!("drop-events"), QueuePolicy::DropEvents);
    }
    absent default;
}

object! {
    /// WAMP over WebSocket: as a transport, a path of `universal`, or a path service.
    pub struct WebsocketSection as "a WAMP-WebSocket section" {
        /// The URL clients use, where it differs from what the endpoint says.
        pub url as "url": Option<String> = websocket_url(), optional;
        /// The serializers offered; absent: every one.
        pub serializers as "serializers": Option<Vec<Serializer>> = list(word()), optional;
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
        /// How WebSocket is spoken.
        pub options as "options": WebsocketOptions = nested(), defaulted;
        /// How clients authenticate; absent: anonymously.
        pub auth as "auth": Option<Auth> = nested(), optional;
        /// Messages that wait for a client which does not take them.
        pub queue as "queue": Queue = nested(), defaulted;
        /// A cookie by which a browser is known again.
        pub cookie as "cookie": Option<Cookie> = nested(), optional;
    }
}

impl WebsocketSection {
    /// What WAMP clients are told there.
    pub(crate) fn section(&self) -> Section<'_> {
        Section {
            serializers: self.serializers.as_deref(),
            auth: self.auth.as_ref(),
            cookie: self.cookie.as_ref(),
        }
    }
}

impl Speaks for WebsocketSection {
    fn label(&self) -> String {
        "WAMP over WebSocket".into()
    }

    fn speaks_wamp(&self) -> bool {
        true
    }

    fn alpn(&self) -> &'static [&'static str] {
        HTTP_1
    }

    fn speaks_http(&self) -> bool {
        true
    }

    fn scheme(&self) -> Option<&'static str> {
        Some("ws")
    }

    fn sections(&self, at: &Path) -> Vec<(Path, Section<'_>)> {
        vec![(at.clone(), self.section())]
    }

    fn handshake_timeout(&self) -> Duration {
        match self.options.open_handshake_timeout {
            Duration::ZERO => DEFAULT_HANDSHAKE_TIMEOUT,
            limit => limit,
        }
    }
}

/// A `websocket` transport.
pub type WebsocketTransport = WebsocketSection;

/// A `ws://` or `wss://` URL.
pub(crate) fn websocket_url() -> Text {
    matching("a URL like ws://host:port/path or wss://…", Some("^wss?://"), |url| {
        is_url(url, &["ws", "wss"])
    })
}

/// Whether `url` is one of these schemes with a host and, if any, a valid port, and no fragment.
pub(crate) fn is_url(url: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if !schemes.contains(&scheme.to_ascii_lowercase().as_str()) || url.contains('#') {
        return false;
    }
    // A Unix socket's path takes the place of a host: ws+unix is written `ws://unix:/path`.
    if host == "unix" || host.starts_with("unix:") {
        return true;
    }
    let (host, port) = match host.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => return false,
        },
        None => match host.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, None),
        },
    };
    let port_fine = port.is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0));
    !host.is_empty() && !host.contains(char::is_whitespace) && port_fine
}
