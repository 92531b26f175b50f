//! Who accepts from which socket. Each process has the sockets of its place and those that all share. While a place
//! has no process, and won't have one at once, its siblings accept from its sockets, so that nobody waits in a queue
//! that nobody looks at; when its process is ready, they give them back. For a worker without any process those stand in
//! that listen at the same address.

use super::Supervisor;
use super::assemble::wanted;
use super::event::Key;
use super::worker::{Work, Worker};
use super::workers::WorkerKey;
use crate::node::RUN;
use crate::sockets::{Binder, Bound, Socket};
use jackfield_shared::ipc::{Slot as PlanSlot, ToWorker};
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// A socket of a worker without a process, and who accepts from it.
struct Loan {
    to: WorkerKey,
    place: usize,
    /// The transport of that worker that serves it.
    transport: String,
    address: String,
    socket: Rc<Socket>,
}

/// Whether nobody of a worker accepts, or is about to.
fn is_away(worker: &Worker) -> bool {
    let is_there = |state| matches!(state, State::Ready | State::Starting);
    !worker.arriving && !worker.active().any(|(_, slot)| is_there(slot.state()))
}

/// Of a guest whose processes have sockets of their own, those of places without a process: nobody can accept from them,
/// so that clients are to get to the others.
fn rest_idle(worker: &Worker) {
    let rests = |state| matches!(state, State::Stopped | State::Failed);
    for (place, _) in worker.active().filter(|(_, slot)| rests(slot.state()) && slot.is_empty()) {
        for bound in &worker.bound {
            // One that can't be changed is looked at again after the next change.
            let _ = bound.rest(place);
        }
    }
}

/// Inodes of the sockets that each place's process is to accept from.
type Assignment = BTreeMap<usize, BTreeSet<u64>>;

impl Supervisor {
    /// Looks after every change whether somebody accepts from each socket.
    pub(super) fn assign_listeners(&mut self) {
        if !std::mem::take(&mut self.listeners_changed) {
            return;
        }
        let loans = self.loans();
        for key in self.workers.keys() {
            if matches!(self.workers[key].work, Work::Serve(_)) {
                let lent = || loans.iter().filter(|loan| loan.to == key);
                let mut assignment = assignment(&self.workers[key]);
                for loan in lent() {
                    if let Some(wanted) = assignment.get_mut(&loan.place) {
                        wanted.insert(loan.socket.inode);
                    }
                }
                let lent: Vec<_> = lent().collect();
                for (place, wanted) in assignment {
                    self.tell_listeners(key, place, &wanted, &lent);
                }
            }
        }
    }

    /// The sockets of workers without a process that others accept from, since they listen at the same address.
    fn loans(&self) -> Vec<Loan> {
        let keys = self.workers.keys();
        let mut loans: Vec<Loan> = Vec::new();
        for &from in keys.iter().filter(|key| is_away(&self.workers[**key])) {
            for bound in &self.workers[from].bound {
                for (socket, _) in bound.listeners() {
                    let holds = |process: &super::process::Process| process.listening.contains(&socket.inode);
                    let places =
                        keys.iter().filter(|to| **to != from).flat_map(|&to| self.standing_in(to, bound));
                    let adopter = places.min_by_key(|(to, place, _)| {
                        let process = self.workers[*to].slots[*place].current.as_ref();
                        let lent = loans.iter().filter(|loan| (loan.to, loan.place) == (*to, *place)).count();
                        // Whoever has it keeps it; else who has the fewest.
                        (!process.is_some_and(holds), lent)
                    });
                    if let Some((to, place, transport)) = adopter {
                        loans.push(Loan {
                            to,
                            place,
                            transport,
                            address: bound.address.clone(),
                            socket: Rc::clone(socket),
                        });
                    }
                }
            }
        }
        loans
    }

    /// The places of a worker that can stand in at the address of this endpoint, and by which of its transports.
    fn standing_in(&self, key: WorkerKey, for_bound: &Bound) -> Vec<(WorkerKey, usize, String)> {
        let worker = &self.workers[key];
        let same = worker.bound.iter().find(|bound| bound.local() == for_bound.local() && !bound.is_closed());
        let (Work::Serve(_), Some(same)) = (&worker.work, same) else { return Vec::new() };
        let serves = |slot: &super::slot::Slot| {
            slot.state() == State::Ready && slot.current.as_ref().is_some_and(|process| !process.is_full)
        };
        let places = worker.active().filter(|(_, slot)| serves(slot));
        places.map(|(place, _)| (key, place, same.transport.clone())).collect()
    }

