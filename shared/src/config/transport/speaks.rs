//! What the rest of the program asks a transport, whatever it speaks.

use super::super::diagnostic::{Path, Remark};
use super::super::endpoint::ConnectingEndpoint;
use super::section::Section;
use std::time::Duration;

/// Seconds until a client must have said what it speaks, unless it is configured.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// One thing that an address answers, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it is.
    pub what: String,
    /// The scheme of its URL, without TLS; absent: no URL leads to it.
    pub scheme: Option<&'static str>,
    /// The path that it is at, as the configuration writes it; absent: it is all of the address.
    pub path: Option<String>,
}

/// A kind of transport: each answers for itself.
pub trait Speaks {
    /// What it is to its clients, for people: `WebSocket echo`.
    fn label(&self) -> String;

    /// Whether WAMP clients may connect.
    fn speaks_wamp(&self) -> bool {
        false
    }

    /// The protocols that TLS offers (ALPN), the preferred one first; none: it offers none.
    fn alpn(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether a client may begin with a request of HTTP.
    fn speaks_http(&self) -> bool {
        false
    }

    /// The scheme of its clients' URLs, without TLS; absent: `tcp`.
    fn scheme(&self) -> Option<&'static str> {
        None
    }

    /// What its address answers, the web first.
    fn answers(&self) -> Vec<Answer> {
        vec![Answer { what: self.label(), scheme: self.scheme(), path: None }]
    }

    /// Where WAMP clients come in, apart from path services; `at` is where the transport is.
    fn sections(&self, _at: &Path) -> Vec<(Path, Section<'_>)> {
        Vec::new()
    }

    /// The endpoints that its connections are carried to, apart from path services; `at` is where the transport is.
    fn connections(&self, _at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        Vec::new()
    }

    /// What of it is not in this release, apart from its sections and path services; `at` is where the transport is.
    fn unbuilt(&self, _at: &Path) -> Vec<Remark> {
        Vec::new()
    }

    /// How long a client may take until it has said what it speaks.
    fn handshake_timeout(&self) -> Duration {
        DEFAULT_HANDSHAKE_TIMEOUT
    }
}

/// HTTP, either version of it (ALPN).
pub(super) const HTTP: &[&str] = &["h2", "http/1.1"];
/// HTTP/1.1 alone, which WebSocket begins with.
pub(super) const HTTP_1: &[&str] = &["http/1.1"];
/// The scheme of URLs of RawSocket.
pub(super) const RAWSOCKET: &str = "rs";
