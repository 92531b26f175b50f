//! Who accepts from which socket. Each process has the sockets of its place and those that all share. While a place
//! has no process, and won't have one at once, its siblings accept from its sockets, so that nobody waits in a queue
//! that nobody looks at; when its process is ready, they give them back.

use super::Supervisor;
use super::event::Key;
use super::worker::{Work, Worker};
use super::workers::WorkerKey;
use crate::sockets::{Bound, Socket};
use jackfield_shared::ipc::{Slot as PlanSlot, ToWorker};
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// Inodes of the sockets that each place's process is to accept from.
type Assignment = BTreeMap<usize, BTreeSet<u64>>;

impl Supervisor {
    /// Looks after every change whether somebody accepts from each socket.
    pub(super) fn assign_listeners(&mut self) {
        if !std::mem::take(&mut self.listeners_changed) {
            return;
        }
        for key in self.workers.keys() {
            if matches!(self.workers[key].work, Work::Serve(_)) {
                let assignment = assignment(&self.workers[key]);
                for (place, wanted) in assignment {
                    self.tell_listeners(key, place, &wanted);
                }
            }
        }
    }

    fn tell_listeners(&mut self, key: WorkerKey, place: usize, wanted: &BTreeSet<u64>) {
        let worker = &mut self.workers[key];
        let Some(process) = worker.slots.get_mut(place).and_then(|slot| slot.current.as_mut()) else {
            return;
        };
        if process.listening == *wanted {
            return;
        }
        let (mut slots, mut fds) = (Vec::new(), Vec::<OwnedFd>::new());
        for (bound, socket) in sockets(&worker.bound) {
            if wanted.contains(&socket.inode) && !process.listening.contains(&socket.inode) {
                // Without a descriptor it is tried again after the next change.
                let Ok(fd) = socket.fd().try_clone_to_owned() else { continue };
                let (transport, address) = (bound.transport.clone(), bound.address.clone());
                slots.push(PlanSlot { transport, address, inode: socket.inode });
                fds.push(fd);
            }
        }
        let more: Vec<_> = slots.iter().map(|slot| slot.inode).collect();
        let less: Vec<_> = process.listening.difference(wanted).copied().collect();
        if !more.is_empty() && process.tell_with(ToWorker::Listen(slots), fds) {
            process.listening.extend(&more);
        }
        if !less.is_empty() && process.tell(ToWorker::Unlisten(less.clone())) {
            process.listening.retain(|inode| !less.contains(inode));
        }
        let text = format!(
            "accepts from {} sockets now ({} more, {} less)",
            process.listening.len(),
            more.len(),
            less.len()
        );
        self.hub.publish(process.source.record(Level::Debug, text));
    }

    /// A process has no room for sockets of others.
    pub(super) fn declined(&mut self, key: Key, inodes: &[u64]) {
        if let Some(process) = self.process_mut(key) {
            process.is_full = true;
            process.listening.retain(|inode| !inodes.contains(inode));
            self.listeners_changed = true;
        }
    }

    /// Of the sockets that a process accepts from, those that nobody will accept from when it has ended.
    pub(super) fn retired(&self, process: &super::process::Process) -> Vec<u64> {
        let bounds = self.workers.serving().flat_map(|worker| &worker.bound);
        let kept: BTreeSet<_> = bounds.flat_map(Bound::listeners).map(|(socket, _)| socket.inode).collect();
        process.listening.difference(&kept).copied().collect()
    }
}

fn sockets(bounds: &[Bound]) -> impl Iterator<Item = (&Bound, &Rc<Socket>)> {
    bounds.iter().flat_map(|bound| bound.listeners().map(move |(socket, _)| (bound, socket)))
}

/// What each process that is ready should accept from.
fn assignment(worker: &Worker) -> Assignment {
    let ready =
        |(_, slot): &(usize, &super::slot::Slot)| slot.state() == State::Ready && slot.current.is_some();
    let mut assignment: Assignment =
        worker.active().filter(ready).map(|(place, _)| (place, BTreeSet::new())).collect();
    for (bound, place) in
        worker.bound.iter().flat_map(|bound| (0..worker.slots.len()).map(move |p| (bound, p)))
    {
        if let Some(wanted) = assignment.get_mut(&place) {
            wanted.extend(bound.sockets(place).map(|socket| socket.inode));
        }
    }
    let listens = |place: usize, inode| {
        worker.slots[place].current.as_ref().is_some_and(|process| process.listening.contains(&inode))
    };
    for bound in &worker.bound {
        for (socket, owner) in bound.listeners() {
            let Some(owner) = owner.map(usize::from) else { continue };
            // One that is being made ready for the next configuration has sockets that need not listen yet.
            let is_arriving = worker.slots.get(owner).is_some_and(|slot| slot.arriving);
            if is_arriving || assignment.contains_key(&owner) {
                continue;
            }
            let siblings = assignment.keys().copied();
            // Whoever has it keeps it.
            let holder = siblings.clone().find(|&place| listens(place, socket.inode));
            // One that comes back at once needs nobody to stand in for it.
            let is_coming = worker.slots.get(owner).is_some_and(|slot| slot.state() == State::Starting);
            let room =
                |place: &usize| !worker.slots[*place].current.as_ref().is_some_and(|process| process.is_full);
            let adopter = holder.or_else(|| {
                let free = siblings.filter(room).filter(|_| !is_coming);
                free.min_by_key(|place| assignment.get(place).map_or(0, BTreeSet::len))
            });
            if let Some(wanted) = adopter.and_then(|place| assignment.get_mut(&place)) {
                wanted.insert(socket.inode);
            }
        }
    }
    assignment
}
