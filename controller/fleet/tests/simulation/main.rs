//! A whole node in a simulation: processes that die, hang, answer late or not at all, a kernel that has no room, commands
//! at any moment, reloads, scaling, upgrades and stops, all at once and in an order that follows from a seed.
//!
//! `cargo test --package jackfield-fleet --features planted` runs ten thousand schedules.
//! `JACKFIELD_SCHEDULES=1000000` runs a million, `JACKFIELD_SEED=N` one of them, with everything that happens.

mod actions;
mod configuration;
mod driver;
mod handover;
mod invariants;
mod plan;
mod process;
mod realm;
mod world;

use jackfield_fleet::Planted;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{available_parallelism, scope};
use world::World;

/// Schedules that are run unless more are asked for.
const SCHEDULES: u64 = 10_000;
/// Schedules in which a planted fault must have been found.
const TO_FIND: u64 = 2_000;

/// Seeds that have failed once; each shows a fault that was mended.
const KEPT: &[u64] = &[554, 970, 30_952, 31_599, 33_472, 34_875, 190_162];

/// How often what was seen.
type Seen = BTreeMap<String, u64>;

/// Runs a schedule; returns what was seen, or what went wrong.
fn run(seed: u64, fault: Option<Planted>, is_shown: bool) -> Result<Seen, String> {
    let mut world = World::new(seed, fault, is_shown);
    let result = catch_unwind(AssertUnwindSafe(|| world.run()));
    match result {
        Ok(Ok(())) => Ok(world.seen),
        Ok(Err(reason)) => Err(format!("seed {seed}: {reason}\n{}", world.last_words())),
        Err(_) => Err(format!("seed {seed}: panicked\n{}", world.last_words())),
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs these schedules on all processors; returns what was seen, and the first failure.
fn run_all(seeds: std::ops::Range<u64>, fault: Option<Planted>) -> (Seen, Option<String>) {
    let threads = available_parallelism().map_or(1, |count| count.get() as u64);
    let run_some = |part: u64| {
        let mut seen = Seen::new();
        for seed in seeds.clone().filter(|seed| seed % threads == part) {
            match run(seed, fault, false) {
                Ok(more) => {
                    more.into_iter().for_each(|(what, count)| *seen.entry(what).or_default() += count)
                }
                Err(failure) => return (seen, Some(failure)),
            }
        }
        (seen, None)
    };
    scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|part| scope.spawn(move || run_some(part))).collect();
        let mut all = (Seen::new(), None);
        for part in parts {
            let Ok((seen, failure)) = part.join() else { panic!("a thread of the simulation has panicked") };
            seen.into_iter().for_each(|(what, count)| *all.0.entry(what).or_default() += count);
            all.1 = all.1.or(failure);
        }
        all
    })
}

#[test]
fn no_schedule_breaks_a_rule_and_everything_that_can_happen_does() {
    if let Some(seed) = number("JACKFIELD_SEED") {
        run(seed, None, true).unwrap();
        return;
    }
    for &seed in KEPT {
        run(seed, None, false).unwrap();
    }
    let (seen, failure) = run_all(0..number("JACKFIELD_SCHEDULES").unwrap_or(SCHEDULES), None);
    if let Some(failure) = failure {
        panic!("{failure}\nJACKFIELD_SEED=… shows all of it");
    }
    for what in world::EFFECTS.iter().chain(world::TRANSITIONS) {
        assert!(seen.contains_key(*what), "never seen: {what}; seen: {seen:#?}");
    }
    let events = seen["event"];
    assert!(events >= 200 * seen["schedule"], "{events} events in {} schedules", seen["schedule"]);
}

#[test]
fn every_planted_fault_is_found() {
    use Planted::*;
    let faults = [
        ForgottenPredecessor,
        LostRestart,
        NoBackoff,
        NoWatchdog,
        EndlessDrain,
        LeftoversOfReload,
        HalfScaled,
        EarlyDrain,
        LostAnswer,
        TwoAnswers,
        NoStandIn,
        KeptSocket,
        ForgottenWorker,
        NoOrder,
        ForgottenSignal,
        UntoldEdge,
        StuckEdge,
        EarlyRealm,
        LentRealm,
        ScaledRealm,
        OneUntold,
        MixedRealms,
        AllForOne,
        LastingSessions,
    ];
    let missed: Vec<_> =
        faults.iter().filter(|fault| run_all(0..TO_FIND, Some(**fault)).1.is_none()).collect();
    assert!(missed.is_empty(), "not found in {TO_FIND} schedules: {missed:?}");
}
