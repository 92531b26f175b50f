//! Transports: what is spoken on a listening endpoint, or on a connection.

mod backends;
mod connecting;
mod connections;
mod mqtt;
mod rawsocket;
mod section;
mod speaks;
mod testee;
mod universal;
mod web;
mod websocket;
mod websocket_options;

pub use backends::*;
pub use connecting::*;
pub use mqtt::*;
pub use rawsocket::*;
pub use section::*;
use serde_json::json;
pub use speaks::{Answer, DEFAULT_HANDSHAKE_TIMEOUT, Speaks};
pub use testee::*;
pub use universal::*;
pub use web::*;
pub use websocket::*;
pub use websocket_options::*;

use std::path::Path as FsPath;

use super::decode::*;
use super::endpoint::{ListeningEndpoint, WAMP_KEEPALIVE, WAMP_USER_TIMEOUT};
pub(crate) use super::keys::*;

/// Connections open at a time on one transport, in each process, unless it says otherwise.
pub const DEFAULT_MAX_CONNECTIONS: u32 = 50_000;

tagged! {
    /// What a transport speaks.
    pub enum TransportKind as "a transport" by "type" {
        /// RawSocket, WebSocket, MQTT and web services on one endpoint, told apart by the first bytes.
        Universal(Universal) = "universal",
        /// Web services.
        Web(Web) = "web",
        /// WAMP over WebSocket.
        Websocket(WebsocketTransport) = "websocket",
        /// WAMP over RawSocket.
        Rawsocket(RawsocketTransport) = "rawsocket",
        /// MQTT, bridged to WAMP.
        Mqtt(MqttSection) = "mqtt",
        /// WebSocket with an echo behind it.
        WebsocketTestee(WebsocketTestee) = "websocket.testee",
        /// RawSocket's handshake and framing with an echo behind them.
        RawsocketTestee(RawsocketTestee) = "rawsocket.testee",
        /// Sends every byte back.
        StreamTestee(StreamTestee) = "stream.testee",
        /// Carries every connection to one of several backends.
        StreamRelay(StreamRelay) = "stream.relay",
        /// Flash's policy file.
        Flashpolicy(Flashpolicy) = "flashpolicy",
    }
}

impl TransportKind {
    /// What each kind answers for itself.
    pub fn kind(&self) -> &dyn Speaks {
        match self {
            Self::Universal(transport) => transport,
            Self::Web(transport) => transport,
            Self::Websocket(transport) => transport,
            Self::Rawsocket(transport) => transport,
            Self::Mqtt(transport) => transport,
            Self::WebsocketTestee(transport) => transport,
            Self::RawsocketTestee(transport) => transport,
            Self::StreamTestee(transport) => transport,
            Self::StreamRelay(transport) => transport,
            Self::Flashpolicy(transport) => transport,
        }
    }
}

object! {
    /// A listening transport.
    pub struct Transport as "a transport" {
        /// A name, unique in its worker; absent: `transport001` and so on.
        pub id as "id": String = id(), default(json!("transport001"), String::new());
        /// Where it listens.
        pub endpoint as "endpoint": ListeningEndpoint = nested(), required;
        /// Connections open at a time, in each process; more are refused. Testees and Flash's policy take it in
        /// their endpoint only.
        pub max_connections as "max_connections": u32 = int(1..=4294967295), default(DEFAULT_MAX_CONNECTIONS);
        /// What is spoken, decided by `type`.
        pub kind as "type": TransportKind = nested::<TransportKind>(), flatten;
    }
    check Transport::check;
}

impl Transport {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        claim_id(&self.id, 2, fields, cx);
        let testee = matches!(
            self.kind,
            TransportKind::WebsocketTestee(_)
                | TransportKind::StreamTestee(_)
                | TransportKind::Flashpolicy(_)
        );
        if testee && fields.has("max_connections") {
            let span = fields.span_of("max_connections");
            cx.error_at("max_connections", span, "unknown attribute of this transport; its endpoint has one");
        }
    }

    /// Whether its connections are encrypted.
    pub fn has_tls(&self) -> bool {
        self.endpoint.tls().is_some()
    }

    /// Gives the transport the limit of its endpoint, if that has one, and the endpoint what WAMP wants of it; and names the
    /// file of a certificate that the node gets by itself.
    pub(super) fn settle(&mut self, node_dir: &FsPath) {
        if let Some(tls) = self.endpoint.tls_mut() {
            tls.settle(node_dir);
        }
        let wamp = self.kind.kind().speaks_wamp();
        if let ListeningEndpoint::Tcp(tcp) = &mut self.endpoint
            && wamp
        {
            // RawSocket's own pings end the connections of Autobahn|Python.
            tcp.keepalive.get_or_insert(WAMP_KEEPALIVE);
            tcp.user_timeout.get_or_insert(WAMP_USER_TIMEOUT);
        }
        let limit = match &self.endpoint {
            ListeningEndpoint::Tcp(tcp) => tcp.max_connections,
            ListeningEndpoint::Unix(unix) => unix.max_connections,
            ListeningEndpoint::Onion(onion) => onion.max_connections,
            ListeningEndpoint::Twisted(_) => None,
        };
        self.max_connections = limit.unwrap_or(self.max_connections);
    }
}
