//! The whole state, and the order in which everything is looked at.

use crate::effect::{Effect, Tell};
use crate::event::{Event, Order};
use crate::id::{CallerId, ProcessId, WorkerKey};
use crate::operation::Operation;
use crate::phase::Phase;
#[cfg(feature = "planted")]
use crate::planted::Planted;
use crate::process::Process;
use crate::random::Random;
use crate::slot::{Role, Slot};
use crate::spec::Spec;
use crate::timer::{Timer, Timers};
use crate::under_way::Change;
use crate::worker::{Worker, Workers};
use jackfield_shared::config::NodeShutdown;
use jackfield_shared::log::Level;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// When a process is told again from which sockets to accept, or which edges there are, if that did not reach it.
const AGAIN: Duration = Duration::from_secs(1);

/// What does not change while the controller runs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Most new processes that start at a time for a change of the node: as many as the machine can take.
    pub parallel_starts: usize,
    /// What the random numbers follow from.
    pub seed: u64,
}

/// The node's processes and what is decided about them.
#[derive(Clone, Debug)]
pub struct Fleet {
    pub(crate) settings: Settings,
    pub(crate) now: Instant,
    pub(crate) workers: Workers,
    /// Where each process is.
    pub(crate) places: BTreeMap<ProcessId, (WorkerKey, usize)>,
    /// Not 0: as the number of an edge that is none.
    pub(crate) next_process: u64,
    pub(crate) generation: u64,
    pub(crate) timers: Timers<Timer>,
    pub(crate) random: Random,
    pub(crate) phase: Phase,
    pub(crate) shutdown: Vec<NodeShutdown>,
    /// Whether the end of the start is still to be told.
    pub(crate) is_starting: bool,
    /// The change of the node that is under way.
    pub(crate) change: Option<Change>,
    /// Workers that start when it is their turn.
    pub(crate) to_start: Vec<WorkerKey>,
    /// Workers that start when the one before them has ended.
    pub(crate) successors: Vec<(WorkerKey, Option<WorkerKey>)>,
    /// Workers whose realm slots are stopped when the others have ended.
    pub(crate) realms_to_stop: Vec<WorkerKey>,
    /// Somebody wanted a reload when there could be none.
    pub(crate) reload_wanted: bool,
    /// Whether processes have come or gone since it was last looked who accepts from which socket.
    pub(crate) listeners_changed: bool,
    pub(crate) operations: Vec<Operation>,
    pub(crate) effects: Vec<Effect>,
    #[cfg(feature = "planted")]
    pub(crate) planted: Option<Planted>,
}

