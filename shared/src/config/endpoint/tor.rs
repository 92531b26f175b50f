//! Tor: onion services, connections through Tor, and the settings of the embedded Arti.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::*;

choice! {
    /// Which connections may share a circuit.
    pub enum Isolation {
        /// Any.
        None = "none",
        /// None: a circuit for each connection.
        Connection = "connection",
        /// Those to the same host and port.
        Destination = "destination",
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

object! {
    /// A connection through Tor.
    pub struct TorConnecting as "a connection through Tor" {
        /// The host, mostly an onion address; resolved by Tor.
        pub host as "host": String = host(), required;
        /// The port.
        pub port as "port": u16 = port(), required;
        /// The SOCKS port of a tor daemon on 127.0.0.1; absent: the embedded Arti connects.
        pub tor_socks_port as "tor_socks_port": Option<u16> = port(), optional;
        /// Which connections may share a circuit.
        pub isolation as "isolation": Isolation = word(), default(json!("none"), Isolation::None);
        /// The PROXY protocol is sent first, in this form.
        pub proxy_protocol as "proxy_protocol": Option<ProxyProtocolSend> = word(), optional;
        /// TLS inside of the Tor connection.
        pub tls as "tls": Option<TlsConnecting> = nested(), optional;
    }
    check TorConnecting::check;
}

impl TorConnecting {
    /// A connection to an onion service is encrypted by Tor from end to end; any other is open to the exit.
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let host = self.host.to_ascii_lowercase();
        let Some(onion) = host.strip_suffix(".onion") else {
            if self.tls.is_none() {
                let message =
                    "this traffic leaves Tor unencrypted: the exit can read and change it; use \"tls\"";
                cx.warn_at("host", fields.span_of("host"), message);
            }
            return;
        };
        let address = onion.rsplit('.').next().unwrap_or(onion);
        if address.len() == 16 {
            let message = "an onion address of version 2, which left the Tor network in 2021; version 3 has 56 characters";
            cx.warn_at("host", fields.span_of("host"), message);
        }
    }
}

object! {
    /// The embedded Arti.
    pub struct Tor as "the settings of the embedded Arti" {
        /// Where it keeps its state, relative to the node directory.
        pub state_directory as "state_directory": PathBuf = path(), special(Tor::state, Presence::Default(json!("tor")));
        /// Directory authorities of a private network; empty: the Tor network's.
        pub authorities as "authorities": Vec<TorAuthority> = list(nested()), default(json!([]), Vec::new());
        /// Fallback directories of a private network.
        pub fallback_directories as "fallback_directories": Vec<TorFallback> = list(nested()), default(json!([]), Vec::new());
        /// Bridge lines, as a bridge distributor gives them.
        pub bridges as "bridges": Vec<String> = list(text()), default(json!([]), Vec::new());
        /// Seconds until Tor must be up for the first time; after that, endpoints say so and it goes on trying.
        pub bootstrap_timeout as "bootstrap_timeout": Duration = seconds(1.0..=3600.0), default(json!(120), Duration::from_secs(120));
        /// Octets, roughly, that may wait in its queues; above that the circuits on which most waits are closed. Absent: as
        /// Arti chooses by the memory of the machine.
        pub max_queued as "max_queued": Option<u64> = int(16777216..=1099511627776), optional;
    }
    check Tor::check;
}

impl Tor {
    fn state(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<PathBuf> {
        let default = cx.absolute("tor");
        fields.given("state_directory", &path(), cx).unwrap_or(Some(default))
    }

    /// Fallback directories lead into one network, and its authorities vouch for it: neither is of use alone.
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let [authorities, fallbacks] = ["authorities", "fallback_directories"];
        let (given, missing) = match (self.authorities.is_empty(), self.fallback_directories.is_empty()) {
            (false, true) => (authorities, fallbacks),
            (true, false) => (fallbacks, authorities),
            _ => return,
        };
        cx.error_at(
            given,
            fields.span_of(given),
            format!("needs \"{missing}\" of the same network beside it"),
        );
    }
}

object! {
    /// A directory authority of a private Tor network.
    pub struct TorAuthority as "a directory authority" {
        /// A name for people.
        pub name as "name": String = text(), required;
        /// The authority's identity fingerprint, 40 hexadecimal digits.
        pub v3ident as "v3ident": String = matching("40 hexadecimal digits", Some("^[0-9A-Fa-f]{40}$"), |text| is_hex(text, 40)), required;
    }
}

object! {
    /// A fallback directory of a private Tor network.
    pub struct TorFallback as "a fallback directory" {
        /// RSA identity fingerprint, 40 hexadecimal digits.
        pub rsa_identity as "rsa_identity": String = matching("40 hexadecimal digits", Some("^[0-9A-Fa-f]{40}$"), |text| is_hex(text, 40)), required;
        /// Ed25519 identity, base64 without padding.
        pub ed_identity as "ed_identity": String = matching("43 characters of base64", None, |text| text.len() == 43), required;
        /// Its OR ports, each `ADDRESS:PORT`.
        pub orports as "orports": Vec<String> = some(matching("ADDRESS:PORT", None, |text| text.parse::<std::net::SocketAddr>().is_ok())), required;
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
}
