//! Starting and stopping workers in their order, as that is decided elsewhere.

use super::Supervisor;
use super::stop::Phase;
use super::worker::{Work, Worker};
use super::workers::WorkerKey;
use crate::decide::order::{Member, Stage, may_start, may_stop};
use jackfield_shared::config::{
    self, ConnectingEndpoint, Endpoint, ListenPort, ListeningEndpoint, Ready, TcpListening,
};
use jackfield_shared::status::State;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

/// What stands for every address of this machine's own.
const LOCAL: &str = "local";

impl Supervisor {
    /// Starts those that wait, as far as it is their turn.
    pub(super) fn start_waiting(&mut self) {
        if self.to_start.is_empty() || !matches!(self.phase, Phase::Running) {
            return;
        }
        let keys = self.workers.keys();
        self.to_start.retain(|key| keys.contains(key));
        let members: Vec<_> = keys.iter().map(|&key| member(&self.workers[key])).collect();
        let stage = |key: &WorkerKey| {
            let is_moving = |state| matches!(state, State::Starting | State::Backoff | State::Draining);
            if self.to_start.contains(key) {
                Stage::Waiting
            } else if self.workers[*key].active().any(|(_, slot)| is_moving(slot.state())) {
                Stage::Moving
            } else {
                Stage::Arrived
            }
        };
        let stages: Vec<_> = keys.iter().map(stage).collect();
        for key in may_start(&members, &stages).into_iter().map(|index| keys[index]) {
            self.to_start.retain(|waiting| *waiting != key);
            for slot in 0..self.workers[key].slots.len() {
                // Somebody may have started it by hand.
                if self.workers[key].slots[slot].is_empty() {
                    self.start_slot(key, slot);
                }
            }
        }
    }

    /// Stops those that are left, as far as it is their turn.
    pub(super) fn stop_left(&mut self) {
        let Phase::Stopping { left, until, .. } = &self.phase else { return };
        if left.is_empty() {
            return;
        }
        let (keys, members): (Vec<_>, Vec<_>) =
            self.workers.all().map(|(key, worker)| (key, member(worker))).unzip();
        let stage = |key: &WorkerKey| {
            if left.contains(key) {
                Stage::Waiting
            } else if self.workers[*key].processes().next().is_some() {
                Stage::Moving
            } else {
                Stage::Arrived
            }
        };
        let stages: Vec<_> = keys.iter().map(stage).collect();
        let time = until.map(|until| until.saturating_duration_since(Instant::now()));
        for key in may_stop(&members, &stages).into_iter().map(|index| keys[index]) {
            if let Phase::Stopping { left, .. } = &mut self.phase {
                left.retain(|waiting| *waiting != key);
            }
            for slot in 0..self.workers[key].slots.len() {
                self.stop_slot(key, slot, time);
            }
        }
    }
}

/// A worker as far as the order is concerned.
fn member(worker: &Worker) -> Member {
    let mut listens: BTreeSet<_> =
        worker.listeners().iter().flat_map(|listener| listened(listener.endpoint)).collect();
    let mut connects = BTreeSet::new();
    let config = match &worker.work {
        Work::Serve(config) => Some(&**config),
        // Components say where they connect to, other guests can't.
        Work::Guest(guest) => Some(&guest.worker),
        Work::Publish(_) | Work::Arti(_) | Work::Gone(_) => None,
    };
    for (_, endpoint) in
        config.map(|config| config::endpoints(config, &config::Path::default())).into_iter().flatten()
    {
        if let Endpoint::Connecting(endpoint) = endpoint {
            connects.extend(connected(endpoint));
        }
    }
    match &worker.work {
        // Where a guest answers it may say.
        Work::Guest(guest) => {
            if let Ready::Tcp(at) = &guest.program.ready {
                listens.extend(tcp(&at.host, at.port));
            }
        }
        Work::Serve(_) | Work::Publish(_) | Work::Arti(_) | Work::Gone(_) => {}
    }
    Member { id: worker.id().to_owned(), after: worker.common().after.clone(), listens, connects }
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
