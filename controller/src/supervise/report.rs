//! The status of the node.

use super::process::Process;
use super::slot::Slot;
use super::usage::Usage;
use super::workers::WorkerKey;
use super::{Supervisor, Worker};
use crate::sockets::{Bound, Socket};
use jackfield_shared::ipc::RealmCounters;
use jackfield_shared::log::Level;
use jackfield_shared::status::{self, EndpointState, Listener, Logs, State, Status};
use std::rc::Rc;
use std::time::Instant;

impl Supervisor {
    /// The node at this moment, with the counters that were last told.
    pub(super) fn status(&self, now: Instant) -> Status {
        let info = &self.node.info;
        let node = status::Node {
            id: info.id.clone(),
            pid: info.pid,
            version: info.version.clone(),
            dir: info.dir.display().to_string(),
            config: self.node.configuration.name.clone(),
            uptime_s: now.duration_since(self.node.started).as_secs_f64(),
            generation: self.node.generation,
        };
        let dropped =
            self.workers.all().map(|(_, worker)| worker.logs_dropped()).sum::<u64>() + self.hub.dropped();
        let bounds = self.workers.serving().flat_map(|worker| worker.bound.iter().map(move |b| (worker, b)));
        Status {
            node,
            workers: self.workers_status(now),
            endpoints: bounds.filter_map(|(worker, bound)| self.endpoint_status(worker, bound)).collect(),
            logs: Logs { dropped, sinks: self.hub.sinks() },
            realms: self.workers.serving().flat_map(realms_status).collect(),
        }
    }

    /// The workers in effect, each with those before it that drain; then those that are gone but for draining.
    fn workers_status(&self, now: Instant) -> Vec<status::Worker> {
        let status = |worker: &Worker| worker_status(worker, self.hub.level(Some(worker.id())), now);
        let mut workers: Vec<_> = self.workers.serving().map(status).collect();
        for (_, former) in self.former() {
            let draining = status(former);
            match workers.iter_mut().find(|worker| worker.id == draining.id) {
                Some(worker) => worker.processes.extend(draining.processes),
                None => workers.push(draining),
            }
        }
        workers
    }

    /// Workers of earlier configurations, which drain.
    pub(super) fn former(&self) -> impl Iterator<Item = (WorkerKey, &Worker)> {
        self.workers.all().filter(move |(key, worker)| !self.workers.is_serving(*key) && !worker.arriving)
    }

    fn endpoint_status(&self, worker: &Worker, bound: &Bound) -> Option<status::Endpoint> {
        let listens = worker.listener(&bound.transport)?;
        let (onion, state, reason) = match self.publication(bound) {
            Some((service, state, reason)) => (Some(service), state, reason),
            None if bound.is_closed() => {
                let (id, state) = (worker.id(), worker.state());
                let reason = format!(
                    "worker {id} is {state}, and the address is closed until `jackfield worker start {id}`"
                );
                (None, EndpointState::Failed, Some(reason))
            }
            None => match bound.lost_name() {
                Some(path) => {
                    let path = path.display();
                    let reason = format!(
                        "somebody has removed or replaced {path}: nobody can connect; `jackfield reload` makes it anew"
                    );
                    (None, EndpointState::Degraded, Some(reason))
                }
                None => (None, EndpointState::Bound, None),
            },
        };
        let listener = |(socket, process): (&Rc<Socket>, _)| Listener { inode: socket.inode, process };
        let former = self.former().filter(|(_, former)| former.id() == worker.id());
        let mut connections = worker.connections(&bound.transport);
        former.for_each(|(_, former)| connections += former.connections(&bound.transport));
        Some(status::Endpoint {
            worker: bound.worker.clone(),
            transport: bound.transport.clone(),
            kind: listens.kind.to_owned(),
            address: bound.address.clone(),
            onion,
            state,
            reason,
            shared: bound.shared,
            tls: listens.has_tls,
            listeners: bound.listeners().map(listener).collect(),
            connections,
        })
    }
}

/// The realms of a worker, as the process that routes them has told.
fn realms_status(worker: &Worker) -> Vec<status::Realm> {
    let current = worker.slots.iter().filter_map(|slot| slot.current.as_ref());
    let told = current.flat_map(|process| &process.counters.realms);
    let realm = |told: &RealmCounters| status::Realm {
        worker: worker.id().to_owned(),
        takeovers: 0,
        last_takeover_ms: None,
        told: told.clone(),
    };
    told.map(realm).collect()
}

fn worker_status(worker: &Worker, log_level: Level, now: Instant) -> status::Worker {
    let state = worker.state();
    let mut active = worker.active();
    let reason = active.find(|(_, slot)| slot.state() == state).and_then(|(_, slot)| slot.reason.clone());
    let shown = worker.slots.iter().filter(|slot| slot.is_active() || (slot.retired && !slot.is_empty()));
    status::Worker {
        id: worker.id().to_owned(),
        kind: worker.kind_name().to_owned(),
        state,
        reason,
        log_level: Some(log_level),
        processes: shown.flat_map(|slot| slot_status(slot, worker.generation, now)).collect(),
    }
}

/// The process that the slot's state is about comes first; then its replacement and those that drain.
fn slot_status(slot: &Slot, generation: u64, now: Instant) -> Vec<status::Process> {
    // A slot that drains has no current process but the one that drains.
    let (first, others) = match (slot.state(), slot.leaving.split_last()) {
        (State::Draining, Some((last, others))) => (Some(last), others),
        _ => (slot.current.as_ref(), slot.leaving.as_slice()),
    };
    let status = |state, process| process_status(slot, state, process, generation, now);
    // Of a worker that is gone only what still runs is of interest.
    let mut processes: Vec<_> =
        (!slot.retired || first.is_some()).then(|| status(slot.state(), first)).into_iter().collect();
    processes.extend(slot.replacement.iter().map(|process| status(State::Starting, Some(process))));
    processes.extend(others.iter().map(|process| status(State::Draining, Some(process))));
    processes
}

fn process_status(
    slot: &Slot,
    state: State,
    process: Option<&Process>,
    generation: u64,
    now: Instant,
) -> status::Process {
    let usage = process.map(|process| Usage::of(process.source.pid())).unwrap_or_default();
    let listeners = process.into_iter().flat_map(|process| &process.counters.listeners);
    status::Process {
        index: slot.index,
        pid: process.map(|process| process.source.pid()),
        state,
        status: process.and_then(|process| process.said.status.clone()),
        generation: process.map_or(generation, |process| process.generation),
        uptime_s: process.map_or(0.0, |process| now.duration_since(process.spawned).as_secs_f64()),
        restarts: slot.restarts,
        rss_bytes: usage.rss_bytes,
        cpu_s: usage.cpu_s,
        connections: listeners.map(|listener| listener.connections.open).sum(),
        last_exit: slot.last_exit.clone(),
    }
}
