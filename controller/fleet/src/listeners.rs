//! Who accepts from which socket. Each process has the sockets of its slot and those that all share. While a slot has no
//! process, and won't have one at once, its siblings accept from its sockets, so that nobody waits in a queue that
//! nobody looks at; when its process is ready, they give them back. For a worker without any process those stand in
//! that listen at the same address.

use crate::effect::{Effect, Lent, Tell};
use crate::fleet::Fleet;
use crate::id::{Inode, WorkerKey};
use crate::phase::Phase;
use crate::planted::planted;
use crate::slot::{Slot, Standing};
use crate::spec::{Endpoint, Kind, Listener};
use crate::worker::Worker;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::collections::{BTreeMap, BTreeSet};

/// A socket of a worker without a process, and who accepts from it.
struct Loan {
    to: (WorkerKey, usize),
    lent: Lent,
}

/// Inodes of the sockets that each slot's process is to accept from.
type Assignment = BTreeMap<usize, BTreeSet<Inode>>;

/// Whether nobody of a worker accepts, or is about to.
fn is_away(worker: &Worker) -> bool {
    let is_there = |state| matches!(state, State::Ready | State::Starting);
    !worker.arriving && !worker.acceptors().any(|(_, slot)| is_there(slot.state()))
}

fn is_full(slot: &Slot) -> bool {
    slot.current().is_some_and(|process| process.is_full)
}

fn listens(slot: &Slot, inode: Inode) -> bool {
    slot.current().is_some_and(|process| process.listening.contains(&inode))
}

impl Fleet {
    /// Looks after every change whether somebody accepts from each socket.
    pub(crate) fn assign_listeners(&mut self) {
        // At the end of the node each accepts from what it has until it drains: those that connect to it may need it.
        let is_running = matches!(self.phase, Phase::Running);
        if !std::mem::take(&mut self.listeners_changed) || !is_running {
            return;
        }
        let loans = self.loans();
        for key in self.workers.keys() {
            let Some(worker) = self.workers.get(key).filter(|worker| worker.spec.kind == Kind::Native) else {
                continue;
            };
            let stand_in = planted!(self, NoStandIn, false, true);
            let acceptors: Vec<_> = worker.acceptors().collect();
            let acceptors = planted!(self, LentRealm, worker.active().collect(), acceptors);
            let mut assignment = assignment(worker, acceptors, stand_in);
            for loan in loans.iter().filter(|loan| loan.to.0 == key) {
                if let Some(wanted) = assignment.get_mut(&loan.to.1) {
                    wanted.insert(loan.lent.inode);
                }
            }
            for (slot, wanted) in assignment {
                self.tell_listeners((key, slot), &wanted, &loans);
            }
        }
    }

    /// The sockets of workers without a process that others accept from, since they listen at the same address.
    fn loans(&self) -> Vec<Loan> {
        let mut loans: Vec<Loan> = Vec::new();
        for (from, worker) in self.workers.serving().filter(|(_, worker)| is_away(worker)) {
            for endpoint in &worker.spec.endpoints {
                for &Listener { inode, .. } in &endpoint.sockets {
                    let others = self.workers.serving().filter(|(to, _)| *to != from);
                    let places = others.flat_map(|(to, worker)| standing_in(to, worker, endpoint));
                    let adopter = places.min_by_key(|&(to, slot, _)| {
                        let holds = self.slot((to, slot)).is_some_and(|slot| listens(slot, inode));
                        let lent = loans.iter().filter(|loan| loan.to == (to, slot)).count();
                        // Whoever has it keeps it; else who has the fewest.
                        (!holds, lent)
                    });
                    if let Some((to, slot, transport)) = adopter {
                        let (transport, address) = (transport.to_owned(), endpoint.address.clone());
                        loans.push(Loan { to: (to, slot), lent: Lent { inode, transport, address } });
                    }
                }
            }
        }
        loans
    }

    /// Whether another worker listens at the address of this endpoint.
    fn is_shared(&self, key: WorkerKey, endpoint: &Endpoint) -> bool {
        let others = self.workers.serving().filter(|(other, _)| *other != key);
        let mut endpoints = others.flat_map(|(_, other)| &other.spec.endpoints);
        endpoints.any(|other| other.local == endpoint.local && !other.is_closed())
    }

    /// Closes the addresses of a worker without processes, or whose processes are about to end, where nobody stands in:
    /// who comes is refused at once. They are bound again with its next process.
    pub(crate) fn close_addresses(&mut self, key: WorkerKey) {
        let Some(worker) = self.workers.get(key) else { return };
        let to_close = |endpoint: &&Endpoint| {
            endpoint.closable && !endpoint.is_closed() && !self.is_shared(key, endpoint)
        };
        let transports: Vec<_> =
            worker.spec.endpoints.iter().filter(to_close).map(|e| e.transport.clone()).collect();
        for transport in transports {
            let Some(worker) = self.workers.get_mut(key) else { return };
            for endpoint in worker.spec.endpoints.iter_mut().filter(|e| e.transport == transport) {
                endpoint.sockets.clear();
            }
            self.listeners_changed = true;
            self.effects.push(Effect::Close(key, transport));
        }
    }

