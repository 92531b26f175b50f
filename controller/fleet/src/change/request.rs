//! Somebody wants a change.

use crate::effect::Effect;
use crate::event::{Plan, Planned};
use crate::fleet::Fleet;
use crate::id::{CallerId, WorkerKey};
use crate::life::START_LIMIT;
use crate::phase::Phase;
use crate::planted::planted;
use crate::scale::exchanges;
use crate::slot::Standing;
use crate::spec::{Kind, Spec};
use crate::timer::Timer;
use crate::under_way::{Change, Kept, Next, Place, Purpose, Stage};
use crate::worker::Worker;
use jackfield_shared::config::NodeShutdown;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::time::Duration;

impl Fleet {
    /// `jackfield reload`: new processes may take so long to be ready.
    pub(crate) fn reload(&mut self, caller: Option<CallerId>, time: Option<Duration>) {
        if let Some(reason) = self.in_the_way_of_change() {
            return self.reply(caller, Err(format!("{reason}; nothing was changed")));
        }
        self.log(Level::Info, "`jackfield reload`: reading the configuration");
        self.begin_reload(Purpose::Reload, caller, time);
    }

    /// `jackfield reload --dry-run`
    pub(crate) fn rehearse(&mut self, caller: Option<CallerId>) {
        match self.in_the_way_of_change() {
            Some(reason) => self.reply(caller, Err(format!("{reason}; try again when that is done"))),
            None => self.begin_reload(Purpose::Rehearsal, caller, None),
        }
    }

    /// A reload now, or when there can be one: nobody waits for it. This is what wants it, as SIGHUP does.
    pub(crate) fn reload_for(&mut self, what: &str) {
        match self.in_the_way_of_change() {
            Some(reason) if matches!(self.phase, Phase::Running) => {
                self.log(Level::Info, format!("{what}: {reason}; reloading after that"));
                self.reload_wanted = planted!(self, ForgottenSignal, false, true);
            }
            Some(_) => {}
            None => {
                self.log(Level::Info, format!("{what}: reading the configuration"));
                self.begin_reload(Purpose::Reload, None, None);
            }
        }
    }

    /// Does what was wanted so, as soon as nothing is in its way.
    pub(crate) fn reload_if_wanted(&mut self) {
        if self.reload_wanted && self.in_the_way_of_change().is_none() {
            self.reload_wanted = false;
            self.begin_reload(Purpose::Reload, None, None);
        }
    }

    /// Why there can be no reload and no upgrade now.
    pub(crate) fn in_the_way_of_change(&self) -> Option<String> {
        if matches!(self.phase, Phase::Stopping(_)) {
            return Some("the node is being stopped".into());
        }
        if let Some(change) = &self.change {
            return Some(change.what());
        }
        let restarts = self.operations.iter().any(|operation| operation.kind.rolling().is_some());
        restarts.then(|| "workers are being restarted".into())
    }

    fn begin_reload(&mut self, purpose: Purpose, caller: Option<CallerId>, time: Option<Duration>) {
        let time = time.unwrap_or(START_LIMIT);
        self.change = Some(Change { purpose, caller, time, stage: Stage::Waiting });
        self.effects.push(Effect::Read);
    }

    /// The new image is being tried.
    pub(crate) fn await_trial(&mut self, caller: Option<CallerId>) {
        let (purpose, time) = (Purpose::Upgrade, START_LIMIT);
        self.change = Some(Change { purpose, caller, time, stage: Stage::Waiting });
    }

    /// It can take over. Nothing else begins before it has, or has failed to.
    pub(crate) fn tried(&mut self) {
        if self.change.as_ref().is_some_and(|change| change.purpose == Purpose::Upgrade) {
            self.effects.push(Effect::HandOver);
        }
    }

    /// What was to be planned, or tried, can't be had.
    pub(crate) fn not_planned(&mut self, reason: &str) {
        if let Some(Change { purpose, caller, .. }) =
            self.change.take_if(|change| change.stage == Stage::Waiting)
        {
            self.effects.push(Effect::Undo);
            self.change_failed(&purpose, caller, reason);
        }
    }

