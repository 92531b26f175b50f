//! A worker of the configuration, as the supervisor sees it.

use super::backoff::Limits;
use super::guest::Guest;
use super::process::{Launch, Process};
use super::slot::Slot;
use super::state::least_healthy;
use jackfield_shared::config;
use jackfield_shared::ipc::OnionService;
use jackfield_shared::status::{Connections, State};
use jackfield_shared::tls::TicketKeys;
use std::collections::HashMap;

/// What the processes of a worker do.
#[derive(Debug)]
pub(crate) enum Work {
    /// They serve a worker of the configuration.
    Serve(Box<config::Worker>),
    /// They are a program that is not ours.
    Guest(Box<Guest>),
    /// One process publishes the onion services of all the others.
    Publish(Box<Publisher>),
}

/// The worker that publishes. It is the node's own: nothing in the configuration says how it is to live.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// Its id: `tor`, unless a worker of the configuration has this.
    pub id: String,
    /// As every worker has them.
    pub common: config::WorkerCommon,
    /// What it publishes.
    pub services: Vec<OnionService>,
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
            Work::Guest(guest) => &guest.worker.id,
            Work::Publish(publisher) => &publisher.id,
        }
    }

    /// Its type, for people.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.work {
            Work::Serve(worker) => worker.kind_name(),
            Work::Guest(guest) => guest.worker.kind_name(),
            Work::Publish(_) => "tor",
        }
    }

    /// How its processes live and end.
    pub(crate) fn common(&self) -> &config::WorkerCommon {
        match &self.work {
            Work::Serve(worker) => &worker.common,
            Work::Guest(guest) => &guest.worker.common,
            Work::Publish(publisher) => &publisher.common,
        }
    }

    /// Its transports.
    pub(crate) fn transports(&self) -> &[config::Transport] {
        match &self.work {
            Work::Serve(worker) => worker.transports(),
            Work::Guest(_) | Work::Publish(_) => &[],
        }
    }

    /// What it listens on by this name.
    pub(crate) fn listener(&self, id: &str) -> Option<config::Listener<'_>> {
        let listeners = match &self.work {
            Work::Serve(worker) => worker.listeners(),
            Work::Guest(guest) => guest.worker.listeners(),
            Work::Publish(_) => Vec::new(),
        };
        listeners.into_iter().find(|listener| listener.id == id)
    }

    /// Whether a process and its successor can do their work side by side. A guest without sockets of ours has
    /// got what it needs by itself, which may be a port, or the lock on a file.
    pub(crate) fn can_overlap(&self) -> bool {
        match &self.work {
            Work::Serve(_) | Work::Publish(_) => true,
            Work::Guest(guest) => !guest.program.listen.is_empty(),
        }
    }

    /// Whether it serves a worker of the configuration; without the others the node goes on, if degraded.
    pub(crate) fn serves(&self) -> bool {
        !matches!(self.work, Work::Publish(_))
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
