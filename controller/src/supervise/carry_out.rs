//! Doing what the fleet wants.

use super::Supervisor;
use jackfield_fleet::{Effect, Event, Lent, Order, ProcessId, Tell, WorkerKey};
use jackfield_shared::ipc::{Slot as PlanSlot, ToWorker};
use jackfield_shared::log::Level;
use rustix::process::Signal;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Instant;

impl Supervisor {
    /// Tells the fleet what has happened, and does what it wants, until there is nothing more to do.
    pub(super) fn feed(&mut self, event: Event) {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            for effect in self.fleet.step(Instant::now(), event) {
                queue.extend(self.carry_out(effect));
            }
        }
    }

    /// Does one thing; returns what the fleet is to be told of it.
    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Spawn { process, worker, slot, hold, part } => {
                return Some(self.spawn(process, (worker, slot), hold, part));
            }
            Effect::Tell(process, what) => return self.tell(process, what),
            Effect::Terminate(process) => self.signal(process, Signal::TERM),
            Effect::Kill(process) => self.signal(process, Signal::KILL),
            Effect::Close(worker, transport) => {
                let bounds = self.workers.get_mut(&worker).into_iter().flat_map(|worker| &mut worker.bound);
                for bound in bounds.filter(|bound| bound.transport == transport) {
                    bound.close();
                }
            }
            Effect::Rest(worker, slot) => {
                let bounds = self.workers.get(&worker).into_iter().flat_map(|worker| &worker.bound);
                for bound in bounds {
                    if let Err(e) = bound.rest(slot) {
                        let text =
                            format!("{}: a socket that nobody accepts from listens: {e}", bound.address);
                        self.hub.log(Level::Warn, text);
                    }
                }
            }
            Effect::CloseAll(worker) => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.bound.clear();
                }
            }
            Effect::CloseNode => {
                self.workers.values_mut().for_each(|worker| worker.bound.clear());
                self.node.given.clear();
            }
            Effect::Exchange(worker, one, other) => self.exchange(worker, one, other),
            Effect::Read => return self.read_configuration(),
            Effect::Resize(worker, processes) => return Some(self.plan_resize(worker, processes)),
            Effect::Commit => self.commit(),
            Effect::Undo => self.undo(),
            Effect::Remove { worker, heir } => self.remove(worker, heir),
            Effect::Try => return self.begin_trial(),
            Effect::HandOver => self.hand_over_to_tried(),
            Effect::Upgraded(caller, result) => self.upgraded(caller, result),
            Effect::Started(has_failed) => return self.started(has_failed),
            Effect::Log(level, text) => self.hub.log(level, text),
            Effect::LogOf(process, level, text) => self.log_of(process, level, text),
            Effect::Progress(caller, text) => self.progress(Some(caller), text),
            Effect::Replaced(caller, name, process) => {
                let pid = self.processes.get(&process).map_or(0, |process| process.source.pid());
                self.progress(Some(caller), format!("{name}: process {pid} is ready"));
            }
            Effect::Draining(callers, processes) => {
                let all = self.processes.values().flat_map(|process| &process.counters.listeners);
                let open: u64 = all.map(|listener| listener.connections.open).sum();
                let text = format!("draining: {processes} processes, {open} connections when last counted");
                callers.into_iter().for_each(|caller| self.progress(Some(caller), text.clone()));
            }
            Effect::Reply(caller, result) => self.reply(caller, result),
        }
        None
    }

    fn signal(&self, process: ProcessId, signal: Signal) {
        if let Some(process) = self.processes.get(&process) {
            process.signal(signal);
        }
    }

    fn log_of(&self, id: ProcessId, level: Level, text: String) {
        let ended = self.ended.as_ref().filter(|source| source.key == id);
        let source = self.processes.get(&id).map(|process| &process.source).or(ended);
        if let Some(source) = source {
            self.hub.publish(source.record(level, text));
        }
    }

    /// Sends a message to a process; returns what is to be told if an order can't be sent.
    fn tell(&mut self, id: ProcessId, what: Tell) -> Option<Event> {
        let order = match &what {
            Tell::Ping | Tell::Accept => None,
            Tell::Drain { .. } => Some(Order::Drain),
            Tell::Listen(lent) => Some(Order::Listen(lent.iter().map(|lent| lent.inode).collect())),
            Tell::Unlisten(inodes) => Some(Order::Unlisten(inodes.clone())),
            Tell::Edges(_) => Some(Order::Edges),
        };
        let mut missing = Vec::new();
        let (message, fds) = match what {
            Tell::Ping => (ToWorker::Ping { seq: self.gathers.next_seq() }, Vec::new()),
            Tell::Accept => (ToWorker::Accept, Vec::new()),
            Tell::Drain { time, retired, sessions_stay } => {
                let timeout_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                (ToWorker::Drain { timeout_ms, retired, sessions_stay }, Vec::new())
            }
            Tell::Listen(lent) => self.lend(lent, &mut missing),
            Tell::Unlisten(inodes) => (ToWorker::Unlisten(inodes), Vec::new()),
            Tell::Edges(edges) => (ToWorker::Edges(edges.iter().map(|edge| edge.0).collect()), Vec::new()),
        };
        let is_ping = matches!(message, ToWorker::Ping { .. });
        let is_told = self.processes.get_mut(&id).is_some_and(|process| {
            if is_ping {
                process.note_memory();
            }
            process.tell_with(message, fds)
        });
        if is_told && !missing.is_empty() {
            return Some(Event::Undelivered(id, Order::Listen(missing)));
        }
        order.filter(|_| !is_told).map(|order| Event::Undelivered(id, order))
    }

    /// Sockets for a process that runs, with what it is to know of them; those that can't be duplicated now are missing.
    fn lend(&self, lent: Vec<Lent>, missing: &mut Vec<u64>) -> (ToWorker, Vec<OwnedFd>) {
        let bounds = || self.workers.values().flat_map(|worker| &worker.bound);
        let (mut slots, mut fds) = (Vec::new(), Vec::new());
        for Lent { inode, transport, address } in lent {
            let mut sockets = bounds().flat_map(|bound| bound.listeners());
            let socket = sockets.find(|(socket, _)| socket.inode == inode).map(|(socket, _)| socket.fd());
            match socket.map(|fd| fd.try_clone_to_owned()) {
                Some(Ok(fd)) => {
                    slots.push(PlanSlot { transport, address, inode });
                    fds.push(fd);
                }
                _ => missing.push(inode),
            }
        }
        (ToWorker::Listen(slots), fds)
    }

    fn exchange(&mut self, key: WorkerKey, one: usize, other: usize) {
        if let Some(worker) = self.workers.get_mut(&key) {
            worker.bound.iter_mut().for_each(|bound| bound.exchange(one, other));
        }
        let Some(worker) = self.fleet.worker(key) else { return };
        for index in [one, other] {
            let processes = worker.slots().get(index).into_iter().flat_map(|slot| slot.processes());
            for process in processes.filter_map(|process| self.processes.get(&process.id())) {
                process.source.set_index(u16::try_from(index).unwrap_or(u16::MAX));
            }
        }
    }

    fn remove(&mut self, key: WorkerKey, heir: Option<WorkerKey>) {
        let Some(former) = self.workers.remove(&key) else { return };
        if let Some(heir) = heir.and_then(|heir| self.workers.get_mut(&heir)) {
            heir.inherit_counters(&former);
        }
    }
}