    /// `jackfield worker scale ID N`
    pub(crate) fn scale(&mut self, id: &str, processes: usize, caller: Option<CallerId>) {
        let key = match self.to_scale(id) {
            Ok(key) => key,
            Err(reason) => return self.reply(caller, Err(format!("{reason}; nothing was changed"))),
        };
        self.put_in_order(key, processes);
        if self.workers.get(key).is_some_and(|worker| worker.acceptors().count() == processes) {
            self.progress(caller, format!("{id} has {processes} processes already"));
            return self.reply(caller, Ok(()));
        }
        let (purpose, time) = (Purpose::Scale(id.to_owned()), START_LIMIT);
        self.change = Some(Change { purpose, caller, time, stage: Stage::Waiting });
        self.effects.push(Effect::Resize(key, processes));
    }

    fn to_scale(&self, id: &str) -> Result<WorkerKey, String> {
        if matches!(self.phase, Phase::Stopping(_)) {
            return Err("the node is being stopped".into());
        }
        if let Some(change) = &self.change {
            return Err(change.what());
        }
        let key = self.workers.find(id).ok_or_else(|| self.unknown(id))?;
        if self.is_restarted(key) {
            return Err(format!("{id} is being restarted"));
        }
        if self.workers.get(key).is_some_and(|worker| !worker.spec.kind.serves()) {
            return Err(format!("{id} is the node's own and has one process"));
        }
        Ok(key)
    }

    /// Lets slots exchange places, so that with so many of them those go that are of least use. Each process keeps the
    /// sockets that it has.
    pub(crate) fn put_in_order(&mut self, key: WorkerKey, count: usize) {
        let Some(worker) = self.workers.get(key) else { return };
        let states: Vec<_> = worker.acceptors().map(|(_, slot)| slot.state()).collect();
        for (one, other) in exchanges(&states, count) {
            self.exchange(key, one, other);
        }
    }

    /// Lets two slots exchange places.
    pub(crate) fn exchange(&mut self, key: WorkerKey, one: usize, other: usize) {
        let Some(worker) = self.workers.get_mut(key) else { return };
        worker.exchange(one, other);
        self.effects.push(Effect::Exchange(key, one, other));
        for index in [one, other] {
            let Some(slot) = self.workers.slot((key, index)) else { continue };
            self.places.extend(slot.processes().map(|process| (process.id, (key, index))));
            // What was planned for it was planned for its former index.
            if slot.state() == State::Backoff {
                let restart = Timer::Restart { worker: key, slot: index, changes: slot.changes() };
                self.timers.set(self.now, restart);
            }
        }
    }

    /// Goes on with what was planned.
    pub(crate) fn planned(&mut self, plan: Plan) {
        let waits = |change: &mut Change| match (&change.purpose, &plan) {
            (Purpose::Reload | Purpose::Rehearsal, Plan::Reload { .. })
            | (Purpose::Scale(_), Plan::Scale(..)) => change.stage == Stage::Waiting,
            _ => false,
        };
        let Some(Change { purpose, caller, time, .. }) = self.change.take_if(waits) else {
            // Nobody wants it any longer.
            return self.effects.push(Effect::Undo);
        };
        let mut next = match plan {
            Plan::Reload { workers, shutdown } => self.compare(workers, shutdown),
            Plan::Scale(key, spec) => self.compare_size(key, *spec),
        };
        if purpose == Purpose::Rehearsal {
            let summary = std::mem::take(&mut next.summary);
            // What is new has been started nowhere.
            next.arriving.clear();
            self.undo(next);
            self.progress(caller, summary);
            return self.reply(caller, Ok(()));
        }
        self.grow(&mut next);
        let until = self.now + time;
        self.timers.set(until, Timer::Look);
        self.change = Some(Change { purpose, caller, time, stage: Stage::Preparing { next, until } });
    }

