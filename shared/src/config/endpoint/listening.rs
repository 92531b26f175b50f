//! Listening endpoints.

use std::path::PathBuf;

use serde_json::json;

use super::super::decode::*;
use super::*;

tagged! {
    /// Where a transport listens.
    pub enum ListeningEndpoint as "a listening endpoint" by "type" {
        /// A TCP port.
        Tcp(TcpListening) = "tcp",
        /// A Unix domain socket.
        Unix(UnixListening) = "unix",
        /// A Tor onion service.
        Onion(OnionListening) = "onion",
        /// One of Twisted's endpoint strings; read as the endpoint it names.
        Twisted(TwistedListening) = "twisted",
    }
    finish ListeningEndpoint::finish;
}

impl ListeningEndpoint {
    /// Its section of TLS.
    pub fn tls(&self) -> Option<&TlsListening> {
        match self {
            Self::Tcp(tcp) => tcp.tls.as_ref(),
            Self::Unix(unix) => unix.tls.as_ref(),
            Self::Onion(onion) => onion.tls.as_ref(),
            Self::Twisted(_) => None,
        }
    }

    pub(crate) fn tls_mut(&mut self) -> Option<&mut TlsListening> {
        match self {
            Self::Tcp(tcp) => tcp.tls.as_mut(),
            Self::Unix(unix) => unix.tls.as_mut(),
            Self::Onion(onion) => onion.tls.as_mut(),
            Self::Twisted(_) => None,
        }
    }

    fn finish(self, fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<Self> {
        let endpoint = match self {
            Self::Twisted(twisted) => match twisted.meaning(fields, cx)? {
                None => Self::Twisted(twisted),
                Some(object) => {
                    let before = cx.listeners.len();
                    let endpoint = object.read(cx);
                    // The outer endpoint claims its address itself.
                    cx.listeners.truncate(before);
                    endpoint?
                }
            },
            other => other,
        };
        let what = match &endpoint {
            Self::Tcp(tcp) => Address::Tcp {
                ports: match tcp.port {
                    ListenPort::Port(port) => (port, port),
                    ListenPort::Range(first, last) => (first, last),
                },
                interface: tcp.interface.clone(),
                version: tcp.version,
                shared: tcp.shared,
            },
            Self::Unix(unix) => Address::Unix(unix.path.clone()),
            Self::Onion(onion) => Address::Onion(onion.private_key_file.clone()),
            Self::Twisted(_) => return Some(endpoint),
        };
        let span = match &endpoint {
            Self::Tcp(_) if fields.has("port") => fields.span_of("port"),
            Self::Unix(_) => fields.span_of("path"),
            Self::Onion(_) => fields.span_of("private_key_file"),
            _ => fields.span,
        };
        cx.listeners.push(super::super::decode::Claim { what, path: cx.path().clone(), span });
        Some(endpoint)
    }
}

object! {
    /// An onion service: an ordinary private listener, and the publishing of its address.
    pub struct OnionListening as "an onion service" {
        /// The port clients use, on the onion address.
        pub port as "port": u16 = port(), required;
        /// The service's key, relative to the node directory; created if missing, mode 0600. The address of the
        /// service depends on this file alone.
        pub private_key_file as "private_key_file": PathBuf = path(), required;
        /// How to reach the control port of a tor daemon; absent: the embedded Arti publishes.
        pub tor_control_endpoint as "tor_control_endpoint": Option<Box<ConnectingEndpoint>> = boxed(nested()), optional;
        /// The control port's password (`HashedControlPassword` of tor(1)), for a daemon that wants one.
        pub tor_control_password as "tor_control_password": Option<Secret> = secret(), optional;
        /// A file whose first line is that password, relative to the node directory.
        pub tor_control_password_file as "tor_control_password_file": Option<PathBuf> = path(), optional;
        /// The version of the service.
        pub version as "version": u8 = int(2..=3), default(3);
        /// The private listener behind the service; absent: one of the node's choice.
        pub target as "target": Option<Box<ListeningEndpoint>> = boxed(nested()), optional;
        /// Only clients that hold one of these x25519 keys (base32) can find and reach the service.
        pub authorized_clients as "authorized_clients": Vec<String> = list(client_key()), default(json!([]), Vec::new());
        /// Streams a client may have open on one circuit; 0: any number.
        pub max_streams as "max_streams": u16 = int(0..=65535), default(0);
        /// Connections open at a time through this endpoint, in each process; the transport's, if absent.
        pub max_connections as "max_connections": Option<u32> = int(1..=4294967295), optional;
        /// TLS inside of the onion connection.
        pub tls as "tls": Option<TlsListening> = nested(), optional;
    }
    check OnionListening::check;
}

impl OnionListening {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if self.version == 2 {
            cx.warn_at("version", fields.span_of("version"), "version 2 left the Tor network in 2021; use 3");
        }
        if self.tor_control_password.is_some() && self.tor_control_password_file.is_some() {
            cx.error_at(
                "tor_control_password_file",
                fields.span_of("tor_control_password_file"),
                "stands beside \"tor_control_password\"; give one of them",
            );
        }
        for key in ["tor_control_password", "tor_control_password_file"] {
            if fields.has(key) && self.tor_control_endpoint.is_none() {
                let message = "has a meaning only together with \"tor_control_endpoint\"";
                cx.error_at(key, fields.span_of(key), message);
            }
        }
        self.check_control(fields, cx);
        if matches!(self.target.as_deref(), Some(ListeningEndpoint::Onion(_))) {
            cx.error_at(
                "target",
                fields.span_of("target"),
                "found an onion service, expected a private tcp or unix listener",
            );
        }
    }
}

impl OnionListening {
    /// Tor's control port is a TCP port or a Unix socket, and never speaks TLS (tor(1), `ControlPort`).
    fn check_control(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let Some(control) = self.tor_control_endpoint.as_deref() else { return };
        let message = if matches!(control, ConnectingEndpoint::Tor(_)) {
            "found a connection through Tor, expected the tcp or unix endpoint of a tor daemon's control port"
        } else if control.tls().is_some() {
            "has \"tls\", which no tor daemon's control port speaks; use a Unix socket, or a port of 127.0.0.1"
        } else {
            return;
        };
        cx.error_at("tor_control_endpoint", fields.span_of("tor_control_endpoint"), message);
    }
}

/// `descriptor:x25519:` and 52 characters of base32, or these alone. The last one stands for one bit, the last of 256.
fn client_key() -> Text {
    matching("an x25519 public key in base32 (52 characters)", None, |text| {
        let key = text.strip_prefix("descriptor:x25519:").unwrap_or(text);
        key.len() == 52
            && key.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'2'..=b'7'))
            && key.ends_with(['A', 'a', 'Q', 'q'])
    })
}
