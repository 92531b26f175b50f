//! States that releases and builds before this one have told: each must be read, and what is told must hold all that they read.

use super::state::State;
use serde_json::Value;

/// A node with two shared processes, a Unix socket and a guest, as it was told before decisions had a crate of their own.
const BEFORE_THE_FLEET: &str = include_str!("golden/0.1.0.json");

/// Where `ours` lacks something that `theirs` has, or has it as something else.
fn missing(theirs: &Value, ours: &Value, at: &str, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                match ours.get(key) {
                    Some(other) => missing(value, other, &format!("{at}.{key}"), found),
                    None => found.push(format!("{at}.{key} is missing")),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            theirs.iter().zip(ours).for_each(|(theirs, ours)| missing(theirs, ours, at, found));
        }
        (theirs, ours) if theirs == ours => {}
        (theirs, ours) => found.push(format!("{at} was {theirs} and is {ours}")),
    }
}

#[test]
fn what_was_told_before_is_read_and_told_again_as_it_was() {
    let state = State::parse(BEFORE_THE_FLEET.as_bytes()).unwrap();
    assert_eq!(state.workers.iter().map(|worker| worker.slots.len()).collect::<Vec<_>>(), [2, 1, 1]);
    let theirs: Value = serde_json::from_str(BEFORE_THE_FLEET).unwrap();
    let ours = serde_json::to_value(&state).unwrap();
    let mut found = Vec::new();
    missing(&theirs, &ours, "state", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn what_older_builds_did_not_tell_yet_may_be_absent() {
    let mut older: Value = serde_json::from_str(BEFORE_THE_FLEET).unwrap();
    for (part, key) in [("node", "core_limit"), ("configuration", "names")] {
        older[part].as_object_mut().unwrap().remove(key).unwrap();
    }
    State::parse(older.to_string().as_bytes()).unwrap();
}
