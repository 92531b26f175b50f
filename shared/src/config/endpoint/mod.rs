//! Endpoints: where a transport listens, and where a connection goes.

mod acme;
mod connecting;
mod listening;
mod places;
mod sockets;
mod tls;
mod tor;
mod twisted;

pub use acme::*;
pub use connecting::*;
pub use listening::*;
pub(crate) use places::*;
pub use sockets::*;
use std::time::Duration;
pub use tls::*;
pub use tor::*;
pub use twisted::*;

pub(crate) use super::address::Address;
pub use super::address::IpVersion;
use super::decode::{Context, Fields, Rule, choice, int, one_of, then, word};

/// A port number.
pub(crate) fn port() -> super::decode::Int<u16> {
    int(1..=65535)
}

/// Reads [`IpVersion`].
pub(crate) fn ip_version() -> impl Rule<Out = IpVersion> {
    then(one_of(&[4, 6]), |version, _, _| Some(if version == 4 { IpVersion::V4 } else { IpVersion::V6 }))
}

choice! {
    /// The PROXY protocol's version a connecting endpoint sends.
    pub enum ProxyProtocolSend {
        /// The text form.
        V1 = "v1",
        /// The binary form.
        V2 = "v2",
    }
}

choice! {
    /// The PROXY protocol's version a listening endpoint takes.
    pub enum ProxyProtocolAccept {
        /// The text form.
        V1 = "v1",
        /// The binary form.
        V2 = "v2",
        /// Either.
        Auto = "auto",
    }
}

/// From whom a listening endpoint takes the PROXY protocol, and in which form.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ProxyProtocol {
    /// The form.
    pub version: ProxyProtocolAccept,
    /// Networks whose word is taken, as `ADDRESS` or `ADDRESS/BITS`.
    pub trusted: Vec<String>,
}

/// The address of a network and how many of its bits count: of `ADDRESS`, `ADDRESS/BITS`, or `ADDRESS/NETMASK`.
pub fn network(text: &str) -> Option<(std::net::IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address = address.parse::<std::net::IpAddr>().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => most,
        Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().ok()?,
        Some(mask) if address.is_ipv4() => {
            let mask = mask.parse::<std::net::Ipv4Addr>().ok()?.to_bits();
            (mask.leading_ones() == mask.count_ones()).then_some(mask.count_ones() as u8)?
        }
        Some(_) => return None,
    };
    (bits <= most).then_some((address, bits))
}

/// Whether `text` is an IP address or a network.
pub(crate) fn is_network(text: &str) -> bool {
    network(text).is_some()
}

/// Reads `proxy_protocol` and `trusted`.
pub(crate) fn proxy_protocol(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<Option<ProxyProtocol>> {
    let version = fields.given("proxy_protocol", &word::<ProxyProtocolAccept>(), cx);
    let trusted = fields.given("trusted", &trusted(), cx);
    match (version, trusted) {
        (None, None) => Some(None),
        (Some(version), Some(trusted)) => Some(Some(ProxyProtocol { version: version?, trusted: trusted? })),
        (Some(_), None) => {
            let span = fields.span_of("proxy_protocol");
            cx.error_at(
                "proxy_protocol",
                span,
                "needs \"trusted\" beside it: the networks whose word about the client is taken",
            );
            None
        }
        (None, Some(_)) => {
            let span = fields.span_of("trusted");
            cx.error_at("trusted", span, "has a meaning only together with \"proxy_protocol\"");
            None
        }
    }
}

pub(crate) fn trusted() -> impl Rule<Out = Vec<String>> {
    super::decode::some(one_network())
}

pub(crate) fn one_network() -> super::decode::Text {
    super::decode::matching("an IP address or a network like 10.0.0.0/8", None, is_network)
}

/// Of endpoints where WAMP is spoken, so that a peer that is gone without a word does not keep its names.
pub(crate) const WAMP_KEEPALIVE: Duration = Duration::from_secs(30);
pub(crate) const WAMP_USER_TIMEOUT: Duration = Duration::from_secs(60);
