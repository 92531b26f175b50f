//! Faults that the simulation must find, by the rules that they break.

use crate::STEPS;
use crate::world::World;
use jackfield_wamp::{Planted, plant};

/// Schedules in which a planted fault must have been found.
const TO_FIND: u64 = 5000;

/// Each of these faults breaks some schedule, which nothing breaks without it.
fn are_found(faults: &[Planted]) {
    // What is found is not to be told.
    std::panic::set_hook(Box::new(|_| {}));
    let fails = |fault, seed| {
        plant(fault);
        let failed = std::panic::catch_unwind(|| World::new(seed, false).run(STEPS)).is_err();
        plant(None);
        failed
    };
    let found = |fault| {
        let seed = (0..TO_FIND).find(|seed| fails(Some(fault), *seed) && !fails(None, *seed));
        println!("{fault:?}: {seed:?}");
        seed.is_some()
    };
    let missed: Vec<_> = faults.iter().filter(|fault| !found(**fault)).collect();
    _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not found in {TO_FIND} schedules: {missed:?}");
}

/// A test for each rule, so that none takes long.
macro_rules! planted_faults {
    ($($name:ident: $($fault:ident)+;)+) => {
        $(
            #[test]
            fn $name() {
                are_found(&[$(Planted::$fault),+]);
            }
        )+
    };
}

planted_faults! {
    planted_faults_of_rule_1_are_found: Unforgotten RefusedAgain;
    planted_faults_of_rule_2_are_found: EarlierOwner TwoIds;
    planted_faults_of_rule_3_are_found: DeliveredAgain Undelivered;
    planted_faults_of_rule_4_are_found: EventAgain EarlyAcknowledgement;
    planted_faults_of_rule_5_are_found: NotKept DoubleHistory EarlierRetained;
    planted_faults_of_rule_6_are_found: DeliveredLater LateResult NoInterrupt NoAnswer;
    planted_faults_of_rule_7_are_found: ForgottenDead LeftAgain EarlyEnd;
    planted_faults_of_rule_8_are_found: ForgottenPayload MiscountedBytes;
    planted_faults_of_rule_9_are_found: ForgottenSlots EarlyDelivery;
}
