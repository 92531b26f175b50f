//! What a node connects to: names that resolve, backends and tor daemons that can be reached.

use super::finding::Finding;
use jackfield_shared::config::{ConnectingEndpoint, Endpoint, ListeningEndpoint, Node, endpoints_of_node};
use std::collections::BTreeSet;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Time for all of it together.
const LIMIT: Duration = Duration::from_secs(5);

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Tcp(String, u16),
    Unix(PathBuf),
    /// The SOCKS port of a tor daemon.
    Socks(u16),
}

impl Target {
    fn of(endpoint: &ConnectingEndpoint) -> Option<Self> {
        match endpoint {
            ConnectingEndpoint::Tcp(tcp) => Some(Self::Tcp(tcp.host.clone(), tcp.port)),
            ConnectingEndpoint::Unix(unix) => Some(Self::Unix(unix.path.clone())),
            ConnectingEndpoint::Tor(tor) => tor.tor_socks_port.map(Self::Socks),
            ConnectingEndpoint::Twisted(_) => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp(host, port) => format!("{host}:{port}"),
            Self::Unix(path) => format!("unix:{}", path.display()),
            Self::Socks(port) => format!("the SOCKS port of a tor daemon, 127.0.0.1:{port}"),
        }
    }

    /// Connects, and hangs up.
    fn look(&self) -> Finding {
        let shown = self.shown();
        let unreachable = |reason: String| {
            Finding::hint(
                format!("{shown} can't be reached: {reason}"),
                "the node connects to it, and will not come through",
                "start what is to listen there, or correct the address",
            )
        };
        let tcp = |host: &str, port: u16| {
            let mut last = "the name has no address".to_owned();
            let addresses = match (host, port).to_socket_addrs() {
                Ok(addresses) => addresses,
                Err(e) => {
                    return Finding::hint(
                        format!("the name {host} can't be resolved: {e}"),
                        "the node connects to it, and will not come through",
                        "correct the name, /etc/hosts or the name servers in /etc/resolv.conf",
                    );
                }
            };
            for address in addresses {
                match TcpStream::connect_timeout(&address, LIMIT / 2) {
                    Ok(_) => return Finding::good(format!("{shown} can be reached")),
                    Err(e) => last = e.to_string(),
                }
            }
            unreachable(last)
        };
        match self {
            Self::Tcp(host, port) => tcp(host, *port),
            Self::Socks(port) => tcp("127.0.0.1", *port),
            Self::Unix(path) => match UnixStream::connect(path) {
                Ok(_) => Finding::good(format!("{shown} can be reached")),
                Err(e) => unreachable(e.to_string()),
            },
        }
    }
}

/// All that the workers of a node connect to, each once.
pub(super) fn look(node: &Node) -> Vec<Finding> {
    let mut targets = BTreeSet::new();
    for (_, endpoint) in endpoints_of_node(node) {
        match endpoint {
            Endpoint::Connecting(endpoint) => targets.extend(Target::of(endpoint)),
            Endpoint::Listening(ListeningEndpoint::Onion(onion), _) => {
                targets.extend(onion.tor_control_endpoint.as_deref().and_then(Target::of));
            }
            Endpoint::Listening(..) => {}
        }
    }
    let (tell, told) = mpsc::channel();
    for target in &targets {
        let (target, tell) = (target.clone(), tell.clone());
        // Nobody waits for one that is late; it ends with the command.
        thread::spawn(move || {
            let finding = target.look();
            let _ = tell.send((target, finding));
        });
    }
    drop(tell);
    let end = Instant::now() + LIMIT;
    let mut found = Vec::new();
    while let Ok((target, finding)) = told.recv_timeout(end.saturating_duration_since(Instant::now())) {
        targets.remove(&target);
        found.push(finding);
    }
    found.sort_by(|a, b| a.found.cmp(&b.found));
    found.extend(targets.iter().map(|target| {
        Finding::hint(
            format!("{} has not answered within {} s", target.shown(), LIMIT.as_secs()),
            "the node connects to it, and will wait as long as its time limits let it",
            "look at the network, firewalls and name servers on the way",
        )
    }));
    found
}
