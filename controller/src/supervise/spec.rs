//! What the fleet is told of a worker.

use super::worker::{Work, Worker};
use crate::sockets::{Bound, Local};
use jackfield_fleet::{Endpoint, Kind, Links, Listener, Rules, Spec};
use jackfield_shared::config::{
    self, ConnectingEndpoint, ListenPort, ListeningEndpoint, Ready, TcpListening,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// The longest delay between starts, unless the configuration says another one.
const USUAL: Duration = Duration::from_secs(2);
/// The same for a guest that has got its port by itself, and may have to wait for it.
const USUAL_ALONE: Duration = Duration::from_secs(30);
/// What stands for every address of this machine's own.
const LOCAL: &str = "local";

impl Worker {
    /// This worker, as far as decisions depend on it.
    pub(super) fn spec(&self) -> Spec {
        let common = self.common();
        Spec {
            id: self.id().to_owned(),
            kind: match &self.work {
                Work::Serve(_) => Kind::Native,
                Work::Guest(_) => Kind::Guest,
                Work::Publish(_) => Kind::Publisher,
                Work::Arti(_) => Kind::Arti,
                Work::Gone(_) => Kind::Former,
            },
            processes: self.processes,
            rules: self.restart_rules(),
            drain_timeout: common.stop.drain_timeout,
            kill_timeout: common.stop.kill_timeout,
            ready_timeout: common.restart.ready_timeout,
            watchdog: common.watchdog,
            realm_processes: self.realm_processes,
            realm_watchdog: self.realm_watchdog(),
            links: self.links(),
            can_overlap: self.can_overlap(),
            ready_by_running: self.is_ready_by_running(),
            endpoints: self.endpoints(),
        }
    }

    /// What it listens on.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        self.bound.iter().map(endpoint).collect()
    }

    /// How its processes are started again.
    fn restart_rules(&self) -> Rules {
        let restart = &self.common().restart;
        let usual = if self.can_overlap() { USUAL } else { USUAL_ALONE };
        Rules {
            policy: restart.policy,
            max_restarts: restart.max_restarts,
            period: restart.period,
            first: restart.backoff,
            longest: restart.backoff_max.unwrap_or(usual).max(restart.backoff),
        }
    }

    /// Which workers it has to do with.
    fn links(&self) -> Links {
        let mut listens: BTreeSet<_> =
            self.listeners().iter().flat_map(|listener| listened(listener.endpoint)).collect();
        let mut connects = BTreeSet::new();
        let config = match &self.work {
            Work::Serve(config) => Some(&**config),
            // Components say where they connect to, other guests can't.
            Work::Guest(guest) => Some(&guest.worker),
            Work::Publish(_) | Work::Arti(_) | Work::Gone(_) => None,
        };
        let endpoints = config.map(|config| config::endpoints(config, &config::Path::default()));
        for (_, endpoint) in endpoints.into_iter().flatten() {
            if let config::Endpoint::Connecting(endpoint) = endpoint {
                connects.extend(connected(endpoint));
            }
        }
        // Where a guest answers it may say.
        if let Work::Guest(guest) = &self.work
            && let Ready::Tcp(at) = &guest.program.ready
        {
            listens.extend(tcp(&at.host, at.port));
        }
        Links { after: self.common().after.clone(), listens, connects }
    }
}

fn endpoint(bound: &Bound) -> Endpoint {
    let listener = |(socket, owner): (&std::rc::Rc<crate::sockets::Socket>, Option<u16>)| Listener {
        inode: socket.inode,
        owner: owner.map(usize::from),
    };
    Endpoint {
        transport: bound.transport.clone(),
        address: bound.address.clone(),
        local: match bound.local() {
            Local::Tcp(at) => format!("tcp:{at}"),
            Local::Unix(path) => format!("unix:{}", path.display()),
        },
        closable: bound.is_closable(),
        sockets: bound.listeners().map(listener).collect(),
    }
}

fn listened(endpoint: &ListeningEndpoint) -> Vec<String> {
    match endpoint {
        ListeningEndpoint::Tcp(TcpListening { interface, port: ListenPort::Port(port), .. }) => {
            tcp(interface, *port)
        }
        ListeningEndpoint::Unix(unix) => vec![format!("unix:{}", unix.path.display())],
        ListeningEndpoint::Onion(onion) => onion.target.as_deref().map(listened).unwrap_or_default(),
        ListeningEndpoint::Tcp(_) | ListeningEndpoint::Twisted(_) => Vec::new(),
    }
}

fn connected(endpoint: &ConnectingEndpoint) -> Vec<String> {
    match endpoint {
        ConnectingEndpoint::Tcp(at) => tcp(&at.host, at.port),
        ConnectingEndpoint::Unix(unix) => vec![format!("unix:{}", unix.path.display())],
        ConnectingEndpoint::Tor(_) | ConnectingEndpoint::Twisted(_) => Vec::new(),
    }
}

/// An address, and, if it is one of this machine's own, what stands for all of these.
fn tcp(host: &str, port: u16) -> Vec<String> {
    let is_own = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    let is_local = host.is_empty() || host == "localhost" || host.parse().is_ok_and(is_own);
    let own = is_local.then(|| format!("tcp:{LOCAL}:{port}"));
    own.into_iter().chain([format!("tcp:{host}:{port}")]).collect()
}