impl Fleet {
    /// A fleet of these workers, which have no processes yet.
    #[must_use]
    pub fn new(now: Instant, settings: Settings, specs: Vec<Spec>, shutdown: Vec<NodeShutdown>) -> Self {
        let mut workers = Workers::default();
        let mut keys = Vec::new();
        for spec in specs {
            let key = workers.next_key();
            workers.add(key, Worker::new(spec, 1));
            keys.push(key);
        }
        workers.put_into_effect(keys);
        Self {
            settings,
            now,
            workers,
            places: BTreeMap::new(),
            next_process: 1,
            generation: 1,
            timers: Timers::default(),
            random: Random::new(settings.seed),
            phase: Phase::Running,
            shutdown,
            is_starting: true,
            change: None,
            to_start: Vec::new(),
            successors: Vec::new(),
            realms_to_stop: Vec::new(),
            reload_wanted: false,
            listeners_changed: false,
            operations: Vec::new(),
            effects: Vec::new(),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }

    /// Handles an event at this time, which is never earlier than that of the event before; returns what is to be done.
    pub fn step(&mut self, now: Instant, event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        self.handle(event);
        self.run_timers();
        self.advance();
        std::mem::take(&mut self.effects)
    }

    /// When there is something to do even if nothing happens before.
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Begin => self.start_all(),
            Event::Tick => {}
            Event::Spawned { process, listening, endpoints } => self.spawned(process, listening, endpoints),
            Event::NotSpawned(process, reason) => self.not_spawned(process, &reason),
            Event::Said(process, news) => self.said(process, news),
            Event::Undelivered(process, order) => self.undelivered(process, order),
            Event::Lost(process, error) => self.lost(process, error),
            Event::Exited(process, exit) => self.exited(process, exit),
            Event::Called(caller, command) => self.called(caller, command),
            Event::Fault => self.stop_node(false, None, None),
            Event::ReloadWanted(what) => self.reload_for(what),
            Event::StopSignal(name) => self.stop_by_signal(name),
            Event::Planned(plan) => self.planned(plan),
            Event::NotPlanned(reason) => self.not_planned(&reason),
            Event::Resizing(worker, processes) => self.put_in_order(worker, processes),
            Event::Tried => self.tried(),
            Event::TookOver(caller, outdated) => self.took_over(caller, &outdated),
        }
    }

    /// Looks what follows from what has happened.
    fn advance(&mut self) {
        self.start_waiting();
        self.stop_left();
        self.watch_start();
        self.proceed_change();
        self.close_idle();
        self.assign_listeners();
        self.proceed_operations();
        self.sweep();
        self.start_successors();
        self.stop_realms();
        self.end_sessions();
        self.reload_if_wanted();
        self.tell_edges();
        self.tell_of_stopping();
    }

    fn undelivered(&mut self, id: ProcessId, order: Order) {
        match order {
            Order::Drain => self.timers.set(self.now, Timer::Terminate(id)),
            Order::Listen(inodes) => {
                if let Some(process) = self.process_mut(id) {
                    process.listening.retain(|inode| !inodes.contains(inode));
                    self.timers.set(self.now + AGAIN, Timer::Assign);
                }
            }
            Order::Edges => self.timers.set(self.now + AGAIN, Timer::Edges(id)),
            Order::Unlisten(inodes) => {
                if let Some(process) = self.process_mut(id) {
                    process.listening.extend(inodes);
                    self.timers.set(self.now + AGAIN, Timer::Assign);
                }
            }
        }
    }

    /// Workers of the configuration in effect, in order.
    pub fn serving(&self) -> impl Iterator<Item = (WorkerKey, &Worker)> {
        self.workers.serving()
    }

    /// Workers of earlier configurations, which drain.
    pub fn former(&self) -> impl Iterator<Item = (WorkerKey, &Worker)> {
        self.workers.all().filter(|(key, worker)| !self.workers.is_serving(*key) && !worker.arriving)
    }

    /// Every worker: in effect, arriving, or former.
    pub fn workers(&self) -> impl Iterator<Item = (WorkerKey, &Worker)> {
        self.workers.all()
    }

    /// The worker with this key.
    #[must_use]
    pub fn worker(&self, key: WorkerKey) -> Option<&Worker> {
        self.workers.get(key)
    }

    /// The key of the worker in effect with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<WorkerKey> {
        self.workers.find(id)
    }

    /// A key for a worker of the next configuration.
    pub fn new_worker_key(&mut self) -> WorkerKey {
        self.workers.next_key()
    }

    /// Where a process is, and what.
    #[must_use]
    pub fn locate(&self, id: ProcessId) -> Option<(WorkerKey, usize, Role)> {
        let &(worker, slot) = self.places.get(&id)?;
        Some((worker, slot, self.workers.slot((worker, slot))?.role(id)?))
    }

    /// The process of this name.
    #[must_use]
    pub fn process(&self, id: ProcessId) -> Option<&Process> {
        let slot = self.workers.slot(*self.places.get(&id)?)?;
        slot.processes().find(|process| process.id == id)
    }

    /// Number of the configurations that were put into effect, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a reload is under way.
    #[must_use]
    pub fn is_reloading(&self) -> bool {
        self.change.as_ref().is_some_and(Change::is_reload)
    }

    /// Who waits for the change of the node that is under way.
    #[must_use]
    pub fn change_caller(&self) -> Option<CallerId> {
        self.change.as_ref().and_then(Change::caller)
    }

    /// Whether a change of the node is under way: a reload, an upgrade, another number of processes.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.change.is_some()
    }

    /// Whether a worker starts when it is its turn, or when its predecessor has ended.
    #[must_use]
    pub fn waits(&self, key: WorkerKey) -> bool {
        self.to_start.contains(&key) || self.successors.iter().any(|(later, _)| *later == key)
    }

    /// Whether somebody wants a reload when there can be one: the next image is to be told.
    #[must_use]
    pub fn wants_reload(&self) -> bool {
        self.reload_wanted
    }

    /// Whether the end of the start has not come yet.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        self.is_starting
    }

    /// The number that the name of the next process has.
    #[must_use]
    pub fn next_process(&self) -> u64 {
        self.next_process
    }

    /// How many processes there are.
    #[must_use]
    pub fn process_count(&self) -> usize {
        self.places.len()
    }

    /// There is no worker with this id.
    #[must_use]
    pub fn unknown(&self, id: &str) -> String {
        let ids: Vec<_> = self.workers.serving().map(|(_, worker)| worker.id()).collect();
        let known = if ids.is_empty() { "the node has none".into() } else { ids.join(", ") };
        format!("there is no worker \"{id}\" (workers: {known})")
    }

    pub(crate) fn process_mut(&mut self, id: ProcessId) -> Option<&mut Process> {
        let place = *self.places.get(&id)?;
        self.workers.slot_mut(place)?.process_mut(id)
    }

    pub(crate) fn slot(&self, place: (WorkerKey, usize)) -> Option<&Slot> {
        self.workers.slot(place)
    }

    pub(crate) fn log(&mut self, level: Level, text: impl Into<String>) {
        self.effects.push(Effect::Log(level, text.into()));
    }

    pub(crate) fn log_of(&mut self, process: ProcessId, level: Level, text: impl Into<String>) {
        self.effects.push(Effect::LogOf(process, level, text.into()));
    }

    pub(crate) fn tell(&mut self, process: ProcessId, what: Tell) {
        self.effects.push(Effect::Tell(process, what));
    }

    pub(crate) fn progress(&mut self, caller: Option<CallerId>, text: impl Into<String>) {
        if let Some(caller) = caller {
            self.effects.push(Effect::Progress(caller, text.into()));
        }
    }

    pub(crate) fn reply(&mut self, caller: Option<CallerId>, result: Result<(), String>) {
        if let Some(caller) = caller {
            self.effects.push(Effect::Reply(caller, result));
        }
    }

    /// Kills a process, for a reason that its end will be recorded with.
    pub(crate) fn kill(&mut self, id: ProcessId, reason: impl Into<String>) {
        if let Some(process) = self.process_mut(id) {
            process.ends_for(reason);
            self.effects.push(Effect::Kill(id));
        }
    }

    /// Plants a fault.
    #[cfg(feature = "planted")]
    pub fn plant(&mut self, fault: Option<Planted>) {
        self.planted = fault;
    }

    /// Whether this fault was planted, to see that the simulation finds it.
    #[cfg(feature = "planted")]
    pub(crate) fn has(&self, fault: Planted) -> bool {
        self.planted == Some(fault)
    }
}
