//! What the rest of the program asks a transport, whatever it speaks.

use std::time::Duration;

/// Seconds until a client must have said what it speaks, unless it is configured.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

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

    /// How long a client may take until it has said what it speaks.
    fn handshake_timeout(&self) -> Duration {
        DEFAULT_HANDSHAKE_TIMEOUT
    }
}

/// HTTP, either version of it (ALPN).
pub(super) const HTTP: &[&str] = &["h2", "http/1.1"];
/// HTTP/1.1 alone, which WebSocket begins with.
pub(super) const HTTP_1: &[&str] = &["http/1.1"];
