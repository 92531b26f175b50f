//! Connecting through Tor, by the SOCKS port of a tor daemon.

use super::{ConnectError, Tried, socks, within};
use jackfield_shared::config::{Isolation, TorConnecting};
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long Tor may take: circuits to an onion service are built on demand. Tor itself gives up after this time
/// (`SocksTimeout` of tor(1)).
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

pub(super) async fn connect(endpoint: &TorConnecting, socks_port: u16) -> Result<TcpStream, ConnectError> {
    let TorConnecting { host, port, .. } = endpoint;
    let to = format!("{host}:{port} through Tor at 127.0.0.1:{socks_port}");
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
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, socks_port))
            .await
            .map_err(|source| ConnectError::NoTor { port: socks_port, source })?;
        stream.set_nodelay(true).map_err(|source| ConnectError::NoTor { port: socks_port, source })?;
        socks::connect(&mut stream, host, *port, isolation)
            .await
            .map_err(|source| ConnectError::Tor { to: to.clone(), source })?;
        Ok(stream)
    };
    within(TIMEOUT, connecting).await.unwrap_or_else(|| {
        Err(ConnectError::Timeout { to: to.clone(), timeout: TIMEOUT, attempts: Tried::default() })
    })
}