    /// Whether another worker listens at the address of this endpoint.
    fn is_shared(&self, key: WorkerKey, bound: &Bound) -> bool {
        let others = self.workers.keys().into_iter().filter(|other| *other != key);
        let mut bounds = others.flat_map(|other| &self.workers[other].bound);
        bounds.any(|other| other.local() == bound.local() && !other.is_closed())
    }

    /// Closes the addresses of a worker without processes, or whose processes are about to end, where nobody stands in:
    /// who comes is refused at once. They are bound again with its next process.
    pub(super) fn close_addresses(&mut self, key: WorkerKey) {
        let alone: Vec<_> = self.workers[key].bound.iter().map(|bound| !self.is_shared(key, bound)).collect();
        for (bound, is_alone) in self.workers[key].bound.iter_mut().zip(alone) {
            if is_alone && bound.close() {
                self.listeners_changed = true;
            }
        }
    }

    /// Closes the addresses of workers that have come to rest.
    pub(super) fn close_idle(&mut self) {
        if !matches!(self.phase, super::stop::Phase::Running) || self.transition.is_some() {
            return;
        }
        for key in self.workers.keys() {
            let worker = &self.workers[key];
            let rests = |state| matches!(state, State::Stopped | State::Failed);
            let is_to_come =
                self.to_start.contains(&key) || self.successors.iter().any(|(later, _)| *later == key);
            let is_idle = worker.active().all(|(_, slot)| rests(slot.state()) && slot.is_empty());
            if is_idle && !is_to_come {
                self.close_addresses(key);
            } else if matches!(worker.work, Work::Guest(_)) {
                rest_idle(worker);
            }
        }
    }

    /// Binds the addresses of a worker again that were closed.
    ///
    /// # Errors
    /// When one of them can't be had.
    pub(super) fn open_addresses(&mut self, key: WorkerKey) -> Result<(), String> {
        let worker = &self.workers[key];
        if !worker.bound.iter().any(Bound::is_closed) {
            return Ok(());
        }
        let run_dir = self.node.origin.base.join(RUN);
        let mut binder =
            Binder::new(worker.bound.iter().collect(), &[], run_dir, &self.node.configuration.names);
        let mut opened = Vec::new();
        for listener in worker.listeners() {
            let former = worker.bound.iter().find(|former| former.transport == listener.id);
            if !former.is_some_and(Bound::is_closed) {
                continue;
            }
            match binder.bind(&wanted(worker, &listener)) {
                Ok(bound) => opened.push(bound),
                Err(e) => {
                    binder.give_up();
                    return Err(e.to_string());
                }
            }
        }
        let worker = &mut self.workers[key];
        for bound in opened {
            if let Some(former) = worker.bound.iter_mut().find(|former| former.transport == bound.transport) {
                *former = bound;
            }
        }
        for bound in &self.workers[key].bound {
            if let Err(e) = bound.settle() {
                self.hub.log(Level::Warn, format!("{}: its options can't all be set: {e}", bound.address));
            }
        }
        Ok(())
    }

    fn tell_listeners(&mut self, key: WorkerKey, place: usize, wanted: &BTreeSet<u64>, lent: &[&Loan]) {
        let worker = &mut self.workers[key];
        let Some(process) = worker.slots.get_mut(place).and_then(|slot| slot.current.as_mut()) else {
            return;
        };
        if process.listening == *wanted {
            return;
        }
        let (mut slots, mut fds) = (Vec::new(), Vec::<OwnedFd>::new());
        let own = sockets(&worker.bound).map(|(bound, socket)| (&bound.transport, &bound.address, socket));
        let lent = lent.iter().map(|loan| (&loan.transport, &loan.address, &loan.socket));
        for (transport, address, socket) in own.chain(lent) {
            if wanted.contains(&socket.inode) && !process.listening.contains(&socket.inode) {
                // Without a descriptor it is tried again after the next change.
                let Ok(fd) = socket.fd().try_clone_to_owned() else { continue };
                let (transport, address) = (transport.clone(), address.clone());
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
