//! A worker of the configuration, as the supervisor sees it.

use super::backoff::Limits;
use super::process::{Launch, Process};
use super::slot::Slot;
use super::state::least_healthy;
use crate::sockets::ArtiSocket;
use jackfield_shared::config;
use jackfield_shared::ipc::{DaemonService, OnionService};
use jackfield_shared::status::{Connections, State};
use jackfield_shared::tls::TicketKeys;
use std::collections::HashMap;

/// What the processes of a worker do.
#[derive(Debug)]
pub(crate) enum Work {
    /// They serve a worker of the configuration.
    Serve(Box<config::Worker>),
    /// One process publishes the onion services of all the others, by tor daemons.
    Publish(Box<Publisher>),
    /// One process has the embedded Arti.
    Arti(Box<Embedded>),
}

/// The worker that publishes. It is the node's own: nothing in the configuration says how it is to live.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Its id: `tor`, unless a worker of the configuration has this.
    pub id: String,
    /// As every worker has them.
    pub common: config::WorkerCommon,
    /// What it publishes.
    pub services: Vec<DaemonService>,
}

/// The worker with the embedded Arti, which is the node's own, too. It is another one than the publisher, so that its
/// size and its faults are its own.
#[derive(Debug)]
pub(crate) struct Embedded {
    /// Its id: `arti`, unless a worker of the configuration has this.
    pub id: String,
    /// As every worker has them.
    pub common: config::WorkerCommon,
    /// How Arti is set up.
    pub settings: config::Tor,
    /// What it publishes.
    pub services: Vec<OnionService>,
    /// Where it answers as a SOCKS proxy, if some endpoint needs that.
    pub socket: Option<ArtiSocket>,
}

/// A worker and its places for processes.
#[derive(Debug)]
pub(crate) struct Worker {
    /// What its processes do.
    pub work: Work,
    /// How its processes are started.
    pub launch: Launch,
    /// Its places.
    pub slots: Vec<Slot>,
    /// What its processes seal session tickets with; absent where none has TLS.
    pub ticket_keys: Option<TicketKeys>,
    /// What ended processes had counted: a node's counters never go down.
    ended: HashMap<String, Connections>,
    ended_dropped: u64,
}

impl Worker {
    /// A worker with so many empty places.
    pub(crate) fn new(work: Work, launch: Launch, processes: u16) -> Self {
        let slots = (0..processes).map(Slot::new).collect();
        let mut worker =
            Self { work, launch, slots, ticket_keys: None, ended: HashMap::new(), ended_dropped: 0 };
        worker.make_ticket_keys();
        worker
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        match &self.work {
            Work::Serve(worker) => &worker.id,
            Work::Publish(publisher) => &publisher.id,
            Work::Arti(arti) => &arti.id,
        }
    }

    /// Its type, for people.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.work {
            Work::Serve(worker) => worker.kind_name(),
            Work::Publish(_) => "tor",
            Work::Arti(_) => "arti",
        }
    }

    /// How its processes live and end.
    pub(crate) fn common(&self) -> &config::WorkerCommon {
        match &self.work {
            Work::Serve(worker) => &worker.common,
            Work::Publish(publisher) => &publisher.common,
            Work::Arti(arti) => &arti.common,
        }
    }

    /// What it listens on.
    pub(crate) fn transports(&self) -> &[config::Transport] {
        match &self.work {
            Work::Serve(worker) => worker.transports(),
            Work::Publish(_) | Work::Arti(_) => &[],
        }
    }

    /// The onion services that it publishes.
    pub(crate) fn services(&self) -> Vec<&OnionService> {
        match &self.work {
            Work::Serve(_) => Vec::new(),
            Work::Publish(publisher) => publisher.services.iter().map(|daemon| &daemon.service).collect(),
            Work::Arti(arti) => arti.services.iter().collect(),
        }
    }

    /// Whether it serves a worker of the configuration; without the others the node goes on, if degraded.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.work, Work::Serve(_))
    }

    /// The state of its least healthy process.
    pub(crate) fn state(&self) -> State {
        least_healthy(self.slots.iter().map(Slot::state))
    }

    /// How often a process may be started again.
    pub(crate) fn restart_limits(&self) -> Limits {
        let restart = &self.common().restart;
        Limits {
            max_restarts: restart.max_restarts,
            period: restart.period,
            first: restart.backoff,
            longest: restart.backoff_max,
        }
    }

    /// All its processes.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.slots.iter().flat_map(Slot::processes)
    }

    /// Keeps what a process, which has ended, had counted.
    pub(crate) fn keep_counters(&mut self, process: &Process) {
        for listener in &process.counters.listeners {
            let kept = self.ended.entry(listener.transport.clone()).or_default();
            *kept += Connections { open: 0, ..listener.connections };
        }
        self.ended_dropped += process.counters.logs_dropped;
    }

    /// The counters of a transport, over all processes there are and were.
    pub(crate) fn connections(&self, transport: &str) -> Connections {
        let mut total = self.ended.get(transport).copied().unwrap_or_default();
        let listeners = self.processes().flat_map(|process| &process.counters.listeners);
        for listener in listeners.filter(|listener| listener.transport == transport) {
            total += listener.connections;
        }
        total
    }

    /// Records that the processes there are and were had to drop.
    pub(crate) fn logs_dropped(&self) -> u64 {
        self.ended_dropped + self.processes().map(|process| process.counters.logs_dropped).sum::<u64>()
    }
}
