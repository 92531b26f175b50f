//! Another number of processes for a worker: the same steps as a reload that changes nothing else.

use super::super::assemble::wanted;
use super::super::due::{Due, START_LIMIT};
use super::super::operation::{Caller, Kind};
use super::super::stop::Phase;
use super::super::worker::Worker;
use super::compare::grow;
use super::{Kept, Next, Purpose, Step, Supervisor, Transition, WorkerKey};
use crate::decide::scale::exchanges;
use crate::node::RUN;
use crate::sockets::Binder;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::time::Instant;

impl Supervisor {
    /// `jackfield worker scale ID N`
    pub(in super::super) fn scale(&mut self, id: &str, processes: u16, caller: Caller) {
        match self.plan_scale(id, processes) {
            Ok(None) => {
                caller.progress(format!("{id} has {processes} processes already"));
                caller.finish(Ok(()));
            }
            Ok(Some(next)) => {
                self.hub.log(Level::Info, format!("`jackfield worker scale`: {}", next.summary));
                let until = Instant::now() + START_LIMIT;
                self.deadlines.push(until, Due::Transition);
                self.transition = Some(Transition {
                    purpose: Purpose::Scale(id.to_owned()),
                    caller: Some(caller),
                    time: START_LIMIT,
                    step: Step::Preparing { next, until },
                });
            }
            Err(reason) => caller.finish(Err(format!("{reason}; nothing was changed"))),
        }
    }

    /// Lets places change places, so that with so many of them those go that are of least use. Each process keeps the
    /// sockets that it has.
    pub(super) fn put_in_order(&mut self, key: WorkerKey, count: usize) {
        let worker = &mut self.workers[key];
        let states: Vec<_> = worker.active().map(|(_, slot)| slot.state()).collect();
        for (one, other) in exchanges(&states, count) {
            let worker = &mut self.workers[key];
            worker.slots.swap(one, other);
            worker.bound.iter_mut().for_each(|bound| bound.exchange(one, other));
            for place in [one, other] {
                let slot = &mut self.workers[key].slots[place];
                slot.index = u16::try_from(place).unwrap_or(u16::MAX);
                for process in slot.processes() {
                    process.source.set_index(slot.index);
                    self.places.insert(process.key(), (key, place));
                }
                // What was planned for it was planned for its former place.
                if slot.state() == State::Backoff {
                    let due = Due::Restart { worker: key, slot: place, changes: slot.changes };
                    self.deadlines.push(Instant::now(), due);
                }
            }
        }
    }

    fn plan_scale(&mut self, id: &str, processes: u16) -> Result<Option<Next>, String> {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return Err("the node is being stopped".into());
        }
        if let Some(transition) = &self.transition {
            return Err(transition.what());
        }
        let key = self.workers.find(id).ok_or_else(|| self.unknown(id))?;
        let concerns = |kind: &Kind| matches!(kind, Kind::Restart(rolling) | Kind::Upgrade(rolling) if rolling.concerns(key));
        if self.operations.iter().any(|operation| concerns(&operation.kind)) {
            return Err(format!("{id} is being restarted"));
        }
        if !self.workers[key].serves() {
            return Err(format!("{id} is the node's own and has one process"));
        }
        self.put_in_order(key, processes.into());
        let worker = &self.workers[key];
        let before = worker.active().count();
        if before == usize::from(processes) {
            return Ok(None);
        }
        let configured = self.node.machine.cpus.processes(worker.common().processes);
        let mut next = Worker::new(worker.work.clone(), worker.launch.clone(), processes);
        next.scaled = (configured != processes).then_some(processes);
        next.tls_files = worker.tls_files.clone();
        next.arti = worker.arti.clone();
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
        let mut plan = Next {
            order: self.workers.keys(),
            kept: vec![Kept { key, next: Box::new(next), before }],
            adjustments,
            summary: format!("{id}: {before} → {processes} processes"),
            ..Next::default()
        };
        grow(&mut self.workers, &mut plan);
        Ok(Some(plan))
    }
}
