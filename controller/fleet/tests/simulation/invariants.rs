//! The rules.

use crate::process::Simulated;
use crate::world::World;
use jackfield_fleet::{Kind, ProcessId, Slot, Worker, WorkerKey};
use jackfield_shared::status::State;
use std::time::Duration;

/// Most automatic starts of a slot within a second; commands may start more.
const MOST_STARTS: usize = 20;
/// A process that drains must have ended so long after its time: the grace, SIGTERM, and a moment.
const AFTER_DRAIN: Duration = Duration::from_millis(2_000 + 1_000 + 1_500);
/// A process that hangs must have ended after so long: the watchdog, an interval, and a moment.
const STUCK: Duration = Duration::from_millis(9_000 + 2 * 3_000 + 1_500);
/// The same for one that routes realms.
const STUCK_REALM: Duration = Duration::from_millis(2_000 + 2 * 667 + 1_500);
/// An order that was lost is repeated after a second; we may be late ourselves.
const TOLD_AGAIN: Duration = Duration::from_millis(1_500);
/// No slot is starting or backing off for longer.
const MOVING: Duration = Duration::from_secs(70);

impl World {
    /// Notes which states the slots have got.
    pub(crate) fn watch_states(&mut self) {
        let mut states = std::collections::BTreeMap::new();
        let mut seen = Vec::new();
        for (key, worker) in self.fleet.workers() {
            for (index, slot) in worker.slots().iter().enumerate() {
                let (place, state) = ((key, index), slot.state());
                let before = self.states.get(&place).copied().unwrap_or(State::Stopped);
                if before != state {
                    seen.push(format!("{before} → {state}"));
                }
                states.insert(place, state);
            }
        }
        self.states = states;
        seen.into_iter().for_each(|transition| self.count(transition));
    }

    /// Forgets what was noted of slots, which are others now.
    pub(crate) fn forget_slots(&mut self) {
        self.states.clear();
        self.spawns.clear();
        self.last_spawns.clear();
        self.moving_since.clear();
        self.watch_states();
    }

