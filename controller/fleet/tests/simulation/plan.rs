//! Another configuration, or number of processes: what the driver binds, keeps ready and undoes.

use crate::configuration::{Configuration, bind, chance};
use crate::process::Simulated;
use crate::world::World;
use jackfield_fleet::{Endpoint, Event, Plan, PlannedWorker, ProcessId, Spec, WorkerKey};
use std::collections::BTreeMap;

/// What is planned, and how it was.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    configuration: Configuration,
    /// What comes into effect only then.
    then: BTreeMap<WorkerKey, Vec<Endpoint>>,
    /// What was bound before, of workers that have grown already.
    before: BTreeMap<WorkerKey, Vec<Endpoint>>,
    added: Vec<WorkerKey>,
    /// What was in effect.
    snapshot: InEffect,
}

/// What is in effect.
#[derive(Clone, Debug, PartialEq)]
struct InEffect {
    generation: u64,
    /// Key, id, slots, number of processes.
    workers: Vec<(WorkerKey, String, Vec<usize>, usize)>,
    /// Inodes, by workers and addresses.
    endpoints: Vec<((WorkerKey, String), Vec<u64>)>,
}

impl World {
    /// The configuration was read.
    pub(crate) fn read(&mut self) -> Result<(), String> {
        if chance(&mut self.random, 10) {
            return self.feed(Event::NotPlanned("it is wrong".into()));
        }
        let next = self.configuration.next(&mut self.random);
        for worker in &next.workers {
            let is_scaled = chance(&mut self.random, 20);
            if let Some(key) = self.fleet.find(worker.id).filter(|_| !is_scaled) {
                self.feed(Event::Resizing(key, worker.processes))?;
            }
        }
        if !self.fleet.is_reloading() {
            // It was given up meanwhile.
            return Ok(());
        }
        let mut pending = self.pending(next.clone());
        let mut planned = Vec::new();
        for worker in &next.workers {
            let former = self.fleet.find(worker.id);
            let before = self.configuration.workers.iter().find(|before| before.id == worker.id);
            let goes_on = before.is_some_and(|b| (b.version, b.kind) == (worker.version, worker.kind));
            let key = former.filter(|_| goes_on).unwrap_or_else(|| self.fleet.new_worker_key());
            let endpoints = self.bind_all(worker, former, worker.processes);
            let spec = worker.spec(worker.processes, endpoints);
            self.put(&mut pending, key, &spec, Some(key) == former);
            planned.push(PlannedWorker { key, spec });
        }
        self.pending = Some(pending);
        self.feed(Event::Planned(Plan::Reload { workers: planned, shutdown: Vec::new() }))
    }

    /// Binds what a worker needs for another number of processes.
    pub(crate) fn resize(&mut self, key: WorkerKey, processes: usize) -> Event {
        let id = self.fleet.worker(key).map(|worker| worker.spec().id.clone());
        let found = self.configuration.workers.iter().find(|worker| Some(worker.id) == id.as_deref());
        let Some(worker) = found.cloned().filter(|_| !chance(&mut self.random, 10)) else {
            return Event::NotPlanned("it can't be bound".into());
        };
        let mut pending = self.pending(self.configuration.clone());
        let endpoints = self.bind_all(&worker, Some(key), processes);
        let spec = worker.spec(processes, endpoints);
        self.put(&mut pending, key, &spec, true);
        self.pending = Some(pending);
        Event::Planned(Plan::Scale(key, Box::new(spec)))
    }

    fn pending(&self, configuration: Configuration) -> Pending {
        let snapshot = self.in_effect();
        let (then, before) = (BTreeMap::new(), BTreeMap::new());
        Pending { configuration, then, before, added: Vec::new(), snapshot }
    }

    fn bind_all(
        &mut self,
        worker: &crate::configuration::Wanted,
        former: Option<WorkerKey>,
        processes: usize,
    ) -> Vec<Endpoint> {
        let former = former.and_then(|key| self.bound.get(&key)).cloned().unwrap_or_default();
        let of = |local| former.iter().find(|endpoint: &&Endpoint| endpoint.local == local);
        worker
            .addresses
            .iter()
            .map(|address| bind(address, processes, of(address.local), &mut self.next_inode))
            .collect()
    }

