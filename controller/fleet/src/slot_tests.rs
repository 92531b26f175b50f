//! The states of a slot.

#![expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
use super::*;
use std::time::Instant;

fn process(id: u64) -> Process {
    Process::new(ProcessId(id), Instant::now(), 1, true)
}

fn ready(id: u64) -> Slot {
    let mut slot = Slot::default();
    assert!(slot.start(process(id)));
    slot.ready(ProcessId(id)).unwrap();
    slot
}

#[test]
fn a_seat_is_taken_once() {
    let mut slot = ready(1);
    assert!(!slot.start(process(2)));
    assert!(slot.start_successor(process(2)));
    assert!(!slot.start_successor(process(3)));
    assert_eq!(slot.role(ProcessId(2)), Some(Role::Successor));
    slot.rest(Rest::Failed, None);
    assert_eq!(slot.state(), State::Ready);
}

#[test]
fn a_successor_takes_the_seat_when_it_is_ready_or_when_it_is_left_alone() {
    let mut slot = ready(1);
    assert!(slot.start_successor(process(2)));
    let predecessor = slot.ready(ProcessId(2)).unwrap().unwrap();
    assert_eq!((predecessor.id, slot.current().unwrap().id), (ProcessId(1), ProcessId(2)));
    assert!(slot.ready(ProcessId(2)).is_none());
    assert!(slot.start_successor(process(3)));
    let (_, ending) = slot.end(ProcessId(2), "killed").unwrap();
    assert_eq!((ending, slot.state(), slot.reason()), (Ending::Succeeded, State::Starting, Some("killed")));
}

#[test]
fn who_stops_drains_and_then_it_is_stopped() {
    let mut slot = ready(1);
    assert!(slot.start_successor(process(2)));
    slot.stop().into_iter().for_each(|process| slot.leave(process));
    assert_eq!((slot.state(), slot.leaving().len()), (State::Draining, 2));
    assert!(slot.stop().is_empty());
    slot.end(ProcessId(1), "").unwrap();
    assert_eq!(slot.state(), State::Draining);
    slot.end(ProcessId(2), "").unwrap();
    assert_eq!((slot.state(), slot.is_empty()), (State::Stopped, true));
    assert!(slot.start(process(3)));
    assert_eq!(slot.state(), State::Starting);
}

#[test]
fn what_another_image_tells_is_built_up_without_holes() {
    let mut one = process(1);
    one.ready = Some(one.spawned);
    let of = |state, processes| {
        let mut slot = Slot::default();
        slot.restore(state, None, processes);
        slot.state()
    };
    assert_eq!(of(State::Ready, vec![(Role::Current, one.clone())]), State::Ready);
    assert_eq!(of(State::Ready, Vec::new()), State::Backoff);
    assert_eq!(of(State::Ready, vec![(Role::Successor, process(2))]), State::Starting);
    assert_eq!(of(State::Draining, vec![(Role::Leaving, one)]), State::Draining);
    assert_eq!(of(State::Draining, Vec::new()), State::Stopped);
    assert_eq!(of(State::Failed, Vec::new()), State::Failed);
}
