//! Edges and hubs that die, with links that tear at any byte: what clients see is checked.
//!
//! A schedule that fails names its seed; `JACKFIELD_SEED=n` runs that one alone and prints what happens,
//! `JACKFIELD_SCHEDULES=n` runs more of them.

#![allow(clippy::unwrap_used, reason = "what is not as expected ends the schedule, which is named then")]

mod actions;
mod checks;
mod client;
mod hostile;
mod reconfigured;
mod world;

use world::World;

const SCHEDULES: u64 = 3000;
const STEPS: usize = 250;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_schedule_loses_doubles_or_swaps_anything() {
    if let Some(seed) = number("JACKFIELD_SEED") {
        return World::new(seed, true).run(STEPS);
    }
    let mut events = 0;
    let first = number("JACKFIELD_FIRST_SEED").unwrap_or_default();
    for seed in first..first + number("JACKFIELD_SCHEDULES").unwrap_or(SCHEDULES) {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed, false);
            world.run(STEPS);
            (world.events, world.results, world.takeovers)
        });
        match run {
            Ok((got, results, takeovers)) => {
                events += got + results + takeovers;
            }
            Err(_) => panic!("seed {seed}: JACKFIELD_SEED={seed} shows it alone"),
        }
    }
    assert!(events > 0, "a simulation in which nothing happens shows nothing");
}
