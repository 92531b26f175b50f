//! The status of the node.

use super::usage::Usage;
use super::worker::Ended;
use super::{Supervisor, Worker};
use crate::sockets::{Bound, Socket};
use jackfield_fleet::{Process, Slot, Worker as Known, WorkerKey};
use jackfield_shared::ipc::Counters;
use jackfield_shared::status::{
    self, Connections, EndpointState, Listener, Logs, Role, State, Status, Told, gather,
};
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
            generation: self.fleet.generation(),
            state: self.node_state(),
        };
        let by_ended = self.workers.values().map(|worker| worker.ended().dropped).sum::<u64>();
        let by_others = self.processes.values().map(|process| process.counters.logs_dropped).sum::<u64>();
        let dropped = by_ended + by_others + self.hub.dropped();
        let bounds =
            self.serving().flat_map(|(key, worker)| worker.bound.iter().map(move |b| (key, worker, b)));
        Status {
            node,
            workers: self.workers_status(now),
            endpoints: bounds
                .filter_map(|(key, worker, bound)| self.endpoint_status(key, worker, bound))
                .collect(),
            logs: Logs { dropped, sinks: self.hub.sinks() },
            realms: self.fleet.serving().flat_map(|(_, worker)| self.realms_status(worker)).collect(),
            connections: self
                .fleet
                .serving()
                .flat_map(|(_, worker)| self.connections_status(worker))
                .collect(),
            web: self
                .fleet
                .serving()
                .flat_map(|worker| self.added_up(worker, |counters| &counters.web, |ended| &ended.web))
                .collect(),
            backends: self
                .fleet
                .serving()
                .flat_map(|worker| {
                    self.added_up(worker, |counters| &counters.backends, |ended| &ended.backends)
                })
                .collect(),
            acme: self.acme.status(),
            certificates: self.serving().flat_map(|(_, worker)| worker.certificates()).cloned().collect(),
        }
    }

    /// The workers in effect, each with those before it that drain; then those that are gone but for draining.
    fn workers_status(&self, now: Instant) -> Vec<status::Worker> {
        let status = |(key, known)| self.worker_status(key, known, now);
        let mut workers: Vec<_> = self.fleet.serving().map(status).collect();
        for former in self.fleet.former() {
            let draining = status(former);
            match workers.iter_mut().find(|worker| worker.id == draining.id) {
                Some(worker) => worker.processes.extend(draining.processes),
                None => workers.push(draining),
            }
        }
        workers
    }

    /// The counters of a transport, over all processes there are and were.
    fn connections(&self, key: WorkerKey, transport: &str) -> Connections {
        let ended = self.workers.get(&key).map(|worker| worker.ended().connections.get(transport).copied());
        let mut total = ended.flatten().unwrap_or_default();
        let listeners = self.processes_of(key).flat_map(|process| &process.counters.listeners);
        for listener in listeners.filter(|listener| listener.transport == transport) {
            total += listener.connections;
        }
        total
    }

    fn endpoint_status(&self, key: WorkerKey, worker: &Worker, bound: &Bound) -> Option<status::Endpoint> {
        let listens = worker.listener(&bound.transport)?;
        let (onion, state, reason) = match self.publication(bound) {
            Some((service, state, reason)) => (Some(service), state, reason),
            None if bound.is_closed() => {
                let (id, state) = (worker.id(), self.fleet.worker(key)?.state());
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
        let former = self.fleet.former().filter(|(_, former)| former.spec().id == worker.id());
        let mut connections = self.connections(key, &bound.transport);
        former.for_each(|(key, _)| connections += self.connections(key, &bound.transport));
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

    /// The realms of a worker, as the processes that route them, and those that serve their clients, have told.
    fn realms_status(&self, worker: &Known) -> Vec<status::Realm> {
        let current = worker.slots().iter().filter_map(Slot::current);
        let told = current.filter_map(|process| self.processes.get(&process.id()));
        let mut realms: Vec<status::Realm> = Vec::new();
        for counters in told.flat_map(|process| &process.counters.realms) {
            match realms.iter_mut().find(|realm| realm.told.name == counters.name) {
                Some(realm) => realm.told += counters.clone(),
                None => {
                    realms.push(status::Realm { worker: worker.spec().id.clone(), told: counters.clone() });
                }
            }
        }
        realms
    }

    /// The connections of a proxy worker, as its processes have told.
    fn connections_status(&self, worker: &Known) -> Vec<status::Connection> {
        let current = worker.slots().iter().filter_map(Slot::current);
        let told = current.filter_map(|process| self.processes.get(&process.id()));
        let mut connections: Vec<status::Connection> = Vec::new();
        for counters in told.flat_map(|process| &process.counters.connections) {
            match connections.iter_mut().find(|connection| connection.told.name == counters.name) {
                Some(connection) => connection.told += counters.clone(),
                None => connections
                    .push(status::Connection { worker: worker.spec().id.clone(), told: counters.clone() }),
            }
        }
        connections
    }

    /// A worker and those of the same id that drain.
    fn generations(&self, key: WorkerKey, known: &Known) -> impl Iterator<Item = WorkerKey> {
        let former = self.fleet.former().filter(|(_, former)| former.spec().id == known.spec().id);
        std::iter::once(key).chain(former.map(|(key, _)| key))
    }

    /// What the processes of a worker tell of places, those that are gone, too; of places that some process has still.
    fn added_up<T: Told>(
        &self,
        (key, known): (WorkerKey, &Known),
        told: fn(&Counters) -> &[T],
        before: fn(&Ended) -> &[T],
    ) -> Vec<T> {
        let (mut all, mut ended) = (Vec::new(), Vec::new());
        for key in self.generations(key, known) {
            gather(&mut all, self.processes_of(key).flat_map(|process| told(&process.counters)));
            ended.extend(self.workers.get(&key).into_iter().flat_map(|worker| before(worker.ended())));
        }
        ended.retain(|ended| all.binary_search_by(|one| one.place().cmp(&ended.place())).is_ok());
        gather(&mut all, ended);
        all
    }

    /// The part in routing of the processes in a slot, and the realms that they route.
    fn routing(&self, key: WorkerKey, known: &Known, index: usize) -> (Option<Role>, Vec<String>) {
        let Some(worker) = self.workers.get(&key) else { return (None, Vec::new()) };
        let (role, realms) = match known.realms().iter().position(|realm| *realm == index) {
            Some(number) => (Role::Realm, worker.realms_of(number)),
            None if !known.realms().is_empty() => (Role::Edge, Vec::new()),
            None if worker.realms().is_empty() => return (None, Vec::new()),
            None => (Role::Both, worker.realms()),
        };
        (Some(role), realms.into_iter().map(ToOwned::to_owned).collect())
    }

    fn worker_status(&self, key: WorkerKey, known: &Known, now: Instant) -> status::Worker {
        let (id, state) = (&known.spec().id, known.state());
        let mut active = known.active();
        let reason = active.find(|(_, slot)| slot.state() == state).and_then(|(_, slot)| slot.reason());
        let slots = known.slots().iter().zip(0u16..);
        let shown = slots.filter(|(slot, _)| slot.is_active() || (slot.is_retired() && !slot.is_empty()));
        let kind = self.workers.get(&key).map_or("", Worker::kind_name);
        status::Worker {
            id: id.clone(),
            kind: kind.to_owned(),
            state,
            reason: reason.map(ToOwned::to_owned),
            log_level: Some(self.hub.level(Some(id))),
            processes: shown
                .flat_map(|(slot, index)| {
                    let mut processes = self.slot_status((slot, index), known.generation(), now);
                    let (role, realms) = self.routing(key, known, index.into());
                    for process in &mut processes {
                        (process.role, process.realms) = (role, realms.clone());
                    }
                    processes
                })
                .collect(),
        }
    }

    /// The process that the slot's state is about comes first; then its successor and those that drain.
    fn slot_status(
        &self,
        (slot, index): (&Slot, u16),
        generation: u64,
        now: Instant,
    ) -> Vec<status::Process> {
        // A slot that drains has no current process but the one that drains.
        let (first, others) = match (slot.state(), slot.leaving().split_last()) {
            (State::Draining, Some((last, others))) => (Some(last), others),
            _ => (slot.current(), slot.leaving()),
        };
        let status = |state, process| self.process_status((slot, index), state, process, generation, now);
        // Of a worker that is gone only what still runs is of interest.
        let mut processes: Vec<_> = (!slot.is_retired() || first.is_some())
            .then(|| status(slot.state(), first))
            .into_iter()
            .collect();
        processes.extend(slot.successor().map(|process| status(State::Starting, Some(process))));
        processes.extend(others.iter().map(|process| status(State::Draining, Some(process))));
        processes
    }

    fn process_status(
        &self,
        (slot, index): (&Slot, u16),
        state: State,
        known: Option<&Process>,
        generation: u64,
        now: Instant,
    ) -> status::Process {
        let process = known.and_then(|known| self.processes.get(&known.id()));
        let usage = process.map(|process| Usage::of(process.source.pid())).unwrap_or_default();
        let listeners = process.into_iter().flat_map(|process| &process.counters.listeners);
        status::Process {
            index,
            pid: process.map(|process| process.source.pid()),
            state,
            status: process.and_then(|process| process.status.clone()),
            generation: known.map_or(generation, Process::generation),
            uptime_s: known.map_or(0.0, |known| now.duration_since(known.spawned()).as_secs_f64()),
            restarts: slot.restarts(),
            rss_bytes: usage.rss_bytes,
            cpu_s: usage.cpu_s,
            connections: listeners.map(|listener| listener.connections.open).sum(),
            last_exit: slot.last_exit().cloned(),
            role: None,
            realms: Vec::new(),
        }
    }
}
