//! The life of the processes: spawned, ready, ended, started again.

use super::Supervisor;
use super::backoff::Verdict;
use super::due::{Due, START_LIMIT};
use super::event::{Event, Key, Output, Source};
use super::exit;
use super::heartbeat;
use super::process::Process;
use super::slot::Role;
use super::worker::{Embedded, Work};
use crate::sockets::ArtiSocket;
use jackfield_shared::config::{self, RestartPolicy};
use jackfield_shared::ipc::{self, ArtiPlan, FromWorker, Plan, Publications, Slot as PlanSlot, ToWorker};
use jackfield_shared::log::Level;
use jackfield_shared::status::{Exit, State};
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Instant;

impl Supervisor {
    /// Starts all workers.
    pub(super) fn start_all(&mut self) {
        for worker in 0..self.workers.len() {
            for slot in 0..self.workers[worker].slots.len() {
                self.start_slot(worker, slot);
            }
        }
    }

    /// Starts a process in a slot that has no current one.
    pub(super) fn start_slot(&mut self, worker: usize, slot: usize) {
        match self.spawn(worker, slot) {
            Ok(process) => {
                let slot = &mut self.workers[worker].slots[slot];
                slot.current = Some(process);
                slot.enter(State::Starting, None);
            }
            Err(e) => {
                let reason = format!("cannot start a process: {e}");
                self.hub.log(Level::Warn, format!("{}[{slot}]: {reason}", self.workers[worker].id()));
                self.workers[worker].slots[slot].enter(State::Starting, None);
                self.start_again_or_not(worker, slot, None, reason);
            }
        }
    }

    /// Spawns a process for the slot, without putting it there.
    pub(super) fn spawn(&mut self, worker: usize, slot: usize) -> io::Result<Process> {
        let key = Key(self.next_key);
        self.next_key += 1;
        let orders = self.orders(worker, slot)?;
        let place = &self.workers[worker];
        let index = place.slots[slot].index;
        let process = Process::spawn(key, &place.launch, (place.id(), index), orders, &self.events)?;
        self.places.insert(key, (worker, slot));
        self.deadlines.push(Instant::now() + START_LIMIT, Due::StartLimit(key));
        self.hub.publish(process.source.record(Level::Debug, "spawned"));
        if let Some(shortfall) = place.launch.shortfall() {
            self.hub.publish(process.source.record(Level::Warn, shortfall));
        }
        Ok(process)
    }

    /// What a process is told first, with the descriptors it needs.
    fn orders(&self, worker: usize, slot: usize) -> io::Result<(ToWorker, Vec<OwnedFd>)> {
        let worker = &self.workers[worker];
        let process = worker.slots[slot].index;
        let config = match &worker.work {
            Work::Serve(config) => config,
            Work::Publish(publisher) => {
                let services = publisher.services.clone();
                let publications = Publications { log_level: self.hub.level(), services };
                return Ok((ToWorker::Publish(Box::new(publications)), Vec::new()));
            }
            Work::Arti(arti) => {
                let Embedded { settings, services, socket, .. } = &**arti;
                let (settings, services) = (settings.clone(), services.clone());
                let plan = ArtiPlan { log_level: self.hub.level(), settings, services };
                let socket = socket.as_ref().map(ArtiSocket::listening).transpose()?;
                return Ok((ToWorker::Arti(Box::new(plan)), socket.into_iter().collect()));
            }
        };
        let (mut slots, mut sockets) = (Vec::new(), Vec::new());
        for endpoint in self.endpoints.iter().filter(|endpoint| endpoint.worker == worker.id()) {
            if let Some(socket) = endpoint.socket(process) {
                let (transport, address) = (endpoint.transport.clone(), endpoint.address.clone());
                slots.push(PlanSlot { transport, address });
                sockets.push(socket.try_clone_to_owned()?);
            }
        }
        let arti = self.arti_for(config)?;
        let plan = Plan {
            arti: arti.is_some(),
            node: self.node.info.clone(),
            worker: (**config).clone(),
            process,
            log_level: self.hub.level(),
            slots,
            tls_files: worker.tls_files(&self.tls.files),
            ticket_keys: worker.ticket_keys.clone(),
        };
        sockets.extend(arti);
        Ok((ToWorker::Start(Box::new(plan)), sockets))
    }

