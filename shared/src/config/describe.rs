//! What a transport is called in a status.

use super::transport::{Transport, TransportKind};

impl TransportKind {
    /// The word its `type` says.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Universal(_) => "universal",
            Self::Web(_) => "web",
            Self::Websocket(_) => "websocket",
            Self::Rawsocket(_) => "rawsocket",
            Self::Mqtt(_) => "mqtt",
            Self::WebsocketTestee(_) => "websocket.testee",
            Self::RawsocketTestee(_) => "rawsocket.testee",
            Self::StreamTestee(_) => "stream.testee",
            Self::StreamRelay(_) => "stream.relay",
            Self::Flashpolicy(_) => "flashpolicy",
        }
    }
}

impl Transport {
    /// Whether its connections are encrypted.
    pub fn has_tls(&self) -> bool {
        self.endpoint.tls().is_some()
    }
}