    /// Closes the addresses of workers that have come to rest.
    pub(crate) fn close_idle(&mut self) {
        if !matches!(self.phase, Phase::Running) || self.change.is_some() {
            return;
        }
        let rests = |state| matches!(state, State::Stopped | State::Failed);
        let is_idle = |worker: &Worker| {
            worker.acceptors().all(|(_, slot)| rests(slot.state()) && slot.is_empty())
                && worker.spec.endpoints.iter().any(|endpoint| !endpoint.is_closed())
        };
        let idle: Vec<_> =
            self.workers.serving().filter(|(_, worker)| is_idle(worker)).map(|(key, _)| key).collect();
        self.rest_guests();
        for key in idle {
            // One that can't overlap has nobody for a moment while it is restarted.
            if !self.waits(key) && !self.makes_room(key) {
                self.close_addresses(key);
            }
        }
    }

    /// Lets the sockets of single programs rest that are gone, while others of their worker run: nobody can stand in, since
    /// a program can't be given another socket.
    fn rest_guests(&mut self) {
        let rests = |state| matches!(state, State::Stopped | State::Failed);
        for key in self.workers.keys() {
            let Some(worker) = self.workers.get_mut(key).filter(|w| w.spec.kind == Kind::Guest) else {
                continue;
            };
            if worker.processes().next().is_none() {
                continue;
            }
            for (index, slot) in worker.slots.iter_mut().enumerate() {
                let is_gone = slot.is_active() && rests(slot.state()) && slot.is_empty();
                if is_gone && !std::mem::replace(&mut slot.rests, true) {
                    self.effects.push(Effect::Rest(key, index));
                }
            }
        }
    }

    fn tell_listeners(&mut self, place: (WorkerKey, usize), wanted: &BTreeSet<Inode>, loans: &[Loan]) {
        let Some(worker) = self.workers.get(place.0) else { return };
        let Some(process) = worker.slots.get(place.1).and_then(|slot| slot.current()) else { return };
        if process.listening == *wanted {
            return;
        }
        let own = worker.spec.endpoints.iter().flat_map(|endpoint| {
            endpoint.sockets.iter().map(|listener| Lent {
                inode: listener.inode,
                transport: endpoint.transport.clone(),
                address: endpoint.address.clone(),
            })
        });
        let lent = loans.iter().filter(|loan| loan.to == place).map(|loan| loan.lent.clone());
        let is_new = |lent: &Lent| wanted.contains(&lent.inode) && !process.listening.contains(&lent.inode);
        let more: Vec<_> = own.chain(lent).filter(is_new).collect();
        let less: Vec<_> = process.listening.difference(wanted).copied().collect();
        let less = planted!(self, KeptSocket, Vec::new(), less);
        let id = process.id;
        let Some(process) = self.process_mut(id) else { return };
        process.listening.extend(more.iter().map(|lent| lent.inode));
        process.listening.retain(|inode| !less.contains(inode));
        let (all, more_count, less_count) = (process.listening.len(), more.len(), less.len());
        if !more.is_empty() {
            self.tell(id, Tell::Listen(more));
        }
        if !less.is_empty() {
            self.tell(id, Tell::Unlisten(less));
        }
        let text = format!("accepts from {all} sockets now ({more_count} more, {less_count} less)");
        self.log_of(id, Level::Debug, text);
    }
}

/// The slots of a worker that can stand in at the address of this endpoint, and by which of its transports.
fn standing_in<'a>(
    key: WorkerKey,
    worker: &'a Worker,
    endpoint: &'a Endpoint,
) -> impl Iterator<Item = (WorkerKey, usize, &'a str)> {
    let is_native = worker.spec.kind == Kind::Native;
    let mut endpoints = worker.spec.endpoints.iter();
    let same = endpoints.find(|own| is_native && own.local == endpoint.local && !own.is_closed());
    let serves = |slot: &Slot| slot.state() == State::Ready && !is_full(slot);
    let slots = worker.acceptors().filter(move |(_, slot)| serves(slot));
    slots.filter_map(move |(slot, _)| Some((key, slot, same?.transport.as_str())))
}

/// What each process that is ready should accept from.
fn assignment(worker: &Worker, acceptors: Vec<(usize, &Slot)>, stand_in: bool) -> Assignment {
    let ready = |(_, slot): &(usize, &Slot)| slot.state() == State::Ready;
    let of = |(index, _): (usize, &Slot)| (index, worker.sockets(index).collect());
    let mut assignment: Assignment = acceptors.into_iter().filter(ready).map(of).collect();
    for listener in worker.spec.endpoints.iter().flat_map(|endpoint| &endpoint.sockets) {
        let &Listener { inode, owner: Some(owner) } = listener else { continue };
        let slot = worker.slots.get(owner);
        // One that is being made ready for the next configuration has sockets that need not listen yet.
        let is_arriving = slot.is_some_and(|slot| slot.standing == Standing::Arriving);
        if is_arriving || assignment.contains_key(&owner) || !stand_in {
            continue;
        }
        let siblings = assignment.keys().copied();
        // Whoever has it keeps it.
        let holder = siblings.clone().find(|&sibling| listens(&worker.slots[sibling], inode));
        // One that comes back at once needs nobody to stand in for it.
        let is_coming = slot.is_some_and(|slot| slot.state() == State::Starting);
        let adopter = holder.or_else(|| {
            let free = siblings.filter(|&sibling| !is_full(&worker.slots[sibling]) && !is_coming);
            free.min_by_key(|sibling| assignment.get(sibling).map_or(0, BTreeSet::len))
        });
        if let Some(wanted) = adopter.and_then(|sibling| assignment.get_mut(&sibling)) {
            wanted.insert(inode);
        }
    }
    assignment
}
