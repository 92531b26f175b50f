//! Another configuration, or number of processes: read, set up and bound beside what is in effect, then put into effect
//! or undone, as the fleet says.

use super::Supervisor;
use super::assemble::{Assembly, Former, Setting, assemble, wanted};
use super::compare::goes_on;
use super::event::Event;
use super::pending::{Kept, Next, Pending, shutdown_of};
use super::review::review;
use super::worker::{Work, Worker};
use crate::archives;
use crate::node::{Absent, Configuration, Origin, RUN};
use crate::sockets::{Adjustment, Binder};
use jackfield_fleet::{CallerId, Event as FleetEvent, Plan, PlannedWorker, WorkerKey};
use jackfield_shared::log::Level;
use tokio::task::{spawn_blocking, spawn_local};

/// Most obstacles that are shown: what is wrong should fit on one screen.
const SHOWN: usize = 5;

impl Supervisor {
    /// Begins to read the configuration; returns why that can't be.
    pub(super) fn read_configuration(&mut self) -> Option<FleetEvent> {
        let (wanting, wanted) = match archives::wanted() {
            Ok(both) => both,
            Err(e) => return Some(FleetEvent::NotPlanned(e.to_string())),
        };
        self.pending = Some(Pending::Reading(wanting));
        // The built-in node stays what it is; none becomes one because its file has gone.
        let absent = if self.node.configuration.is_builtin { Absent::BuiltIn } else { Absent::Error };
        let (origin, events) = (self.node.origin.clone(), self.events.clone());
        spawn_local(async move {
            // A disk may be slow, a name server slower, and somebody may hold a lock.
            let read = spawn_blocking(move || {
                let Origin { directory, base, file } = origin;
                let mut configuration =
                    Configuration::read(&directory, &base, file.as_deref(), absent, review);
                configuration.fetch_archives(&wanted, drop);
                configuration.await_locks();
                configuration
            });
            let read = read.await.map(Box::new).map_err(|e| e.to_string());
            let _ = events.send(Event::Configuration(read)).await;
        });
        None
    }

    /// Goes on with what was read.
    pub(super) fn configuration_was_read(&mut self, read: Result<Box<Configuration>, String>) {
        if !matches!(self.pending, Some(Pending::Reading(_))) || !self.fleet.is_reloading() {
            return;
        }
        self.pending = None;
        let plan = match read {
            Ok(configuration) => self.plan_reload(*configuration, self.fleet.change_caller()),
            Err(reason) => Err(vec![format!("the configuration could not be read: {reason}")]),
        };
        let event = match plan {
            Ok(plan) => FleetEvent::Planned(plan),
            Err(reasons) => FleetEvent::NotPlanned(one_screen(reasons)),
        };
        self.feed(event);
    }

    fn plan_reload(
        &mut self,
        configuration: Configuration,
        caller: Option<CallerId>,
    ) -> Result<Plan, Vec<String>> {
        let obstacles = configuration.obstacles();
        if !obstacles.is_empty() {
            return Err(obstacles);
        }
        for warning in configuration.warnings() {
            self.progress(caller, warning.clone());
            self.hub.log(Level::Warn, warning);
        }
        for config in configuration.loaded.node.iter().flat_map(|node| &node.workers) {
            let count = self.node.machine.cpus.processes(config.common.processes);
            let key = self.fleet.find(&config.id);
            let is_scaled = |key: &WorkerKey| self.workers.get(key).is_some_and(|w| w.scaled.is_some());
            if let Some(key) = key.filter(|key| !is_scaled(key)) {
                self.feed(FleetEvent::Resizing(key, count.into()));
            }
        }
        let setting = Setting {
            base: &self.node.origin.base,
            machine: &self.node.machine,
            former: self.serving().map(|(_, worker)| Former::of(worker)).collect(),
            given: &self.node.given,
            deadline: None,
        };
        let Assembly { workers, adjustments, remarks } = assemble(&configuration, &setting)?;
        for (level, text) in remarks {
            self.hub.log(level, text);
        }
        let shutdown = shutdown_of(&configuration);
        let mut next = Next { configuration: Some(configuration), adjustments, ..Next::default() };
        let workers = workers.into_iter().map(|worker| self.compare(&mut next, worker)).collect();
        self.pending = Some(Pending::Ready(Box::new(next)));
        Ok(Plan::Reload { workers, shutdown })
    }