    /// Everything that must hold when nothing is half done.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        self.every_process_is_known()?;
        self.every_socket_has_a_reader()?;
        self.a_slot_has_one_that_accepts()?;
        self.sockets_are_given_back()?;
        self.realms_come_last()?;
        self.realms_are_routed()?;
        self.sessions_that_stay_are_routed()?;
        self.nothing_is_forgotten()?;
        self.not_too_many_starts()
    }

    fn every_process_is_known(&self) -> Result<(), String> {
        for id in self.processes.keys() {
            if self.fleet.locate(*id).is_none() {
                return Err(format!("{id:?} runs, and nobody knows"));
            }
        }
        if self.fleet.process_count() != self.processes.len() {
            let (known, are) = (self.fleet.process_count(), self.processes.len());
            return Err(format!("{known} processes are known, and {are} there are"));
        }
        Ok(())
    }

    fn readers(&self, inode: u64) -> impl Iterator<Item = (&ProcessId, &Simulated)> {
        self.processes
            .iter()
            .filter(move |(_, process)| process.accepts() && process.sockets.contains(&inode))
    }

    /// Every listening socket of a worker that is meant to run has a reader, a start under way, or a timer that will
    /// start one.
    fn every_socket_has_a_reader(&self) -> Result<(), String> {
        if self.fleet.is_stopping() {
            return self.nothing_starts_any_more();
        }
        for (key, worker) in self.fleet.serving().filter(|(_, worker)| worker.spec().kind == Kind::Native) {
            let will_come = |slot: &Slot| matches!(slot.state(), State::Starting | State::Backoff);
            // One that has no room for more, or is about to end, excuses.
            let is_excused = |(_, slot): (usize, &Slot)| {
                let current = slot.current();
                current.is_some_and(|process| {
                    let real = self.processes.get(&process.id());
                    process.is_full()
                        || self.is_to_be_told_again(process.id())
                        || real.is_some_and(|real| real.is_doomed || real.hangs_since.is_some())
                })
            };
            for listener in self.bound.get(&key).into_iter().flatten().flat_map(|endpoint| &endpoint.sockets)
            {
                // One for a process of a change that is not in effect yet does not listen yet.
                let owner = listener.owner.and_then(|owner| worker.slots().get(owner));
                let is_to_come = owner.is_some_and(|slot| !slot.is_active() && !slot.is_retired());
                if is_to_come || self.readers(listener.inode).next().is_some() {
                    continue;
                }
                let slots =
                    || worker.acceptors().filter(|(i, _)| listener.owner.is_none_or(|owner| owner == *i));
                if slots().any(|(_, slot)| will_come(slot)) || worker.acceptors().any(is_excused) {
                    continue;
                }
                let is_ready = |(_, slot): (usize, &Slot)| slot.state() == State::Ready;
                if worker.acceptors().any(is_ready) {
                    return Err(format!("{}: nobody accepts from {listener:?}", worker.spec().id));
                }
                self.nobody_is_left(key, worker)?;
            }
        }
        Ok(())
    }

    /// While the node stops nothing is started: it would have no sockets.
    fn nothing_starts_any_more(&self) -> Result<(), String> {
        match self.late_spawn {
            Some(id) => Err(format!("{id:?} is started though the node stops")),
            None => Ok(()),
        }
    }

    /// A worker has nobody that accepts: then it is starting, or a change is under way, or it waits for its turn.
    fn nobody_is_left(&self, _key: WorkerKey, worker: &Worker) -> Result<(), String> {
        let drains = worker.processes().any(|process| process.leaves_by().is_some());
        let moves =
            worker.acceptors().any(|(_, slot)| matches!(slot.state(), State::Starting | State::Backoff));
        let waits = self.fleet.is_starting() || self.fleet.is_changing() || self.fleet.waits(_key);
        // Somebody else who listens at the address and can't take more.
        let is_shared = self.fleet.serving().filter(|(other, _)| *other != _key).any(|(_, other)| {
            let locals = |worker: &Worker| -> Vec<String> {
                worker.spec().endpoints.iter().map(|endpoint| endpoint.local.clone()).collect()
            };
            locals(other).iter().any(|local| locals(worker).contains(local))
        });
        if drains || moves || waits || is_shared {
            return Ok(());
        }
        Err(format!("{}: it is at rest, and its addresses are open", worker.spec().id))
    }

    /// A slot has one accepting process except between the successor's READY and the predecessor's drain, which is the
    /// same moment here.
    fn a_slot_has_one_that_accepts(&self) -> Result<(), String> {
        for (_, worker) in self.fleet.workers() {
            for (index, slot) in worker.slots().iter().enumerate() {
                let accepts = |id| self.processes.get(&id).is_some_and(Simulated::accepts);
                let told = slot.processes().filter(|process| accepts(process.id()));
                // Who was told and did not hear of it is ended by signals.
                let count = told.filter(|p| p.leaves_by().is_none()).count();
                if count > 1 {
                    return Err(format!("{}[{index}]: {count} processes accept", worker.spec().id));
                }
            }
        }
        Ok(())
    }

    /// Whoever stood in for a process gives its sockets back.
    fn sockets_are_given_back(&self) -> Result<(), String> {
        for (key, worker) in self.fleet.serving().filter(|(_, worker)| worker.spec().kind == Kind::Native) {
            let listeners = self.bound.get(&key).into_iter().flatten().flat_map(|endpoint| &endpoint.sockets);
            for listener in listeners {
                let Some(owner) = listener.owner.and_then(|owner| worker.slots().get(owner)) else {
                    continue;
                };
                let owner = owner.current().filter(|_| owner.state() == State::Ready).map(|p| p.id());
                let Some(owner) = owner else { continue };
                let others = self.readers(listener.inode).filter(|(id, _)| **id != owner);
                // Whoever did not hear of it hears of it with the next change.
                let serving: Vec<_> = self.fleet.serving().map(|(key, _)| key).collect();
                let mut others = others.filter(|(id, process)| {
                    // What is replaced accepts until all of its successors do.
                    !self.is_to_be_told_again(**id) && serving.contains(&process.worker)
                });
                if let Some((id, _)) = others.next() {
                    return Err(format!("{id:?} accepts from {listener:?}, which is {owner:?}'s"));
                }
            }
        }
        Ok(())
    }

    /// Whether an order to a process was lost a moment ago: it is repeated after a second.
    pub(crate) fn is_to_be_told_again(&self, id: ProcessId) -> bool {
        self.undelivered.get(&id).is_some_and(|at| self.now <= *at + TOLD_AGAIN)
    }

    /// What drains ends, what hangs is ended, what is starting or backing off does not stay so.
    fn nothing_is_forgotten(&mut self) -> Result<(), String> {
        for (id, process) in &self.processes {
            // Another image sends SIGTERM anew.
            let by = process.ends_by.map(|by| by.max(self.handed_over_at));
            if let Some(by) = by.filter(|by| self.now > *by + AFTER_DRAIN) {
                return Err(format!("{id:?} drains, and was to end {:?} ago", self.now.duration_since(by)));
            }
            let is_stuck = process.is_watched && process.is_ready && process.ends_by.is_none();
            // Another image asks anew.
            let since = process.hangs_since.map(|since| since.max(self.handed_over_at));
            let limit = if process.edges.is_some() { STUCK_REALM } else { STUCK };
            if let Some(since) = since.filter(|since| is_stuck && self.now > *since + limit) {
                return Err(format!("{id:?} hangs, since {:?}", self.now.duration_since(since)));
            }
        }
        let mut moving = std::collections::BTreeMap::new();
        for (key, worker) in self.fleet.workers() {
            for (index, slot) in worker.slots().iter().enumerate() {
                let limit = match slot.state() {
                    State::Starting => MOVING,
                    State::Backoff => Duration::from_millis(4_000),
                    _ => continue,
                };
                // A start that fails at once is never seen, but counted.
                let id = slot.current().map_or(u64::MAX - slot.restarts(), |process| process.id().0);
                let since = self.moving_since.get(&(key, index)).filter(|(before, _)| *before == id);
                let since = since.map_or(self.now, |(_, since)| *since);
                let since = self.last_spawns.get(&(key, index)).map_or(since, |last| since.max(*last));
                moving.insert((key, index), (id, since));
                if self.now > since + limit && !self.fleet.is_stopping() {
                    let (id, state) = (&worker.spec().id, slot.state());
                    return Err(format!("{id}[{index}] is {state} for {:?}", self.now.duration_since(since)));
                }
            }
        }
        self.moving_since = moving;
        Ok(())
    }

    fn not_too_many_starts(&mut self) -> Result<(), String> {
        let now = self.now;
        for (place, spawns) in &mut self.spawns {
            while spawns.front().is_some_and(|at| now.duration_since(*at) > Duration::from_secs(1)) {
                spawns.pop_front();
            }
            if spawns.len() > MOST_STARTS + 10 {
                return Err(format!("{place:?} was started {} times within a second", spawns.len()));
            }
        }
        Ok(())
    }

    /// A worker starts after those that it is to come after: at the start of the node.
    pub(crate) fn check_order(&self, key: WorkerKey) -> Result<(), String> {
        let Some(worker) = self.fleet.worker(key).filter(|_| self.fleet.is_starting() && !self.has_acted)
        else {
            return Ok(());
        };
        for before in &worker.spec().links.after {
            let Some(other) = self.fleet.find(before).and_then(|key| self.fleet.worker(key)) else {
                continue;
            };
            let moves =
                |slot: &Slot| matches!(slot.state(), State::Starting | State::Backoff | State::Stopped);
            let is_first = worker.processes().all(|process| process.ready().is_none());
            if is_first
                && other
                    .slots()
                    .iter()
                    .any(|slot| moves(slot) && slot.restarts() == 0 && slot.last_exit().is_none())
            {
                return Err(format!("{} starts before {before} has", worker.spec().id));
            }
        }
        Ok(())
    }

    /// Whether nothing is on its way any more.
    pub(crate) fn is_at_rest(&self) -> bool {
        let answered = self.asked.values().all(|asked| !asked.answers.is_empty());
        let moves = |state: &State| !matches!(state, State::Ready | State::Failed | State::Stopped);
        answered && !self.fleet.is_changing() && self.hangups == 0 && !self.states.values().any(moves)
    }

    /// At rest every command has its answer, and every signal was heard.
    pub(crate) fn check_rest(&self) -> Result<(), String> {
        if self.fleet.is_stopping() {
            return Ok(());
        }
        if let Some(asked) = self.asked.values().find(|asked| asked.answers.is_empty()) {
            return Err(format!("no answer to {}", asked.what));
        }
        if self.hangups > 0 {
            return Err("a SIGHUP was forgotten".into());
        }
        Ok(())
    }

    /// After the end nothing is left, and everybody has got one answer.
    pub(crate) fn check_end(&mut self) -> Result<(), String> {
        let farewell = self.fleet.farewell().ok_or("it has not ended")?;
        for caller in farewell.callers {
            self.answered(Some(caller), Ok(()))?;
        }
        if let Some(asked) = self.asked.values().find(|asked| asked.answers.len() != 1) {
            return Err(format!("{} has {} answers at the end", asked.what, asked.answers.len()));
        }
        if !self.processes.is_empty() {
            return Err(format!("{} processes are left", self.processes.len()));
        }
        if self.bound.values().flatten().any(|endpoint| !endpoint.sockets.is_empty()) {
            return Err("sockets are left open".into());
        }
        Ok(())
    }
}
