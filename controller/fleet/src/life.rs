//! The life of processes: spawned, ready, ended, started again.

use crate::effect::Effect;
use crate::event::News;
use crate::exit;
use crate::fleet::Fleet;
use crate::heartbeat;
use crate::id::{Inode, ProcessId, WorkerKey};
use crate::planted::planted;
use crate::process::Process;
use crate::restart::{Decision, End, SETTLED, decide};
use crate::slot::{Ending, Rest, Role, Standing};
use crate::spec::{Endpoint, Kind};
use crate::timer::Timer;
use jackfield_shared::log::Level;
use jackfield_shared::status::{Exit, State};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the new processes of a change may take to be ready, if nobody says otherwise.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(60);
/// The longest time that a program may ask for at once.
const LONGEST: Duration = Duration::from_secs(3600);
/// There was no process that could have ended.
const NOT_STARTED: End = End { clean: false, ready_for: None, worked: false };

impl Fleet {
    /// Starts all workers, each when it is its turn.
    pub(crate) fn start_all(&mut self) {
        self.to_start = self.workers.keys();
    }

    /// Starts a process in a slot where nobody sits.
    pub(crate) fn start_slot(&mut self, worker: WorkerKey, slot: usize) {
        let Some(process) = self.new_process(worker) else { return };
        let id = process.id;
        let Some(place) = self.workers.slot_mut((worker, slot)) else { return };
        if place.start(process) {
            self.spawn(worker, slot, id);
        }
    }

    /// Starts a process beside the one that is ready in a slot; `None` if there is none or it has a successor.
    pub(crate) fn start_successor(&mut self, worker: WorkerKey, slot: usize) -> Option<ProcessId> {
        let process = self.new_process(worker)?;
        let id = process.id;
        let slot_there = self.workers.slot_mut((worker, slot))?;
        if !slot_there.start_successor(process) {
            return None;
        }
        self.spawn(worker, slot, id);
        Some(id)
    }

    fn new_process(&mut self, worker: WorkerKey) -> Option<Process> {
        let worker = self.workers.get(worker)?;
        // A guest is watched once it says that it is alive.
        let is_watched = worker.spec.kind != Kind::Guest;
        let id = ProcessId(self.next_process);
        self.next_process += 1;
        Some(Process::new(id, self.now, worker.generation, is_watched))
    }

    fn spawn(&mut self, worker: WorkerKey, slot: usize, process: ProcessId) {
        let hold = self.slot((worker, slot)).is_some_and(|slot| slot.standing == Standing::Arriving);
        self.places.insert(process, (worker, slot));
        let limit = self.ready_timeout(worker);
        self.timers.set(self.now + limit, Timer::StartLimit(process));
        let part = self.part((worker, slot), process);
        self.effects.push(Effect::Spawn { process, worker, slot, hold, part });
    }

    /// How long a process of a worker may take to be ready.
    pub(crate) fn ready_timeout(&self, worker: WorkerKey) -> Duration {
        self.workers.get(worker).map_or(START_LIMIT, |worker| worker.spec.ready_timeout)
    }

    pub(crate) fn spawned(
        &mut self,
        id: ProcessId,
        listening: BTreeSet<Inode>,
        endpoints: Option<Vec<Endpoint>>,
    ) {
        if let Some(process) = self.process_mut(id) {
            process.listening = listening;
        }
        let Some((&(worker, _), endpoints)) = self.places.get(&id).zip(endpoints) else { return };
        if let Some(worker) = self.workers.get_mut(worker) {
            // A change may have come into effect meanwhile, with sockets of its own.
            for own in worker.spec.endpoints.iter_mut().filter(|own| own.is_closed()) {
                if let Some(opened) = endpoints.iter().find(|opened| opened.transport == own.transport) {
                    own.clone_from(opened);
                }
            }
            self.listeners_changed = true;
        }
    }