    /// Takes in a worker of the next configuration: in place of the one there is, if its processes can go on.
    fn compare(&mut self, next: &mut Next, mut worker: Worker) -> PlannedWorker {
        let former = self.fleet.find(worker.id());
        let kept = former.filter(|key| self.workers.get(key).is_some_and(|runs| goes_on(runs, &worker)));
        if let Some(key) = kept {
            return self.keep(next, key, worker);
        }
        let former = former.and_then(|key| self.workers.get(&key));
        // Sessions of TLS go on.
        let before = former.and_then(|former| former.ticket_keys.as_ref());
        if let Some((keys, before)) = worker.ticket_keys.as_mut().zip(before) {
            keys.clone_from(before);
        }
        let (key, spec) = (self.fleet.new_worker_key(), worker.spec());
        self.workers.insert(key, worker);
        next.added.push(key);
        PlannedWorker { key, spec }
    }

    fn keep(&mut self, next: &mut Next, key: WorkerKey, mut worker: Worker) -> PlannedWorker {
        if let (Work::Guest(_), Some(runs)) = (&worker.work, self.workers.get(&key)) {
            // Programs can't be given the queues of those that go: these end with them.
            for bound in &mut worker.bound {
                let former = runs.bound.iter().find(|former| former.transport == bound.transport);
                former.iter().for_each(|former| bound.give_up_queues_of(former));
            }
        }
        let spec = worker.spec();
        let before = self.fleet.worker(key).map_or(0, |worker| worker.acceptors().count());
        let has_grown = worker.processes > before;
        if let Some(runs) = self.workers.get_mut(&key).filter(|_| has_grown) {
            // They have all the sockets there were, and more.
            std::mem::swap(&mut runs.bound, &mut worker.bound);
        }
        next.kept.push(Kept { key, next: worker, has_grown });
        PlannedWorker { key, spec }
    }

    /// Binds what a worker needs for another number of processes.
    pub(super) fn plan_resize(&mut self, key: WorkerKey, processes: usize) -> FleetEvent {
        match self.resized(key, processes) {
            Ok((worker, adjustments)) => {
                let mut next = Next { adjustments, ..Next::default() };
                let PlannedWorker { key, spec } = self.keep(&mut next, key, worker);
                self.pending = Some(Pending::Ready(Box::new(next)));
                FleetEvent::Planned(Plan::Scale(key, Box::new(spec)))
            }
            Err(reason) => FleetEvent::NotPlanned(reason),
        }
    }

    fn resized(&self, key: WorkerKey, processes: usize) -> Result<(Worker, Vec<Adjustment>), String> {
        let Some(worker) = self.workers.get(&key) else { return Err("its worker is gone".into()) };
        if worker.realm_processes == 0 && !worker.realms().is_empty() && processes > 1 {
            return Err(format!(
                "one process of {id} has its clients and its realms, which can't be taken apart while it runs: write \
                 \"processes\": {processes} into the configuration and `jackfield reload`",
                id = worker.id()
            ));
        }
        let configured = usize::from(self.node.machine.cpus.processes(worker.common().processes));
        let mut next = Worker::new(worker.work.clone(), worker.launch.clone(), processes);
        next.scaled = u16::try_from(processes).ok().filter(|_| configured != processes);
        next.tls_files = worker.tls_files.clone();
        next.node_key = worker.node_key.clone();
        next.arti = worker.arti.clone();
        next.realm_processes = worker.realm_processes;
        let run_dir = self.node.origin.base.join(RUN);
        let mut binder =
            Binder::new(worker.bound.iter().collect(), &[], run_dir, &self.node.configuration.names);
        let (mut bounds, mut failed) = (Vec::new(), None);
        for listener in next.listeners() {
            let wanted = wanted(&next, &listener);
            binder.reserve(&wanted);
            match binder.bind(&wanted) {
                Ok(mut bound) => {
                    let former = worker.bound.iter().find(|former| former.transport == listener.id);
                    bound.onion = former.and_then(|former| former.onion.clone());
                    bounds.push(bound);
                }
                Err(e) => failed = Some(e),
            }
        }
        if let Some(e) = failed {
            binder.give_up();
            return Err(e.to_string());
        }
        let adjustments = binder.finish(&mut bounds.iter_mut().collect::<Vec<_>>());
        next.bound = bounds;
        Ok((next, adjustments))
    }

