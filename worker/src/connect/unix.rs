//! Connecting to Unix sockets.

use super::error::{ConnectError, Tried, within};
use super::race::Attempts;
use jackfield_shared::config::UnixConnecting;
use jackfield_shared::short_path::ShortPath;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// The first and the longest pause while the listener's queue is full.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

pub(super) async fn connect(endpoint: &UnixConnecting) -> Result<UnixStream, ConnectError> {
    match within(endpoint.timeout, dial(&endpoint.path)).await {
        Some(result) => result.map_err(|source| ConnectError::Unix { path: endpoint.path.clone(), source }),
        None => Err(ConnectError::Timeout {
            to: format!("unix:{} (its queue is full)", endpoint.path.display()),
            timeout: endpoint.timeout,
            attempts: Tried(Attempts::default()),
        }),
    }
}

/// Connects; waits for as long as the listener's queue is full.
pub(crate) async fn dial(path: &Path) -> io::Result<UnixStream> {
    let path = ShortPath::new(path)?;
    let mut pause = PAUSE.0;
    loop {
        match UnixStream::connect(path.as_path()).await {
            // connect(2): there is no event for when it isn't full any longer.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(pause).await,
            result => return result,
        }
        pause = (2 * pause).min(PAUSE.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, SockAddr, Socket, Type};

    fn endpoint(path: std::path::PathBuf) -> UnixConnecting {
        UnixConnecting { path, timeout: Duration::from_secs(10), proxy_protocol: None, tls: None }
    }

    #[tokio::test]
    async fn a_full_queue_is_waited_for() {
        let dir = jackfield_tests::TempDir::new();
        let path = dir.path().join("socket");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let endpoint = endpoint(path);
        let _first = connect(&endpoint).await.unwrap();
        let second = connect(&endpoint);
        tokio::pin!(second);
        assert!(
            tokio::time::timeout(Duration::from_millis(5), &mut second).await.is_err(),
            "the queue holds one"
        );
        listener.accept().unwrap();
        second.await.unwrap();
    }

    #[tokio::test]
    async fn an_error_names_the_path() {
        let error = connect(&endpoint("/nowhere/socket".into())).await.unwrap_err().to_string();
        assert!(error.starts_with("unix:/nowhere/socket: No such file or directory"), "{error}");
    }
}