    pub(crate) fn not_spawned(&mut self, id: ProcessId, reason: &str) {
        let Some(place) = self.places.remove(&id) else { return };
        let name = self.workers.name(place);
        let Some(slot) = self.workers.slot_mut(place) else { return };
        let text = format!("cannot start a process: {reason}");
        let Some((_, ending)) = slot.end(id, &text) else { return };
        slot.last_end = Some((id, format!("could not be started: {reason}")));
        let current = slot.current().map(Process::id);
        match (ending, current) {
            (Ending::Vacant, _) => {
                self.log(Level::Warn, format!("{name}: {text}"));
                self.start_again_or_not(place, NOT_STARTED, text);
            }
            (Ending::Successor, Some(current)) => {
                self.log_of(current, Level::Warn, format!("cannot start its successor: {reason}"));
            }
            _ => {}
        }
    }

    pub(crate) fn said(&mut self, id: ProcessId, news: News) {
        let now = self.now;
        let Some(&(worker, slot)) = self.places.get(&id) else { return };
        let watchdog = self.workers.get(worker).map_or(Duration::ZERO, |worker| worker.watchdog(slot));
        let Some(process) = self.process_mut(id) else { return };
        if news != News::Watched(false) {
            process.heartbeat.heard();
        }
        match news {
            News::Ready => self.is_ready(id),
            News::Prepared => process.prepared = true,
            News::Alive => {}
            News::Worked => process.worked = true,
            News::Watched(is_watched) => process.watched = is_watched && !watchdog.is_zero(),
            News::NeedsTime(time) => process.needs_until = Some(now + time.min(LONGEST)),
            News::Declined(inodes) => {
                process.is_full = true;
                process.listening.retain(|inode| !inodes.contains(inode));
                self.listeners_changed = true;
            }
            News::Failing(reason) => process.ends_for(reason),
            News::Outdated(reason) => self.is_outdated(id, &reason),
            News::Broken(reason) => self.kill(id, reason),
            News::Stuck(edge, reason) => self.edge_is_stuck(id, edge, reason),
        }
    }

    /// Replaces a process that serves and had better not go on for long. If its successor does not get ready, it goes
    /// on, and will say so again.
    fn is_outdated(&mut self, id: ProcessId, reason: &str) {
        let Some(&(worker, index)) = self.places.get(&id) else { return };
        let Some(slot) = self.slot((worker, index)) else { return };
        let serves = slot.role(id) == Some(Role::Current) && slot.state() == State::Ready;
        if serves && slot.successor().is_none() && !self.is_stopping() {
            self.log_of(id, Level::Info, format!("it is replaced: {reason}"));
            self.start_successor(worker, index);
        }
    }

    pub(crate) fn lost(&mut self, id: ProcessId, error: Option<String>) {
        let Some(&(worker, _)) = self.places.get(&id) else { return };
        match error {
            // It is about to end, or has ended; if it doesn't, it is ended.
            None => {
                let time = self.workers.get(worker).map_or(Duration::ZERO, |worker| worker.spec.kill_timeout);
                self.timers.set(self.now + time, Timer::Kill(id, "it closed its IPC connection"));
            }
            // What doesn't speak our language can't be looked after.
            Some(error) => self.kill(id, error),
        }
    }

    fn is_ready(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(&place) = self.places.get(&id) else { return };
        let Some(worker) = self.workers.get_mut(place.0) else { return };
        let (watchdog, by_running) = (worker.watchdog(place.1), worker.spec.ready_by_running);
        let Some(slot) = worker.slots.get_mut(place.1) else { return };
        let Some(predecessor) = slot.ready(id) else { return };
        worker.was_ready |= !by_running;
        self.listeners_changed = true;
        if let Some(process) = self.process_mut(id) {
            process.ready = Some(now);
            let took = now.duration_since(process.spawned).as_millis();
            self.log_of(id, Level::Info, format!("ready after {took} ms"));
        }
        self.timers.set(now + heartbeat::interval(watchdog), Timer::Heartbeat(id));
        if let Some(predecessor) = predecessor {
            planted!(self, ForgottenPredecessor, {
                if let Some(slot) = self.workers.slot_mut(place) {
                    slot.leave(predecessor);
                }
                return;
            });
            self.drain(place, predecessor, None);
        }
    }

