//! Tor: connections through Tor, and the settings of the embedded Arti.

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
        /// Bytes, roughly, that may wait in its queues; above that the circuits on which most waits are closed. Absent: as
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
