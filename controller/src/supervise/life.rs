//! The life of the processes: spawned, ready, ended, started again.

use super::Supervisor;
use super::attend::Parcel;
use super::due::Due;
use super::event::{Event, Key, Source};
use super::exit;
use super::heartbeat;
use super::process::Process;
use super::slot::Role;
use super::worker::{Work, Worker};
use super::workers::WorkerKey;
use crate::decide::restart::{Decision, End, SETTLED, decide};
use jackfield_shared::config;
use jackfield_shared::ipc::{self, ArtiPlan, FromWorker, Plan, Publications, Slot as PlanSlot, ToWorker};
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Instant;

/// There was no process that could have ended.
const NOT_STARTED: End = End { clean: false, ready_for: None, worked: false };

/// A number from 0 to below 1. The keys of a hash map are random enough to spread restarts.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

/// Duplicates of the sockets that a process of a guest is given, with their names. They listen: a program expects
/// that (sd_listen_fds(3)) and knows of no word to wait for.
fn sockets(guest: &Worker, slot: usize) -> io::Result<Vec<(String, OwnedFd)>> {
    guest.bound.iter().try_for_each(|bound| bound.listen(slot))?;
    let sockets = guest.bound.iter().flat_map(|bound| bound.sockets(slot).map(move |socket| (bound, socket)));
    sockets.map(|(bound, socket)| Ok((bound.transport.clone(), socket.fd().try_clone_to_owned()?))).collect()
}

impl Supervisor {
    /// Starts all workers, each when it is its turn.
    pub(super) fn start_all(&mut self) {
        self.to_start = self.workers.keys();
        self.start_waiting();
    }

    /// Starts a process in a slot that has no current one.
    pub(super) fn start_slot(&mut self, worker: WorkerKey, slot: usize) {
        let opened = self.open_addresses(worker).map_err(io::Error::other);
        match opened.and_then(|()| self.spawn(worker, slot)) {
            Ok(process) => {
                let slot = &mut self.workers[worker].slots[slot];
                slot.current = Some(process);
                slot.enter(State::Starting, None);
            }
            Err(e) => {
                let reason = format!("cannot start a process: {e}");
                self.hub.log(Level::Warn, format!("{}[{slot}]: {reason}", self.workers[worker].id()));
                self.workers[worker].slots[slot].enter(State::Starting, None);
                self.start_again_or_not(worker, slot, NOT_STARTED, reason);
            }
        }
    }

    /// Spawns a process for the slot, without putting it there.
    pub(super) fn spawn(&mut self, worker: WorkerKey, slot: usize) -> io::Result<Process> {
        let key = Key(self.next_key);
        self.next_key += 1;
        let process = self.spawn_process(key, worker, slot)?;
        self.places.insert(key, (worker, slot));
        let limit = self.workers[worker].common().restart.ready_timeout;
        self.deadlines.push(Instant::now() + limit, Due::StartLimit(key));
        self.hub.publish(process.source.record(Level::Debug, "spawned"));
        if let Some(shortfall) = self.workers[worker].launch.shortfall() {
            self.hub.publish(process.source.record(Level::Warn, shortfall));
        }
        Ok(process)
    }

