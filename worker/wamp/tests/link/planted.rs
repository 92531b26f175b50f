//! Faults that the simulation must find.

use crate::STEPS;
use crate::world::World;
use jackfield_wamp::{Planted, plant};

/// Schedules in which a planted fault must have been found.
const TO_FIND: u64 = 10_000;

#[test]
fn every_planted_fault_is_found() {
    use Planted::*;
    let faults = [
        Unforgotten,
        RefusedAgain,
        EarlierOwner,
        TwoIds,
        DeliveredAgain,
        Undelivered,
        EventAgain,
        EarlyAcknowledgement,
        NotKept,
        DoubleHistory,
        ForgottenDead,
        EndAgain,
        DeliveredLater,
        LateResult,
        NoInterrupt,
        NoAnswer,
        ForgottenPayload,
        MiscountedBytes,
        EarlyDelivery,
        ForgottenSlots,
    ];
    // What is found is not to be told.
    std::panic::set_hook(Box::new(|_| {}));
    let fails = |fault, seed| {
        plant(fault);
        let failed = std::panic::catch_unwind(|| World::new(seed, false).run(STEPS)).is_err();
        plant(None);
        failed
    };
    // What fails without the fault shows nothing about it.
    let found = |fault| {
        let seed = (0..TO_FIND).find(|seed| fails(Some(fault), *seed) && !fails(None, *seed));
        println!("{fault:?}: {seed:?}");
        seed.is_some()
    };
    let missed: Vec<_> = faults.iter().filter(|fault| !found(**fault)).collect();
    _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not found in {TO_FIND} schedules: {missed:?}");
}
