//! Edges and hubs that die, with links that tear at any byte: what clients see is checked.
//!
//! A schedule that fails names its seed; `JACKFIELD_SEED=n` runs that one alone and prints what happens,
//! `JACKFIELD_SCHEDULES=n` runs more of them.

#![allow(clippy::unwrap_used, reason = "what is not as expected ends the schedule, which is named then")]

mod actions;
mod checks;
mod client;
mod hears;
mod hostile;
mod lasting;
#[cfg(feature = "planted")]
mod planted;
mod reconfigured;
mod world;

use world::World;

const SCHEDULES: u64 = 3000;
pub(crate) const STEPS: usize = 250;

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_schedule_loses_doubles_or_swaps_anything() {
    if let Some(seed) = number("JACKFIELD_SEED") {
        return World::new(seed, true).run(STEPS);
    }
    let mut seen = [0; 4];
    let first = number("JACKFIELD_FIRST_SEED").unwrap_or_default();
    for seed in first..first + number("JACKFIELD_SCHEDULES").unwrap_or(SCHEDULES) {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed, false);
            world.run(STEPS);
            [world.events, world.results, world.takeovers, world.late]
        });
        match run {
            Ok(counts) => seen.iter_mut().zip(counts).for_each(|(seen, count)| *seen += count),
            Err(_) => panic!("seed {seed}: JACKFIELD_SEED={seed} shows it alone"),
        }
    }
    assert!(!seen.contains(&0), "what never happens shows nothing: {seen:?}");
}
