//! Transports that need no router: echoes, the relay, and Flash's policy file.

use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::{Path, Remark, Severity};
use super::super::endpoint::{ConnectingEndpoint, port};
use super::WebsocketOptions;
use super::backends::{Backend, Balance, Health, backends, check_backends};
use super::speaks::{DEFAULT_HANDSHAKE_TIMEOUT, HTTP_1, Speaks};
use super::websocket::websocket_url;

object! {
    /// WebSocket with an echo behind it: as a transport, a path of `universal`, or a path service.
    pub struct WebsocketTestee as "a WebSocket testee" {
        /// The URL clients use, where it differs from what the endpoint says.
        pub url as "url": Option<String> = websocket_url(), optional;
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
        /// How WebSocket is spoken.
        pub options as "options": WebsocketOptions = nested(), defaulted;
    }
}

impl Speaks for WebsocketTestee {
    fn label(&self) -> String {
        "WebSocket echo".into()
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

    fn handshake_timeout(&self) -> Duration {
        match self.options.open_handshake_timeout {
            Duration::ZERO => DEFAULT_HANDSHAKE_TIMEOUT,
            limit => limit,
        }
    }
}

object! {
    /// Sends every byte back.
    pub struct StreamTestee as "a stream testee" {
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
}

impl Speaks for StreamTestee {
    fn label(&self) -> String {
        "echo".into()
    }
}

object! {
    /// Flash's policy file.
    pub struct Flashpolicy as "a Flash policy transport" {
        /// The domain whose pages may connect.
        pub allowed_domain as "allowed_domain": Option<String> = text(), optional;
        /// The ports they may connect to.
        pub allowed_ports as "allowed_ports": Vec<u16> = list(port()), default(json!([]), Vec::new());
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
}

impl Speaks for Flashpolicy {
    fn label(&self) -> String {
        "Flash policy".into()
    }

    fn unbuilt(&self, at: &Path) -> Vec<Remark> {
        vec![(Severity::NotBuilt, at.key("type"), "Flash's policy file is not built".into())]
    }
}

object! {
    /// Carries every connection to one of several backends.
    pub struct StreamRelay as "a stream relay" {
        /// Where to. Each connection's time limit is its endpoint's `timeout`.
        pub backends as "backends": Vec<Backend> = some(nested()), required;
        /// How one is chosen.
        pub balance as "balance": Balance = word(), default(json!("least-connections"), Balance::LeastConnections);
        /// Seconds without a byte in either direction after which a connection is closed; 0: never.
        pub idle_timeout as "idle_timeout": Duration = seconds(0.1..=604800.0).or_off(), default(json!(0), Duration::ZERO);
        /// Checks of the backends; absent: a backend that can't be reached is passed over, and asked last for the next 5 s.
        pub health as "health": Option<Health> = nested(), optional;
    }
    check |relay: &Self, fields: &mut Fields<'_>, cx: &mut Context<'_>| check_backends(&relay.backends, fields, cx);
}

impl Speaks for StreamRelay {
    fn label(&self) -> String {
        let count = self.backends.len();
        format!("relayed to {count} backend{}", if count == 1 { "" } else { "s" })
    }

    fn connections(&self, at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        backends(&self.backends, at)
    }
}
