//! A worker and its slots; all workers there are.

use crate::health::least_healthy;
use crate::id::{Inode, ProcessId, WorkerKey};
use crate::process::Process;
use crate::slot::{Slot, Standing};
use crate::spec::{Endpoint, Spec};
use jackfield_shared::status::State;
use std::collections::BTreeMap;

/// A worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    pub(crate) spec: Spec,
    pub(crate) slots: Vec<Slot>,
    /// Indices of the slots whose processes route the realms for those of the others, each its own: the last of those in
    /// effect, in order.
    pub(crate) realms: Vec<usize>,
    /// Whether it is of a configuration that may still be given up.
    pub(crate) arriving: bool,
    /// Whether a process of it was ready, and by more than that it runs: then it is never given up.
    pub(crate) was_ready: bool,
    /// The generation of the configuration that its processes are started with.
    pub(crate) generation: u64,
}

impl Worker {
    /// A worker with empty slots.
    pub(crate) fn new(spec: Spec, generation: u64) -> Self {
        let count = spec.processes + spec.realm_processes;
        let realms = (spec.processes..count).collect();
        let slots = std::iter::repeat_with(Slot::default).take(count).collect();
        Self { spec, slots, realms, arriving: false, was_ready: false, generation }
    }

    /// What the configuration wants of it.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its slots, by index.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slots of the configuration in effect, with their indices.
    pub fn active(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.is_active())
    }

    /// Those of them whose processes accept from its endpoints.
    pub fn acceptors(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.active().filter(|(index, _)| !self.routes(*index))
    }

    /// The state of its least healthy process.
    #[must_use]
    pub fn state(&self) -> State {
        least_healthy(self.active().map(|(_, slot)| slot.state()))
    }

    /// All its processes.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.slots.iter().flat_map(Slot::processes)
    }

    /// The generation of the configuration that its processes are started with.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn id(&self) -> &str {
        &self.spec.id
    }

    /// The slot with this index, made if there is none.
    pub(crate) fn slot_at(&mut self, index: usize) -> &mut Slot {
        while self.slots.len() <= index {
            self.slots.push(Slot::default());
        }
        &mut self.slots[index]
    }

    /// There are to be no processes here any more.
    pub(crate) fn retire_slots(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.standing = Standing::Retired);
    }

    /// Inodes of the sockets of a slot.
    pub(crate) fn sockets(&self, slot: usize) -> impl Iterator<Item = Inode> {
        let endpoints = self.spec.endpoints.iter().filter(move |_| !self.routes(slot));
        endpoints.flat_map(move |endpoint| endpoint.of_slot(slot))
    }

    /// Lets two slots exchange places, with the sockets that are theirs.
    pub(crate) fn exchange(&mut self, one: usize, other: usize) {
        self.slots.swap(one, other);
        for realm in &mut self.realms {
            *realm = match *realm {
                realm if realm == one => other,
                realm if realm == other => one,
                realm => realm,
            };
        }
        for endpoint in &mut self.spec.endpoints {
            exchange_owners(endpoint, one, other);
        }
    }
}

fn exchange_owners(endpoint: &mut Endpoint, one: usize, other: usize) {
    // A socket of its own has each slot or none.
    let has = |index| endpoint.sockets.iter().any(|listener| listener.owner == Some(index));
    if !has(one) || !has(other) {
        return;
    }
    for listener in &mut endpoint.sockets {
        listener.owner = match listener.owner {
            Some(owner) if owner == one => Some(other),
            Some(owner) if owner == other => Some(one),
            owner => owner,
        };
    }
}

/// The node's workers: those of the configuration in effect, those of the next one, which are being made ready, and
/// those of earlier ones, which drain.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Workers {
    all: BTreeMap<WorkerKey, Worker>,
    /// Those in effect, in the order of the configuration.
    serving: Vec<WorkerKey>,
    last: u64,
}

impl Workers {
    /// A key that no worker has had.
    pub(crate) fn next_key(&mut self) -> WorkerKey {
        self.last += 1;
        WorkerKey(self.last)
    }

    /// Takes in a worker that is not in effect yet.
    pub(crate) fn add(&mut self, key: WorkerKey, worker: Worker) {
        self.all.insert(key, worker);
    }

    /// Puts these into effect, in this order.
    pub(crate) fn put_into_effect(&mut self, keys: Vec<WorkerKey>) {
        self.serving = keys;
    }

    /// Forgets a worker.
    pub(crate) fn remove(&mut self, key: WorkerKey) -> Option<Worker> {
        self.serving.retain(|serving| *serving != key);
        self.all.remove(&key)
    }

    /// Keys of those in effect, in order.
    pub(crate) fn keys(&self) -> Vec<WorkerKey> {
        self.serving.clone()
    }

    /// Whether it is in effect.
    pub(crate) fn is_serving(&self, key: WorkerKey) -> bool {
        self.serving.contains(&key)
    }

    /// Those in effect, in order.
    pub(crate) fn serving(&self) -> impl Iterator<Item = (WorkerKey, &Worker)> {
        self.serving.iter().filter_map(|key| Some((*key, self.all.get(key)?)))
    }

    /// The key of the one in effect with this id.
    pub(crate) fn find(&self, id: &str) -> Option<WorkerKey> {
        self.serving().find(|(_, worker)| worker.id() == id).map(|(key, _)| key)
    }

    /// Every one.
    pub(crate) fn all(&self) -> impl Iterator<Item = (WorkerKey, &Worker)> {
        self.all.iter().map(|(key, worker)| (*key, worker))
    }

    /// Every one.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.all.values_mut()
    }

    /// The one with this key.
    pub(crate) fn get(&self, key: WorkerKey) -> Option<&Worker> {
        self.all.get(&key)
    }

    /// The one with this key.
    pub(crate) fn get_mut(&mut self, key: WorkerKey) -> Option<&mut Worker> {
        self.all.get_mut(&key)
    }

    /// The slot with this index.
    pub(crate) fn slot(&self, (key, index): (WorkerKey, usize)) -> Option<&Slot> {
        self.all.get(&key)?.slots.get(index)
    }

    /// The slot with this index.
    pub(crate) fn slot_mut(&mut self, (key, index): (WorkerKey, usize)) -> Option<&mut Slot> {
        self.all.get_mut(&key)?.slots.get_mut(index)
    }

    /// The slots of a worker.
    pub(crate) fn places(&self, key: WorkerKey) -> impl Iterator<Item = (WorkerKey, usize)> + use<> {
        let count = self.all.get(&key).map_or(0, |worker| worker.slots.len());
        (0..count).map(move |index| (key, index))
    }

    /// What a slot is called: `worker[index]`.
    pub(crate) fn name(&self, (key, index): (WorkerKey, usize)) -> String {
        format!("{}[{index}]", self.all.get(&key).map_or("a worker that is gone", Worker::id))
    }

    /// All processes.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.all.values().flat_map(Worker::processes)
    }

    /// Names of all processes.
    pub(crate) fn process_ids(&self) -> Vec<ProcessId> {
        self.processes().map(Process::id).collect()
    }
}