    fn spawn_process(&self, key: Key, worker: WorkerKey, slot: usize) -> io::Result<Process> {
        let place = &self.workers[worker];
        let index = place.slots[slot].index;
        let tasks = (&self.events, &self.hub);
        let (orders, listening) = match &place.work {
            Work::Serve(config) => self.plan(place, config, slot)?,
            Work::Publish(publisher) => {
                let services = publisher.services.clone();
                let publications = Publications { log_level: self.hub.level(Some(place.id())), services };
                ((ToWorker::Publish(Box::new(publications)), Vec::new()), BTreeSet::new())
            }
            Work::Gone(_) => return Err(io::Error::other("its worker is no longer in the configuration")),
            Work::Arti(arti) => {
                let (settings, services) = (arti.settings.clone(), arti.services.clone());
                let plan = ArtiPlan { log_level: self.hub.level(Some(place.id())), settings, services };
                let socket = place.arti.as_ref().map(|arti| arti.listening()).transpose()?;
                ((ToWorker::Arti(Box::new(plan)), socket.into_iter().collect()), BTreeSet::new())
            }
            Work::Guest(guest) => {
                let sockets = sockets(place, slot)?;
                let mut process = Process::spawn_guest(key, &place.launch, index, guest, sockets, tasks)?;
                process.generation = place.generation;
                return Ok(process);
            }
        };
        let mut process = Process::spawn(key, &place.launch, (place.id(), index), orders, tasks)?;
        (process.listening, process.generation) = (listening, place.generation);
        Ok(process)
    }

    /// What a process is told first, with the descriptors it needs and the inodes of these.
    fn plan(
        &self,
        worker: &Worker,
        config: &config::Worker,
        slot: usize,
    ) -> io::Result<(Parcel, BTreeSet<u64>)> {
        let place = &worker.slots[slot];
        let (mut slots, mut sockets) = (Vec::new(), Vec::new());
        for bound in &worker.bound {
            for socket in bound.sockets(slot) {
                let (transport, address) = (bound.transport.clone(), bound.address.clone());
                slots.push(PlanSlot { transport, address, inode: socket.inode });
                sockets.push(socket.fd().try_clone_to_owned()?);
            }
        }
        let listening = slots.iter().map(|slot| slot.inode).collect();
        let arti = worker.arti.as_ref().map(|arti| arti.place()).transpose()?;
        let turn = self.turn(config)?;
        let plan = Plan {
            arti: arti.is_some(),
            turn: turn.is_some(),
            node: self.node.info.clone(),
            worker: config.clone(),
            process: place.index,
            log_level: self.hub.level(Some(worker.id())),
            slots,
            hold: place.arriving,
            tls_files: worker.tls_files.clone(),
            ticket_keys: worker.ticket_keys.clone(),
        };
        sockets.extend(arti.into_iter().chain(turn));
        Ok(((ToWorker::Start(Box::new(plan)), sockets), listening))
    }

