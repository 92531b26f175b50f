//! Connections to others: connecting endpoints of the configuration.

mod drained;
mod error;
mod kept;
mod race;
mod socks;
mod tcp;
mod tor;
mod unix;

pub(crate) use drained::Drained;
pub(crate) use error::ConnectError;
pub(crate) use kept::Kept;
pub(crate) use socks::fuzz as fuzz_socks;
pub(crate) use unix::dial;

use crate::net::proxy_protocol::{Header, encode};
use crate::net::stream::Stream;
use crate::tls;
use crate::wamp;
use error::within;
use jackfield_shared::config::{
    ConnectingEndpoint, ProxyProtocolSend, TcpConnecting, TorConnecting, UnixConnecting,
};
use jackfield_shared::tls::Files;
use std::fmt;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::io::AsyncWriteExt;
use tor::Socks;

/// What a process has been given to connect with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'p> {
    /// The files of TLS.
    pub(crate) files: &'p Files,
    /// Names the socket at which the node's Arti answers, if some endpoint needs it.
    pub(crate) arti: Option<&'p Rc<OwnedFd>>,
    /// Routes WAMP, if the worker has realms.
    pub(crate) wamp: Option<&'p Rc<wamp::Router>>,
    /// The servers to which nobody new is carried.
    pub(crate) drained: Option<&'p Rc<Drained>>,
}

impl<'p> Means<'p> {
    /// Where no endpoint needs Arti.
    pub(crate) fn of(files: &'p Files) -> Self {
        Self { files, arti: None, wamp: None, drained: None }
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
            Self::Tcp(tcp) => tcp.fmt(f),
            Self::Unix(unix) => unix.fmt(f),
            Self::Tor(tor, _) => tor.fmt(f),
        }
    }
}