    fn put(&mut self, pending: &mut Pending, key: WorkerKey, spec: &Spec, is_kept: bool) {
        let endpoints = spec.endpoints.clone();
        if !is_kept {
            pending.added.push(key);
            self.bound.insert(key, endpoints);
            return;
        }
        let before = self.fleet.worker(key).map_or(0, |worker| worker.acceptors().count());
        if spec.processes > before {
            let former = self.bound.insert(key, endpoints).unwrap_or_default();
            pending.before.insert(key, former);
        } else {
            pending.then.insert(key, endpoints);
        }
    }

    /// What was planned is in effect.
    pub(crate) fn commit(&mut self) -> Result<(), String> {
        let pending = self.pending.take().ok_or("something comes into effect that was not planned")?;
        let is_late = |(id, process): &(&ProcessId, &Simulated)| {
            // One of a change that came to nothing may not have ended yet.
            let is_wanted = self.fleet.process(**id).is_some_and(|known| known.leaves_by().is_none());
            process.hold && !process.is_prepared && !process.is_doomed && is_wanted
        };
        let late = self.processes.iter().filter(is_late).count();
        if late > 0 {
            return Err(format!("a change is in effect, and {late} new processes are not prepared"));
        }
        self.bound.extend(pending.then);
        self.configuration = pending.configuration;
        Ok(())
    }

    /// What was planned is undone.
    pub(crate) fn undo(&mut self) -> Result<(), String> {
        let Some(pending) = self.pending.take() else { return Ok(()) };
        if self.is_closed {
            return Ok(());
        }
        self.bound.extend(pending.before);
        for key in pending.added {
            self.bound.remove(&key);
        }
        let mut before = pending.snapshot;
        let now = self.in_effect();
        // An address may have been closed meanwhile, or opened again for a process.
        for (line, sockets) in &mut before.endpoints {
            let same = now.endpoints.iter().find(|(other, _)| other == line);
            if let Some((_, sockets_now)) = same
                && (sockets_now.is_empty() || sockets.is_empty())
            {
                sockets.clone_from(sockets_now);
            }
        }
        if now != before {
            return Err(format!("a change was undone, and left\n{now:?}\nwhere was\n{before:?}"));
        }
        Ok(())
    }

    /// What is in effect, as far as a change can change it.
    fn in_effect(&self) -> InEffect {
        let mut in_effect =
            InEffect { generation: self.fleet.generation(), workers: Vec::new(), endpoints: Vec::new() };
        for (key, worker) in self.fleet.serving() {
            let spec = worker.spec();
            let slots: Vec<_> = worker.active().map(|(index, _)| index).collect();
            in_effect.workers.push((key, spec.id.clone(), slots, spec.processes));
            for endpoint in &spec.endpoints {
                let mut sockets: Vec<_> = endpoint.sockets.iter().map(|listener| listener.inode).collect();
                sockets.sort_unstable();
                in_effect.endpoints.push(((key, endpoint.local.clone()), sockets));
            }
        }
        in_effect
    }

    /// Lets two slots exchange their sockets.
    pub(crate) fn exchange(&mut self, key: WorkerKey, one: usize, other: usize) {
        for endpoint in self.bound.get_mut(&key).into_iter().flatten() {
            let has = |index| endpoint.sockets.iter().any(|listener| listener.owner == Some(index));
            if has(one) && has(other) {
                for listener in &mut endpoint.sockets {
                    listener.owner = match listener.owner {
                        Some(owner) if owner == one => Some(other),
                        Some(owner) if owner == other => Some(one),
                        owner => owner,
                    };
                }
            }
        }
    }

    /// Binds again what was closed, for a process that is about to start.
    pub(crate) fn open_again(&mut self, key: WorkerKey) -> Result<Option<Vec<Endpoint>>, String> {
        let Some(worker) = self.fleet.worker(key) else {
            return Err("a worker is started that is gone".into());
        };
        let (id, slots) = (worker.spec().id.clone(), worker.spec().processes);
        let found = self.configuration.workers.iter().find(|worker| worker.id == id).cloned();
        let Some(wanted) = found else { return Ok(None) };
        let Some(bound) = self.bound.get_mut(&key) else { return Ok(None) };
        let mut has_opened = false;
        for endpoint in bound.iter_mut().filter(|endpoint| endpoint.sockets.is_empty()) {
            if let Some(address) = wanted.addresses.iter().find(|address| address.local == endpoint.local) {
                *endpoint = bind(address, slots, None, &mut self.next_inode);
                has_opened = true;
            }
        }
        Ok(has_opened.then(|| bound.clone()))
    }
}