    /// The file whose lock says which process of a worker routes its realms, if it has some. A file by its name rather than
    /// one in memory: processes of an earlier image of the node have it, too.
    fn turn(&self, config: &config::Worker) -> io::Result<Option<OwnedFd>> {
        let config::WorkerKind::Router(router) = &config.kind else { return Ok(None) };
        if router.realms.is_empty() {
            return Ok(None);
        }
        let path = self.node.held.run_dir.join(format!("realms-{}.lock", config.id));
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)
            .map(Some)
            .map_err(|e| io::Error::other(format!("{}: {}", path.display(), io::Error::from(e))))
    }

    /// Handles one event.
    pub(super) fn happened(&mut self, event: Event) {
        match event {
            Event::Message(source, message) => self.told(&source, message),
            Event::Notice(source, notice) => self.noticed(&source, notice),
            Event::Watched(worker, file) => self.watched(&worker, &file),
            Event::KeeperGone => self.kill_orphans(),
            Event::TlsFiles(generation, news) => self.tls_renewed(generation, news),
            Event::Configuration(configuration) => self.configuration_was_read(*configuration),
            Event::Tried(image, path, result) => self.tried(image, path, result),
            Event::Closed(source, error) => self.lost_connection(&source, error.as_ref()),
            Event::Exited(source, status) => self.exited(&source, status),
        }
    }

    fn told(&mut self, source: &Source, message: FromWorker) {
        if let Some(process) = self.process_mut(source.key) {
            process.heartbeat.heard();
        }
        match message {
            // Goes straight to the log.
            FromWorker::Log(_) => {}
            FromWorker::Ready => self.is_ready(source.key),
            FromWorker::Prepared => {
                if let Some(process) = self.process_mut(source.key) {
                    process.prepared = true;
                }
            }
            FromWorker::Declined(inodes) => self.declined(source.key, &inodes),
            FromWorker::Failed { reason } => {
                if let Some(process) = self.process_mut(source.key) {
                    process.reason.get_or_insert(reason);
                }
            }
            FromWorker::Outdated { reason } => self.is_outdated(source, &reason),
            FromWorker::Pong { seq, counters } => {
                if let Some(process) = self.process_mut(source.key) {
                    process.counters = counters;
                }
                self.answered_ping(source.key, seq);
            }
            FromWorker::Publication(publication) => self.published(source, publication),
            FromWorker::AskStatus { seq } => self.asked_for_status(source.key, seq),
        }
    }

    /// Replaces a process that serves and had better not go on for long. If its replacement does not get ready, it
    /// goes on, and will say so again.
    fn is_outdated(&mut self, source: &Source, reason: &str) {
        let Some(&(worker, slot)) = self.places.get(&source.key) else { return };
        let place = &self.workers[worker].slots[slot];
        let serves = place.role(source.key) == Some(Role::Current) && place.state() == State::Ready;
        if !serves || place.replacement.is_some() {
            return;
        }
        self.hub.publish(source.record(Level::Info, format!("it is replaced: {reason}")));
        match self.spawn(worker, slot) {
            Ok(process) => self.workers[worker].slots[slot].replacement = Some(process),
            Err(e) => {
                let text = format!("cannot start its replacement: {e}");
                self.hub.publish(source.record(Level::Warn, text));
            }
        }
    }

    fn lost_connection(&mut self, source: &Source, error: Option<&ipc::Error>) {
        let Some(&(worker, _)) = self.places.get(&source.key) else { return };
        match error {
            // It is about to end, or has ended; if it doesn't, it is ended.
            None | Some(ipc::Error::Io(_) | ipc::Error::Truncated) => {
                let due = Instant::now() + self.workers[worker].common().stop.kill_timeout;
                self.deadlines.push(due, Due::Kill(source.key, "it closed its IPC connection"));
            }
            // What doesn't speak our language can't be looked after.
            Some(error) => {
                let reason = error.to_string();
                if let Some(process) = self.process_mut(source.key) {
                    process.kill(reason);
                }
            }
        }
    }

    pub(super) fn is_ready(&mut self, key: Key) {
        let Some(&(worker, slot)) = self.places.get(&key) else { return };
        let now = Instant::now();
        self.listeners_changed = true;
        let watchdog = self.workers[worker].common().watchdog;
        let by_running = self.workers[worker].is_ready_by_running();
        self.workers[worker].was_ready |= !by_running;
        let slot = &mut self.workers[worker].slots[slot];
        let predecessor = match slot.role(key) {
            Some(Role::Current) if slot.state() == State::Starting => {
                slot.enter(State::Ready, None);
                None
            }
            Some(Role::Replacement) => {
                let predecessor = slot.current.take();
                slot.current = slot.replacement.take();
                predecessor
            }
            _ => return,
        };
        if let Some(process) = &mut slot.current {
            process.ready = Some(now);
            process.note_memory();
            let took = now.duration_since(process.spawned).as_millis();
            self.hub.publish(process.source.record(Level::Info, format!("ready after {took} ms")));
        }
        self.deadlines.push(now + heartbeat::interval(watchdog), Due::Heartbeat(key));
        if let Some(predecessor) = predecessor {
            self.drain(worker, predecessor, None);
        }
    }

    fn exited(&mut self, source: &Arc<Source>, status: Option<ExitStatus>) {
        let Some((worker, slot)) = self.places.remove(&source.key) else { return };
        let Some((process, role)) = self.workers[worker].slots[slot].take(source.key) else { return };
        self.workers[worker].keep_counters(&process);
        self.listeners_changed = true;
        self.gathers.forget(source.key);
        let exit = exit::record(status, &process, (&mut self.oom, &mut self.peaks));
        let reason = exit::explain(&exit, process.reason.as_deref());
        let as_told = role == Role::Leaving && exit::is_as_told(&exit, process.is_guest());
        let level = if as_told { Level::Info } else { Level::Warn };
        let text = if as_told { reason.clone() } else { format!("{reason}; {}", exit::life(&exit)) };
        self.hub.publish(source.record(level, text));

        let place = &mut self.workers[worker].slots[slot];
        place.last_exit = Some(exit.clone());
        place.last_end = Some((source.key, reason.clone()));
        match role {
            Role::Leaving => {
                if place.state() == State::Draining && place.is_empty() {
                    place.enter(State::Stopped, None);
                }
            }
            Role::Replacement => {}
            Role::Current => {
                let ready_for = process.ready.map(|at| at.elapsed());
                let end = End { clean: exit::is_clean(&exit), ready_for, worked: process.has_worked() };
                drop(process);
                if let Some(replacement) = place.replacement.take() {
                    place.current = Some(replacement);
                    place.restarts += 1;
                    place.enter(State::Starting, Some(reason));
                } else if !place.arriving
                    && self.workers.is_serving(worker)
                    && self.ends_node(worker, &exit, &reason)
                {
                    self.workers[worker].slots[slot].reason = Some(reason);
                } else {
                    self.start_again_or_not(worker, slot, end, reason);
                }
            }
        }
    }

    /// Does what is decided about a slot whose process ended by itself, or could not be spawned.
    fn start_again_or_not(&mut self, worker: WorkerKey, slot: usize, end: End, reason: String) {
        // Of a program that is ready because it runs nothing is known before it has run for a while.
        let has_settled = |process: &Process| process.ready.is_some_and(|at| at.elapsed() >= SETTLED);
        let settled = end.ready_for.is_some_and(|time| time >= SETTLED);
        self.workers[worker].was_ready |= settled || self.workers[worker].processes().any(has_settled);
        let (rules, was_ready) = (self.workers[worker].restart_rules(), self.workers[worker].was_ready);
        let name = format!("{}[{slot}]", self.workers[worker].id());
        let place = &mut self.workers[worker].slots[slot];
        if place.arriving {
            place.enter(State::Failed, Some(reason));
            return;
        }
        let now = Instant::now();
        let (history, decision) = decide(now, &place.history, (&rules, was_ready), end, random());
        place.history = history;
        let (count, period) = (rules.max_restarts, rules.period.as_secs_f64());
        let (delay, reason) = match decision {
            Decision::Start(delay) => (delay, reason),
            Decision::Seldom(delay) => {
                let seconds = rules.longest.as_secs_f64();
                let reason = format!(
                    "ended more than {count} times within {period} s, and is tried every {seconds} s: {reason}"
                );
                self.hub.log(Level::Error, format!("{name} {reason}"));
                (delay, reason)
            }
            Decision::Rest => return place.enter(State::Stopped, Some(reason)),
            Decision::Leave => return place.enter(State::Failed, Some(reason)),
            Decision::GiveUp => {
                let reason = format!("gave up after {count} restarts within {period} s: {reason}");
                self.hub.log(Level::Error, format!("{name} has failed: {reason}"));
                return self.workers[worker].slots[slot].enter(State::Failed, Some(reason));
            }
        };
        let place = &mut self.workers[worker].slots[slot];
        place.enter(State::Backoff, Some(reason));
        self.deadlines.push(now + delay, Due::Restart { worker, slot, changes: place.changes });
    }

    /// The process of this name.
    pub(super) fn process_mut(&mut self, key: Key) -> Option<&mut Process> {
        let &(worker, slot) = self.places.get(&key)?;
        self.workers[worker].slots[slot].processes_mut().find(|process| process.key() == key)
    }
}
