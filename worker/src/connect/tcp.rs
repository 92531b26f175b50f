//! Connecting by TCP.

use super::error::{ConnectError, Tried, within};
use super::race::{Attempts, race};
use crate::net::listener::set_tcp_options;
use jackfield_shared::config::{IpVersion, TcpConnecting};
use jackfield_shared::congestion;
use socket2::SockRef;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use tokio::net::{TcpStream, lookup_host};

pub(super) async fn connect(endpoint: &TcpConnecting) -> Result<TcpStream, ConnectError> {
    let attempts = Attempts::default();
    match within(endpoint.timeout, resolve_and_race(endpoint, &attempts)).await {
        Some(Ok(Some(stream))) => Ok(stream),
        Some(Ok(None)) => {
            Err(ConnectError::Tcp { host: endpoint.host.clone(), port: endpoint.port, attempts })
        }
        Some(Err(e)) => Err(e),
        None => Err(ConnectError::Timeout {
            to: format!("{}:{}", endpoint.host, endpoint.port),
            timeout: endpoint.timeout,
            attempts: Tried(attempts),
        }),
    }
}

async fn resolve_and_race(
    endpoint: &TcpConnecting,
    attempts: &Attempts,
) -> Result<Option<TcpStream>, ConnectError> {
    let addresses = resolve(endpoint).await?;
    let (nodelay, keepalive, user_timeout) = (endpoint.nodelay, endpoint.keepalive, endpoint.user_timeout);
    let congestion_control: Option<Rc<str>> = endpoint.congestion_control.as_deref().map(Rc::from);
    let connect = move |address: SocketAddr| {
        let congestion_control = congestion_control.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            set_tcp_options(&stream, nodelay, keepalive)?;
            if let Some(limit) = user_timeout {
                SockRef::from(&stream).set_tcp_user_timeout(Some(limit))?;
            }
            congestion::choose(&stream, address.ip(), congestion_control.as_deref())?;
            Ok(stream)
        }
    };
    Ok(race(addresses, attempts, connect).await)
}

/// The host's addresses, as the system's resolver sorts them, of the IP version wanted. A name is looked up in a
/// helper thread.
async fn resolve(endpoint: &TcpConnecting) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok(vec![(address, endpoint.port).into()]); // its family counts, whatever `version` says
    }
    let host = || endpoint.host.clone();
    let found = lookup_host((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(|source| ConnectError::Resolve { host: host(), source })?;
    let (wanted, version): (fn(&SocketAddr) -> bool, u8) = match endpoint.version {
        None => return Ok(found.collect()),
        Some(IpVersion::V4) => (SocketAddr::is_ipv4, 4),
        Some(IpVersion::V6) => (SocketAddr::is_ipv6, 6),
    };
    let addresses: Vec<_> = found.filter(wanted).collect();
    if addresses.is_empty() {
        return Err(ConnectError::NoAddress { host: host(), version });
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::net::TcpListener;

    fn endpoint(host: &str, port: u16) -> TcpConnecting {
        TcpConnecting {
            host: host.into(),
            port,
            version: None,
            timeout: Duration::from_secs(10),
            keepalive: Some(Duration::from_secs(60)),
            user_timeout: Some(Duration::from_secs(20)),
            nodelay: true,
            congestion_control: None,
            proxy_protocol: None,
            tls: None,
        }
    }

    #[tokio::test(flavor = "local")]
    async fn a_name_leads_to_whichever_address_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Where localhost is ::1, too, that address refuses.
        let stream = connect(&endpoint("localhost", port)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().port(), port);
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(20)));
    }

    #[tokio::test(flavor = "local")]
    async fn an_error_names_what_was_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = connect(&endpoint("127.0.0.1", port)).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("127.0.0.1:{port}: Connection refused")), "{error}");
        let error = connect(&endpoint("does-not-exist.invalid", 1)).await.unwrap_err().to_string();
        assert!(error.starts_with("does-not-exist.invalid: the name can't be resolved"), "{error}");
    }
}
