//! Connecting through Tor, by the SOCKS proxy of a tor daemon or of the node's Arti.

use super::error::{ConnectError, Tried, within};
use super::{socks, unix};
use crate::net::stream::Stream;
use jackfield_shared::config::{Isolation, TorConnecting};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Where Tor is asked to connect.
#[derive(Clone, Debug)]
pub(super) enum Socks {
    /// At this port of 127.0.0.1, where a tor daemon answers.
    Daemon(u16),
    /// At this socket, where the node's Arti does.
    Arti(Rc<OwnedFd>),
}

/// How long Tor may take: circuits to an onion service are built on demand. Tor itself gives up after this time
/// (`SocksTimeout` of tor(1)).
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

pub(super) async fn connect(endpoint: &TorConnecting, proxy: &Socks) -> Result<Stream, ConnectError> {
    let TorConnecting { host, port, .. } = endpoint;
    let to = format!("{host}:{port} through {proxy}");
    let destination = format!("{host}:{port}");
    let secret;
    let isolation = match endpoint.isolation {
        Isolation::None => None,
        Isolation::Destination => Some(("jackfield", destination.as_str())),
        Isolation::Connection => {
            let random = RandomState::new();
            secret = format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1));
            Some(("jackfield", secret.as_str()))
        }
    };
    let connecting = async {
        let mut stream = proxy.connect().await.map_err(|source| match proxy {
            Socks::Daemon(port) => ConnectError::NoTor { port: *port, source },
            Socks::Arti(_) => ConnectError::NoArti(source),
        })?;
        socks::connect(&mut stream, host, *port, isolation)
            .await
            .map_err(|source| ConnectError::Tor { to: to.clone(), source })?;
        Ok(stream)
    };
    within(TIMEOUT, connecting).await.unwrap_or_else(|| {
        Err(ConnectError::Timeout { to: to.clone(), timeout: TIMEOUT, attempts: Tried::default() })
    })
}

impl Socks {
    async fn connect(&self) -> io::Result<Stream> {
        match self {
            Self::Daemon(port) => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            // By the descriptor: the way to the socket leads through a directory that this process may not enter.
            Self::Arti(socket) => {
                let path = PathBuf::from(format!("/proc/self/fd/{}", socket.as_raw_fd()));
                unix::dial(&path).await.map(Stream::Unix)
            }
        }
    }
}

impl fmt::Display for Socks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon(port) => write!(f, "Tor at 127.0.0.1:{port}"),
            Self::Arti(_) => f.write_str("the node's Arti"),
        }
    }
}
