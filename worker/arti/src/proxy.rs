//! The SOCKS proxy on a private Unix socket, by which the node's other processes connect through Tor.

use crate::carry::carry;
use crate::news::{Client, explain};
use crate::socks::{self, Host, Login, Request};
use arti_client::isolation::IsolationHelper;
use arti_client::{
    DangerouslyIntoTorAddr as _, DataStream, Error, ErrorKind, HasKind as _, IntoTorAddr as _, StreamPrefs,
    TorAddr, TorAddrError,
};
use jackfield_shared::drain::Drain;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};
use tracing::{debug, error, warn};

/// How long a client may take to say what it wants.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long it may take to connect; the node's processes wait no longer.
const CONNECTING: Duration = Duration::from_secs(120);
/// After an error of accept(2), such as no descriptors left.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// The proxy.
#[derive(Debug)]
pub(crate) struct Proxy(UnixListener);

impl Proxy {
    /// Takes a socket that listens already.
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        let listener = std::os::unix::net::UnixListener::from(socket);
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(Self)
    }

    /// Serves until the end begins.
    pub(crate) async fn run(self, client: Client, stop: Drain) {
        loop {
            let accepted = tokio::select! {
                () = stop.begun() => return,
                accepted = self.0.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (client, stop) = (Arc::clone(&client), stop.clone());
                    tokio::spawn(async move {
                        if let Err(e) = serve(stream, &client).await {
                            debug!("SOCKS: {e}");
                        }
                        drop(stop);
                    });
                }
                Err(e) => {
                    error!("SOCKS: connections can't be accepted: {e}");
                    sleep(AFTER_ERROR).await;
                }
            }
        }
    }
}

async fn serve(mut stream: UnixStream, client: &Client) -> io::Result<()> {
    let request = timeout(HANDSHAKE, socks::request(&mut stream)).await??;
    let to_onion = matches!(&request.host, Host::Name(name) if name.to_ascii_lowercase().ends_with(".onion"));
    match timeout(CONNECTING, connect(client, request)).await {
        Ok(Ok(connection)) => {
            socks::reply(&mut stream, socks::SUCCEEDED).await?;
            carry(connection, stream).await;
            Ok(())
        }
        Ok(Err(failure)) => {
            socks::reply(&mut stream, socks::code(failure.kind(), to_onion)).await?;
            failure.report();
            Ok(())
        }
        Err(_) => socks::reply(&mut stream, socks::code(ErrorKind::TorNetworkTimeout, to_onion)).await,
    }
}

/// Why there is no connection.
enum Failure {
    Target(TorAddrError),
    Tor(Box<Error>),
}

impl Failure {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Target(e) => e.kind(),
            Self::Tor(e) => e.kind(),
        }
    }

    /// What isn't the target's fault is told here: a reply has no words.
    fn report(&self) {
        match self {
            Self::Target(e) => debug!("SOCKS: {}", explain(e)),
            Self::Tor(e) => match e.kind() {
                ErrorKind::TorAccessFailed
                | ErrorKind::LocalNetworkError
                | ErrorKind::BootstrapRequired
                | ErrorKind::DirectoryExpired
                | ErrorKind::NoPath
                | ErrorKind::Internal => warn!("SOCKS: {}", explain(e)),
                _ => debug!("SOCKS: {}", explain(e)),
            },
        }
    }
}

async fn connect(client: &Client, request: Request) -> Result<DataStream, Failure> {
    let Request { host, port, login } = request;
    let target: Result<TorAddr, _> = match host {
        Host::Name(name) => (name, port).into_tor_addr(),
        // Only who has the address from elsewhere than a name lookup asks so: a name would have come as such.
        Host::Address(address) => SocketAddr::new(address, port).into_tor_addr_dangerously(),
    };
    let target = target.map_err(Failure::Target)?;
    let mut preferences = StreamPrefs::new();
    if let Some(login) = login {
        preferences.set_isolation(Isolated(login));
    }
    client.connect_with_prefs(target, &preferences).await.map_err(|e| Failure::Tor(Box::new(e)))
}

/// Connections share circuits only with those of the same login.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Isolated(Login);

impl IsolationHelper for Isolated {
    fn compatible_same_type(&self, other: &Self) -> bool {
        self == other
    }

    fn join_same_type(&self, other: &Self) -> Option<Self> {
        (self == other).then(|| self.clone())
    }
}