    pub(crate) fn exited(&mut self, id: ProcessId, exit: Exit) {
        let Some(place) = self.places.remove(&id) else { return };
        let Some(worker) = self.workers.get_mut(place.0) else { return };
        let is_guest = worker.spec.kind == Kind::Guest;
        let Some(slot) = worker.slots.get_mut(place.1) else { return };
        let said = slot.processes().find(|process| process.id == id).and_then(|p| p.reason.clone());
        let reason = exit::explain(&exit, said.as_deref());
        let is_arriving = slot.standing == Standing::Arriving;
        let Some((process, ending)) = slot.end(id, &reason) else { return };
        let as_told = ending == Ending::Left && exit::is_as_told(&exit, is_guest);
        slot.last_exit = Some(exit.clone());
        slot.last_end = Some((id, reason.clone()));
        if ending == Ending::Succeeded {
            slot.restarts += 1;
        }
        self.listeners_changed = true;
        let level = if as_told { Level::Info } else { Level::Warn };
        let text = if as_told { reason.clone() } else { format!("{reason}; {}", exit::life(&exit)) };
        self.log_of(id, level, text);
        if ending != Ending::Vacant {
            return;
        }
        planted!(self, AllForOne, {
            let worker = self.workers.get(place.0).filter(|worker| worker.routes(place.1));
            let others = worker.into_iter().flat_map(|worker| worker.realm_slots());
            let others = others.filter_map(|slot| slot.current());
            for other in others.map(Process::id).collect::<Vec<_>>() {
                self.kill(other, "another one has ended");
            }
        });
        let ready_for = process.ready.map(|at| self.now.duration_since(at));
        let end = End { clean: exit::is_clean(&exit), ready_for, worked: process.worked };
        if is_arriving || !self.workers.is_serving(place.0) || !self.ends_node(place.0, &exit, &reason) {
            self.start_again_or_not(place, end, reason);
        }
    }

    /// Does what is decided about a slot whose process ended by itself, or could not be spawned.
    fn start_again_or_not(&mut self, place: (WorkerKey, usize), end: End, reason: String) {
        let now = self.now;
        let random = self.random.fraction();
        let name = self.workers.name(place);
        let is_stopping = self.is_stopping();
        let Some(worker) = self.workers.get_mut(place.0) else { return };
        // Of a program that is ready because it runs nothing is known before it has run for a while.
        let has_settled =
            |process: &Process| process.ready.is_some_and(|at| now.duration_since(at) >= SETTLED);
        let settled =
            end.ready_for.is_some_and(|time| time >= SETTLED) || worker.processes().any(has_settled);
        worker.was_ready |= settled;
        let (rules, was_ready) = (worker.spec.rules, worker.was_ready);
        let Some(slot) = worker.slots.get_mut(place.1) else { return };
        match slot.standing {
            // Its sockets are closed already.
            _ if is_stopping => return slot.rest(Rest::Stopped, Some(reason)),
            Standing::Arriving => return slot.rest(Rest::Failed, Some(reason)),
            Standing::Retired => return slot.rest(Rest::Stopped, Some(reason)),
            Standing::InEffect => {}
        }
        let (history, decision) = decide(now, &slot.history, (&rules, was_ready), end, random);
        slot.history = history;
        let (count, period) = (rules.max_restarts, rules.period.as_secs_f64());
        let (delay, reason, trouble) = match decision {
            Decision::Start(delay) => (delay, reason, None),
            Decision::Seldom(delay) => {
                let seconds = rules.longest.as_secs_f64();
                let reason = format!(
                    "ended more than {count} times within {period} s, and is tried every {seconds} s: {reason}"
                );
                (delay, reason.clone(), Some(format!("{name} {reason}")))
            }
            Decision::Rest => return slot.rest(Rest::Stopped, Some(reason)),
            Decision::Leave => return slot.rest(Rest::Failed, Some(reason)),
            Decision::GiveUp => {
                let reason = format!("gave up after {count} restarts within {period} s: {reason}");
                slot.rest(Rest::Failed, Some(reason.clone()));
                return self.log(Level::Error, format!("{name} has failed: {reason}"));
            }
        };
        slot.rest(Rest::Backoff, Some(reason));
        let restart = Timer::Restart { worker: place.0, slot: place.1, changes: slot.changes() };
        if let Some(trouble) = trouble {
            self.log(Level::Error, trouble);
        }
        planted!(self, LostRestart, {
            if self.next_process.is_multiple_of(7) {
                return;
            }
        });
        let at = planted!(self, NoBackoff, now, now + delay);
        self.timers.set(at, restart);
    }
}
