//! The node's workers: those of the configuration in effect, those of the next one, which are being made ready, and
//! those of earlier ones, which drain.

use super::worker::Worker;
use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

/// Names a worker for as long as the controller runs. Its id may come again with the next configuration; this never
/// does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkerKey(u64);

/// All workers by their names.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    all: BTreeMap<WorkerKey, Worker>,
    /// Those in effect, in the order of the configuration.
    serving: Vec<WorkerKey>,
    last: u64,
}

impl Workers {
    /// These, in effect.
    pub(crate) fn new(workers: impl IntoIterator<Item = Worker>) -> Self {
        let mut all = Self::default();
        let keys = workers.into_iter().map(|worker| all.add(worker)).collect();
        all.put_into_effect(keys);
        all
    }

    /// Takes in a worker that is not in effect yet.
    pub(crate) fn add(&mut self, worker: Worker) -> WorkerKey {
        self.last += 1;
        let key = WorkerKey(self.last);
        self.all.insert(key, worker);
        key
    }

    /// From now on these are in effect, in this order.
    pub(crate) fn put_into_effect(&mut self, keys: Vec<WorkerKey>) {
        self.serving = keys;
    }

    /// Forgets a worker that nothing refers to any longer: no process, no operation.
    pub(crate) fn remove(&mut self, key: WorkerKey) -> Option<Worker> {
        self.serving.retain(|serving| *serving != key);
        self.all.remove(&key)
    }

    /// Names of those in effect, in order.
    pub(crate) fn keys(&self) -> Vec<WorkerKey> {
        self.serving.clone()
    }

    /// Whether it is in effect.
    pub(crate) fn is_serving(&self, key: WorkerKey) -> bool {
        self.serving.contains(&key)
    }

    /// Those in effect, in order.
    pub(crate) fn serving(&self) -> impl Iterator<Item = &Worker> {
        self.serving.iter().filter_map(|key| self.all.get(key))
    }

    /// The name of the one in effect with this id.
    pub(crate) fn find(&self, id: &str) -> Option<WorkerKey> {
        self.serving.iter().copied().find(|key| self.all.get(key).is_some_and(|worker| worker.id() == id))
    }

    /// Every one.
    pub(crate) fn all(&self) -> impl Iterator<Item = (WorkerKey, &Worker)> {
        self.all.iter().map(|(key, worker)| (*key, worker))
    }

    /// Every one.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.all.values_mut()
    }

    /// The one of this name, if it is still there.
    pub(crate) fn get(&self, key: WorkerKey) -> Option<&Worker> {
        self.all.get(&key)
    }
}

/// A worker is there for as long as anything refers to it.
impl Index<WorkerKey> for Workers {
    type Output = Worker;

    fn index(&self, key: WorkerKey) -> &Worker {
        &self.all[&key]
    }
}

impl IndexMut<WorkerKey> for Workers {
    fn index_mut(&mut self, key: WorkerKey) -> &mut Worker {
        match self.all.get_mut(&key) {
            Some(worker) => worker,
            None => unreachable!("a worker that something refers to is gone"),
        }
    }
}
