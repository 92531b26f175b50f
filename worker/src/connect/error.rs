//! Why there is no connection, and the time that it may take.

use super::race::Attempts;
use super::socks::SocksError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The host's name has no address, or nobody could be asked.
    #[error("{host}: the name can't be resolved: {source}")]
    Resolve {
        host: String,
        #[source]
        source: io::Error,
    },
    /// It has addresses, but none of the IP version wanted.
    #[error("{host}: the name has no address of IP version {version}")]
    NoAddress { host: String, version: u8 },
    /// No address answered.
    #[error("{}", attempts.of(host, *port))]
    Tcp { host: String, port: u16, attempts: Attempts },
    /// There was no connection in time.
    #[error("{to}: no connection within {} s{attempts}", .timeout.as_secs_f64())]
    Timeout { to: String, timeout: Duration, attempts: Tried },
    /// The tor daemon doesn't answer.
    #[error("127.0.0.1:{port}: no tor daemon answers at this SOCKS port (`tor_socks_port`): {source}")]
    NoTor {
        port: u16,
        #[source]
        source: io::Error,
    },
    /// The node's own Arti doesn't answer.
    #[error(
        "the node's Arti does not answer: {0}; see the state of the worker that runs it (`jackfield status`)"
    )]
    NoArti(#[source] io::Error),
    /// Tor can't connect.
    #[error("{to}: {source}")]
    Tor {
        to: String,
        #[source]
        source: SocksError,
    },
    /// A Unix socket doesn't answer.
    #[error("unix:{}: {source}", .path.display())]
    Unix {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The peer does not take the PROXY protocol's header.
    #[error("{to}: PROXY protocol: {source}")]
    Proxy {
        to: String,
        #[source]
        source: io::Error,
    },
    /// There is a connection, but no TLS on it.
    #[error("{to}: TLS: {why}")]
    Tls { to: String, why: String },
    /// The peer did not go on with the handshake.
    #[error("{to}: TLS: the handshake was not complete within {} s", .timeout.as_secs_f64())]
    TlsTimeout { to: String, timeout: Duration },
}

/// What had been tried when the time was over.
#[derive(Debug, Default)]
pub(crate) struct Tried(pub(super) Attempts);

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

/// Runs `connecting` within `limit`; zero is no limit. `None` when the time is over.
pub(super) async fn within<T>(limit: Duration, connecting: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        return Some(connecting.await);
    }
    tokio::time::timeout(limit, connecting).await.ok()
}
