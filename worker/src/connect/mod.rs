//! Connections to others: connecting endpoints of the configuration.

mod race;
mod socks;
mod tcp;
mod tor;
mod unix;

use crate::net::proxy_protocol::{Header, encode};
use crate::net::stream::Stream;
use crate::tls;
use crate::wamp;
use jackfield_shared::config::{
    ConnectingEndpoint, ProxyProtocolSend, TcpConnecting, TorConnecting, UnixConnecting,
};
use jackfield_shared::tls::Files;
use race::Attempts;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

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
        source: socks::SocksError,
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
pub(crate) struct Tried(Attempts);

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

/// What a process has been given to connect with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'p> {
    /// The files of TLS.
    pub(crate) files: &'p Files,
    /// Names the socket at which the node's Arti answers, if some endpoint needs it.
    pub(crate) arti: Option<&'p Rc<OwnedFd>>,
    /// Routes WAMP, if the worker has realms.
    pub(crate) wamp: Option<&'p Rc<wamp::Router>>,
}

impl<'p> Means<'p> {
    /// Where no endpoint needs Arti.
    pub(crate) fn of(files: &'p Files) -> Self {
        Self { files, arti: None, wamp: None }
    }
}

/// A connecting endpoint this release can connect to.
#[derive(Debug)]
pub(crate) struct Connector {
    target: Target,
    proxy_protocol: Option<ProxyProtocolSend>,
    tls: Option<tls::Connector>,
}

/// Where it goes.
#[derive(Debug)]
enum Target {
    Tcp(TcpConnecting),
    Unix(UnixConnecting),
    Tor(TorConnecting, Socks),
}

/// Where Tor is asked to connect.
#[derive(Clone, Debug)]
enum Socks {
    /// At this port of 127.0.0.1, where a tor daemon answers.
    Daemon(u16),
    /// At this socket, where the node's Arti does.
    Arti(Rc<OwnedFd>),
}

impl Connector {
    /// Takes an endpoint of the configuration, or says what this release lacks for it.
    pub(crate) fn new(endpoint: &ConnectingEndpoint, means: Means<'_>) -> Result<Self, String> {
        let (target, proxy_protocol) = match endpoint {
            ConnectingEndpoint::Tcp(tcp) => (Target::Tcp(tcp.clone()), tcp.proxy_protocol),
            ConnectingEndpoint::Unix(unix) => (Target::Unix(unix.clone()), unix.proxy_protocol),
            ConnectingEndpoint::Tor(tor) => {
                let socks = match (tor.tor_socks_port, means.arti) {
                    (Some(port), _) => Socks::Daemon(port),
                    (None, Some(arti)) => Socks::Arti(Rc::clone(arti)),
                    (None, None) => {
                        return Err(format!(
                            "{}:{}: the plan came without the node's Arti",
                            tor.host, tor.port
                        ));
                    }
                };
                (Target::Tor(tor.clone(), socks), tor.proxy_protocol)
            }
            ConnectingEndpoint::Twisted(_) => {
                return Err("connecting to a `twisted` endpoint is not in this release".into());
            }
        };
        let tls = tls::Connector::new(endpoint, means.files).map_err(|e| format!("{target}: {e}"))?;
        Ok(Self { target, proxy_protocol, tls })
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        let renewed = self.tls.as_ref().map_or(Ok(()), |tls| tls.renew(files));
        renewed.map_err(|e| format!("{self}: {e}"))
    }

    /// Connects, within the endpoint's time limit. TLS has as much time once more. `ends` tells for whom, where
    /// the peer is to know (PROXY protocol).
    pub(crate) async fn connect(&self, ends: impl FnOnce() -> Header) -> Result<Stream, ConnectError> {
        let (mut stream, timeout) = match &self.target {
            Target::Tcp(endpoint) => (tcp::connect(endpoint).await.map(Stream::Tcp)?, endpoint.timeout),
            Target::Unix(endpoint) => (unix::connect(endpoint).await.map(Stream::Unix)?, endpoint.timeout),
            Target::Tor(endpoint, socks) => (tor::connect(endpoint, socks).await?, tor::TIMEOUT),
        };
        if let Some(version) = self.proxy_protocol {
            // Fits into the socket's empty buffer, so it does not wait.
            let sent = stream.write_all(&encode(version, ends())).await;
            sent.map_err(|source| ConnectError::Proxy { to: self.to_string(), source })?;
        }
        let Some(tls) = &self.tls else { return Ok(stream) };
        let to = self.to_string();
        match within(timeout, tls.connect(stream)).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(e)) => Err(ConnectError::Tls { to, why: tls::explain(&e) }),
            None => Err(ConnectError::TlsTimeout { to, timeout }),
        }
    }
}

/// What to call it in a message.
impl fmt::Display for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => write!(f, "{}:{}", tcp.host, tcp.port),
            Self::Unix(unix) => write!(f, "unix:{}", unix.path.display()),
            Self::Tor(tor, _) => write!(f, "tor:{}:{}", tor.host, tor.port),
        }
    }
}

/// Runs `connecting` within `limit`; zero is no limit. `None` when the time is over.
async fn within<T>(limit: Duration, connecting: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        return Some(connecting.await);
    }
    tokio::time::timeout(limit, connecting).await.ok()
}