    /// Puts what was planned into effect.
    pub(super) fn commit(&mut self) {
        let Some(Pending::Ready(mut next)) = self.pending.take() else { return };
        next.adjustments.clear();
        if let Some(configuration) = next.configuration.take() {
            self.take_configuration(configuration);
        }
        for Kept { key, next, has_grown } in next.kept {
            let Some(worker) = self.workers.get_mut(&key) else { continue };
            if !has_grown {
                worker.bound = next.bound;
            }
            (worker.work, worker.scaled, worker.processes) = (next.work, next.scaled, next.processes);
            self.take_tls_files(key, next.tls_files);
        }
        for bound in self.serving().flat_map(|(_, worker)| &worker.bound) {
            if let Err(e) = bound.settle() {
                self.hub.log(Level::Warn, format!("{}: its options can't all be set: {e}", bound.address));
            }
        }
        for (_, worker) in self.serving() {
            if let Err(e) = worker.settle_links() {
                self.hub
                    .log(Level::Error, format!("{}: {e}; its clients don't find their realms", worker.id()));
            }
        }
        self.secure();
        self.watch_guests();
    }

    fn take_configuration(&mut self, configuration: Configuration) {
        let controller = |configuration: &Configuration| {
            let controller = configuration.loaded.node.as_ref().map(|node| &node.controller);
            controller.map(|controller| (controller.options.title.clone(), controller.id.clone()))
        };
        let (title_before, _) = controller(&self.node.configuration).unwrap_or_default();
        let (title, id) = controller(&configuration).unwrap_or_default();
        if title_before != title {
            let text = "controller.options.title: the title of a process that runs can't be changed; it is taken with \
                        the next start";
            self.hub.log(Level::Warn, text);
        }
        if let Some(id) = id {
            self.node.info.id = id;
        }
        if let Some(node) = &configuration.loaded.node
            && let Err(e) = self.hub.configure(node, false)
        {
            self.hub.log(Level::Error, format!("controller.log: not every sink could be started: {e}"));
        }
        self.tell_log_levels();
        self.node.configuration = configuration;
    }

    /// Undoes what was planned.
    pub(super) fn undo(&mut self) {
        self.connection = None;
        let Some(Pending::Ready(next)) = self.pending.take() else { return };
        for Kept { key, next: mut wanted, has_grown } in next.kept {
            if let Some(worker) = self.workers.get_mut(&key).filter(|_| has_grown) {
                std::mem::swap(&mut worker.bound, &mut wanted.bound);
            }
        }
        for key in next.added {
            if let Some(worker) = self.workers.get_mut(&key) {
                worker.bound.clear();
            }
            // One that nobody has heard of has no end that would be told.
            if self.fleet.worker(key).is_none() {
                self.workers.remove(&key);
            }
        }
        next.adjustments.into_iter().for_each(Adjustment::undo);
    }
}

fn one_screen(mut reasons: Vec<String>) -> String {
    let more = reasons.len().saturating_sub(SHOWN);
    reasons.truncate(SHOWN);
    if more > 0 {
        reasons.push(format!("and {more} more: `jackfield check` lists them"));
    }
    // A text of several lines begins on its own.
    let start =
        if reasons.len() > 1 || reasons.iter().any(|reason| reason.contains('\n')) { "\n" } else { "" };
    format!("{start}{}", reasons.join("\n"))
}
