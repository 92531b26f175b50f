//! The status of the node.

use super::process::Process;
use super::slot::Slot;
use super::usage::Usage;
use super::{Supervisor, Worker};
use crate::sockets::Bound;
use jackfield_shared::status::{self, EndpointState, Listener, Logs, State, Status};
use std::time::Instant;

/// There is one configuration as long as it can't be reloaded.
const GENERATION: u64 = 1;

impl Supervisor {
    /// The node at this moment, with the counters that were last told.
    pub(super) fn status(&self, now: Instant) -> Status {
        let info = &self.node.info;
        let node = status::Node {
            id: info.id.clone(),
            pid: info.pid,
            version: info.version.clone(),
            dir: info.dir.display().to_string(),
            config: self.node.config.clone(),
            uptime_s: now.duration_since(self.node.started).as_secs_f64(),
            generation: GENERATION,
        };
        let dropped = self.workers.iter().map(Worker::logs_dropped).sum::<u64>() + self.hub.dropped();
        Status {
            node,
            workers: self.workers.iter().map(|worker| self.worker_status(worker, now)).collect(),
            endpoints: self.endpoints.iter().filter_map(|bound| self.endpoint_status(bound)).collect(),
            logs: Logs { dropped, sinks: self.hub.sinks() },
        }
    }

    fn endpoint_status(&self, bound: &Bound) -> Option<status::Endpoint> {
        let worker = self.workers.iter().find(|worker| worker.id() == bound.worker)?;
        let listener = worker.listener(&bound.transport)?;
        let inodes = bound.inodes().unwrap_or_default();
        let (onion, state, reason) = match self.publication(bound) {
            Some((service, state, reason)) => (Some(service), state, reason),
            None => (None, EndpointState::Bound, None),
        };
        Some(status::Endpoint {
            worker: bound.worker.clone(),
            transport: bound.transport.clone(),
            kind: listener.kind.to_owned(),
            address: bound.address.clone(),
            onion,
            state,
            reason,
            shared: bound.shared,
            tls: listener.has_tls,
            listeners: inodes.into_iter().map(|(inode, process)| Listener { inode, process }).collect(),
            connections: worker.connections(&bound.transport),
        })
    }

    fn worker_status(&self, worker: &Worker, now: Instant) -> status::Worker {
        let state = worker.state();
        let reason =
            worker.slots.iter().find(|slot| slot.state() == state).and_then(|slot| slot.reason.clone());
        status::Worker {
            id: worker.id().to_owned(),
            kind: worker.kind_name().to_owned(),
            state,
            reason,
            log_level: Some(self.hub.level(Some(worker.id()))),
            processes: worker.slots.iter().flat_map(|slot| slot_status(slot, now)).collect(),
        }
    }
}

/// The process that the slot's state is about comes first; then its replacement and those that drain.
fn slot_status(slot: &Slot, now: Instant) -> Vec<status::Process> {
    // A slot that drains has no current process but the one that drains.
    let (first, others) = match (slot.state(), slot.leaving.split_last()) {
        (State::Draining, Some((last, others))) => (Some(last), others),
        _ => (slot.current.as_ref(), slot.leaving.as_slice()),
    };
    let mut processes = vec![process_status(slot, slot.state(), first, now)];
    processes.extend(slot.replacement.iter().map(|p| process_status(slot, State::Starting, Some(p), now)));
    processes.extend(others.iter().map(|p| process_status(slot, State::Draining, Some(p), now)));
    processes
}

fn process_status(slot: &Slot, state: State, process: Option<&Process>, now: Instant) -> status::Process {
    let usage = process.map(|process| Usage::of(process.source.pid())).unwrap_or_default();
    let listeners = process.into_iter().flat_map(|process| &process.counters.listeners);
    status::Process {
        index: slot.index,
        pid: process.map(|process| process.source.pid()),
        state,
        status: process.and_then(|process| process.said.status.clone()),
        generation: GENERATION,
        uptime_s: process.map_or(0.0, |process| now.duration_since(process.spawned).as_secs_f64()),
        restarts: slot.restarts,
        rss_bytes: usage.rss_bytes,
        cpu_s: usage.cpu_s,
        connections: listeners.map(|listener| listener.connections.open).sum(),
        last_exit: slot.last_exit.clone(),
    }
}
