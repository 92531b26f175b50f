//! What is different between the workers in effect and those that are to be.

use super::super::worker::{Work, Worker};
use super::super::workers::Workers;
use super::{Kept, Next};
use jackfield_shared::config::{self, WorkerCommon};

/// Takes in what is new and tells the rest apart. Nothing of it is in effect yet.
pub(super) fn compare(workers: &mut Workers, wanted: Vec<Worker>, generation: u64) -> Next {
    let mut next = Next::default();
    let (mut new, mut replaced, mut resized, mut same) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for mut worker in wanted {
        let id = worker.id().to_owned();
        let former = workers.find(&id);
        if let Some(key) = former.filter(|&key| goes_on(&workers[key], &worker)) {
            let (before, count) = (workers[key].active().count(), worker.slots.len());
            if before == count {
                same += 1;
            } else {
                resized.push(format!("{id} ({before} → {count} processes)"));
            }
            next.order.push(key);
            next.kept.push(Kept { key, next: Box::new(worker), before });
            continue;
        }
        worker.generation = generation;
        worker.arriving = true;
        if let Some(former) = former.map(|key| &workers[key]) {
            // Sessions of TLS go on.
            if let (Some(keys), Some(before)) = (&mut worker.ticket_keys, &former.ticket_keys) {
                keys.clone_from(before);
            }
            replaced.push(id);
        } else {
            new.push(id);
        }
        // One that can't do its work beside its predecessor starts when that has ended.
        let is_first = former.is_none() || worker.can_overlap();
        let places = if worker.serves() && is_first { 0..worker.slots.len() } else { 0..0 };
        worker.slots[places.clone()].iter_mut().for_each(|slot| slot.arriving = true);
        let key = workers.add(worker);
        if places.is_empty() {
            // Arti publishes while its predecessor still has streams open.
            let is_arti = matches!(workers[key].work, Work::Arti(_));
            next.later.push((key, former.filter(|_| !is_arti)));
        }
        next.order.push(key);
        next.added.push(key);
        next.arriving.extend(places.map(|place| (key, place)));
    }
    next.former = workers.keys().into_iter().filter(|key| !next.order.contains(key)).collect();
    let removed: Vec<_> = next.former.iter().map(|&key| workers[key].id().to_owned()).collect();
    let removed = removed.into_iter().filter(|id| !replaced.contains(id)).collect();
    next.summary =
        summary(&[("new", new), ("replaced", replaced), ("resized", resized), ("removed", removed)], same);
    grow(workers, &mut next);
    next
}

/// Whether processes that run can go on: what only the controller looks at may be different.
fn goes_on(runs: &Worker, wanted: &Worker) -> bool {
    let same_work = match (&runs.work, &wanted.work) {
        (Work::Serve(runs), Work::Serve(wanted)) => of_process(runs) == of_process(wanted),
        (Work::Guest(runs), Work::Guest(wanted)) => {
            of_process(&runs.worker) == of_process(&wanted.worker) && runs.executable == wanted.executable
        }
        (Work::Publish(runs), Work::Publish(wanted)) => runs.services == wanted.services,
        (Work::Arti(runs_now), Work::Arti(to_run)) => {
            let same = runs_now.settings == to_run.settings && runs_now.services == to_run.services;
            same && runs.arti.is_some() == wanted.arti.is_some()
        }
        (Work::Serve(_) | Work::Guest(_) | Work::Publish(_) | Work::Arti(_) | Work::Gone(_), _) => false,
    };
    same_work && runs.launch.is_like(&wanted.launch)
}

/// The configuration without how many processes there are, and how they are looked after.
fn of_process(worker: &config::Worker) -> config::Worker {
    let mut worker = worker.clone();
    let WorkerCommon { processes, restart, stop, watchdog, log_level, after, .. } = WorkerCommon::default();
    worker.common = WorkerCommon { processes, restart, stop, watchdog, log_level, after, ..worker.common };
    worker
}

/// Makes places for more processes of workers that go on, and says which are to go.
pub(super) fn grow(workers: &mut Workers, next: &mut Next) {
    for Kept { key, next: wanted, before } in &mut next.kept {
        let (worker, count) = (&mut workers[*key], wanted.slots.len());
        if count > *before {
            // They have all the sockets there were, and more.
            std::mem::swap(&mut worker.bound, &mut wanted.bound);
        }
        for place in *before..count {
            let place_there = worker.place(place);
            (place_there.arriving, place_there.retired) = (true, false);
            next.arriving.push((*key, place));
        }
        next.leaving.extend((count..*before).map(|place| (*key, place)));
    }
    next.queue = next.arriving.iter().copied().collect();
}

fn summary(parts: &[(&str, Vec<String>)], same: usize) -> String {
    let named = parts.iter().filter(|(_, ids)| !ids.is_empty());
    let mut text: Vec<_> = named.map(|(what, ids)| format!("{what}: {}", ids.join(", "))).collect();
    text.push(format!("unchanged: {same}"));
    text.join("; ")
}