    fn compare_size(&mut self, key: WorkerKey, spec: Spec) -> Next {
        let before = self.workers.get(key).map_or(0, |worker| worker.acceptors().count());
        let summary = format!("{}: {before} → {} processes", spec.id, spec.processes);
        self.log(Level::Info, format!("`jackfield worker scale`: {summary}"));
        let kept = vec![Kept { key, spec, before, endpoints: None }];
        Next { order: self.workers.keys(), kept, summary, ..Next::default() }
    }

    /// Takes in what is new and tells the rest apart. Nothing of it is in effect yet.
    fn compare(&mut self, wanted: Vec<Planned>, shutdown: Vec<NodeShutdown>) -> Next {
        let mut next = Next { shutdown: Some(shutdown), ..Next::default() };
        let (mut new, mut replaced, mut resized, mut same) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for Planned { key, spec } in wanted {
            let id = spec.id.clone();
            next.order.push(key);
            if let Some(worker) = self.workers.get(key) {
                let (before, count) = (worker.acceptors().count(), spec.processes);
                if before == count {
                    same += 1;
                } else {
                    resized.push(format!("{id} ({before} → {count} processes)"));
                }
                next.kept.push(Kept { key, spec, before, endpoints: None });
                continue;
            }
            let former = self.workers.find(&id);
            if former.is_some() {
                replaced.push(id)
            } else {
                new.push(id)
            }
            self.add(&mut next, key, spec, former);
        }
        next.former = self.workers.keys().into_iter().filter(|key| !next.order.contains(key)).collect();
        let ids = next.former.iter().filter_map(|&key| self.workers.get(key)).map(|w| w.id().to_owned());
        let removed = ids.filter(|id| !replaced.contains(id)).collect();
        let parts = [("new", new), ("replaced", replaced), ("resized", resized), ("removed", removed)];
        next.summary = summary(&parts, same);
        next
    }

    /// Takes in a worker that is new, or takes the place of a former one.
    fn add(&mut self, next: &mut Next, key: WorkerKey, spec: Spec, former: Option<WorkerKey>) {
        // One that can't do its work beside its predecessor starts when that has ended.
        let is_first = former.is_none() || spec.can_overlap;
        let is_prepared = spec.kind.serves() && is_first;
        // Arti publishes while its predecessor still has streams open.
        let waits_for = former.filter(|_| spec.kind != Kind::Arti);
        let mut worker = Worker::new(spec, self.generation + 1);
        worker.arriving = true;
        if is_prepared {
            worker.slots.iter_mut().for_each(|slot| slot.standing = Standing::Arriving);
            next.arriving.extend((0..worker.slots.len()).map(|slot| (key, slot)));
        } else {
            next.later.push((key, waits_for));
        }
        next.added.push(key);
        self.workers.add(key, worker);
    }

    /// Makes slots for more processes of workers that go on, and says which are to go.
    fn grow(&mut self, next: &mut Next) {
        let mut arriving: Vec<Place> = Vec::new();
        for Kept { key, spec, before, endpoints } in &mut next.kept {
            let count = spec.processes;
            if count > *before {
                self.put_realms_behind(*key, count);
            }
            let Some(worker) = self.workers.get_mut(*key) else { continue };
            if count > *before {
                // They have all the sockets there were, and more.
                let grown = spec.endpoints.clone();
                *endpoints = Some(std::mem::replace(&mut worker.spec.endpoints, grown));
            }
            for index in *before..count {
                worker.slot_at(index).standing = Standing::Arriving;
                arriving.push((*key, index));
            }
            let end = planted!(self, ScaledRealm, *before + 1, *before);
            next.leaving.extend((count..end).map(|index| (*key, index)));
        }
        next.arriving.append(&mut arriving);
        next.queue = next.arriving.iter().copied().collect();
    }
}

fn summary(parts: &[(&str, Vec<String>)], same: usize) -> String {
    let named = parts.iter().filter(|(_, ids)| !ids.is_empty());
    let mut text: Vec<_> = named.map(|(what, ids)| format!("{what}: {}", ids.join(", "))).collect();
    text.push(format!("unchanged: {same}"));
    text.join("; ")
}