    /// The way to the node's Arti, if the worker connects through it.
    fn arti_for(&self, config: &config::Worker) -> io::Result<Option<OwnedFd>> {
        let endpoints = config::endpoints(config, &config::Path::default());
        if !endpoints.iter().any(|(_, endpoint)| endpoint.is_through_arti()) {
            return Ok(None);
        }
        let mut sockets = self.workers.iter().filter_map(|worker| match &worker.work {
            Work::Arti(arti) => arti.socket.as_ref(),
            Work::Serve(_) | Work::Publish(_) => None,
        });
        sockets.next().map(ArtiSocket::place).transpose()
    }

    /// Handles one event.
    pub(super) fn happened(&mut self, event: Event) {
        match event {
            Event::Message(source, message) => self.told(&source, message),
            Event::Line(source, output, line) => self.wrote(&source, output, &line),
            Event::TlsFiles(news) => self.tls_renewed(news),
            Event::Closed(source, error) => self.lost_connection(&source, error.as_ref()),
            Event::Exited(source, status) => self.exited(&source, status),
        }
    }

    fn told(&mut self, source: &Source, message: FromWorker) {
        if let Some(process) = self.process_mut(source.key) {
            process.heartbeat.heard();
        }
        match message {
            FromWorker::Log(record) => self.hub.publish(source.claim(record)),
            FromWorker::Ready => self.is_ready(source.key),
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

    /// A native worker logs over IPC: what it writes on its outputs is unusual.
    fn wrote(&mut self, source: &Source, output: Output, line: &str) {
        let level = match output {
            Output::Stdout => Level::Info,
            Output::Stderr => Level::Warn,
        };
        self.hub.publish(source.record(level, line));
        if output == Output::Stderr
            && let Some(process) = self.process_mut(source.key)
        {
            process.keep_line(line);
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

    fn is_ready(&mut self, key: Key) {
        let Some(&(worker, slot)) = self.places.get(&key) else { return };
        let now = Instant::now();
        let watchdog = self.workers[worker].common().watchdog;
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
        self.gathers.forget(source.key);
        let exit = exit::record(status, &process, &mut self.oom);
        let reason = exit::explain(&exit, process.reason.as_deref());
        let as_told = role == Role::Leaving && exit::is_clean(&exit);
        let level = if as_told { Level::Info } else { Level::Warn };
        self.hub.publish(source.record(level, reason.clone()));

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
                let ready_for = process.ready_for(Instant::now());
                drop(process);
                if let Some(replacement) = place.replacement.take() {
                    place.current = Some(replacement);
                    place.restarts += 1;
                    place.enter(State::Starting, Some(reason));
                } else if self.ends_node(worker, &exit, &reason) {
                    self.workers[worker].slots[slot].reason = Some(reason);
                } else {
                    self.start_again_or_not(worker, slot, Some((&exit, ready_for)), reason);
                }
            }
        }
    }

    /// Decides what becomes of a slot whose process ended by itself, or could not be spawned.
    fn start_again_or_not(
        &mut self,
        worker: usize,
        slot: usize,
        ended: Option<(&Exit, std::time::Duration)>,
        reason: String,
    ) {
        let limits = self.workers[worker].restart_limits();
        let policy = self.workers[worker].common().restart.policy;
        let clean = ended.is_some_and(|(exit, _)| exit::is_clean(exit));
        let place = &mut self.workers[worker].slots[slot];
        let wanted = match policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => !clean,
            RestartPolicy::Never => false,
        };
        if !wanted {
            place.enter(if clean { State::Stopped } else { State::Failed }, Some(reason));
            return;
        }
        let now = Instant::now();
        match place.backoff.ended(&limits, now, ended.map(|(_, ready_for)| ready_for).unwrap_or_default()) {
            Verdict::Wait(delay) => {
                place.enter(State::Backoff, Some(reason));
                self.deadlines.push(now + delay, Due::Restart { worker, slot, changes: place.changes });
            }
            Verdict::GiveUp => {
                let (count, period) = (limits.max_restarts, limits.period.as_secs_f64());
                let reason = format!("gave up after {count} restarts within {period} s: {reason}");
                let name = format!("{}[{}]", self.workers[worker].id(), slot);
                self.hub.log(Level::Error, format!("{name} has failed: {reason}"));
                self.workers[worker].slots[slot].enter(State::Failed, Some(reason));
            }
        }
    }

    /// The process of this name.
    pub(super) fn process_mut(&mut self, key: Key) -> Option<&mut Process> {
        let &(worker, slot) = self.places.get(&key)?;
        self.workers[worker].slots[slot].processes_mut().find(|process| process.key() == key)
    }
}
