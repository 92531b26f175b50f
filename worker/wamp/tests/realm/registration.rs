//! Registrations and their conflicts.

use crate::world::{DEAF, World, config};
use serde_json::json;

#[test]
fn registrations_conflict_by_their_policies() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let single = world.register(a, json!({}), "com.s");
    let shared = world.register(a, json!({"invoke": "first"}), "com.f");
    for (session, options, procedure, error) in [
        (a, json!({}), "com.s", "procedure_already_exists"),
        (b, json!({}), "com.s", "procedure_already_exists"),
        (b, json!({"invoke": "first"}), "com.s", "procedure_already_exists"),
        (b, json!({}), "com.f", "procedure_exists_with_different_invocation_policy"),
        (b, json!({"invoke": "last"}), "com.f", "procedure_exists_with_different_invocation_policy"),
    ] {
        let answers = world.ask(session, json!([64, 2, options, procedure]));
        assert_eq!(answers[0][4], format!("wamp.error.{error}"), "{options} {procedure}");
    }
    assert_eq!(world.register(a, json!({"invoke": "first"}), "com.f"), shared);
    assert_eq!(world.register(b, json!({"invoke": "first"}), "com.f"), shared);
    assert_ne!(world.register(b, json!({"match": "prefix"}), "com.s"), single);
    world.send(a, json!([66, 3, shared]));
    world.send(b, json!([66, 3, shared]));
    assert_ne!(world.register(a, json!({"invoke": "last"}), "com.f"), shared);
}

#[test]
fn whoever_registers_by_force_takes_the_procedure_from_all() {
    let mut world = World::new(config());
    let (a, x) = (world.join(), world.join());
    let b = world.join_as("deaf", "anonymous", DEAF);
    let c = world.join();
    let old = world.register(a, json!({"invoke": "roundrobin"}), "com.p");
    world.register(b, json!({"invoke": "roundrobin"}), "com.p");
    world.send(x, json!([48, 1, {}, "com.p"]));
    world.take(a);
    let new = world.register(c, json!({"invoke": "roundrobin", "force_reregister": true}), "com.p");
    assert_ne!(old, new);
    let kicked = json!([67, 0, {"registration": old, "reason": "wamp.error.unregistered"}]);
    assert_eq!(world.take(a), [kicked]);
    assert!(world.take(b).is_empty(), "it has not announced to take this");
    assert_eq!(world.ask(a, json!([66, 2, old])), [json!([8, 66, 2, {}, "wamp.error.no_such_registration"])]);
    // What was called before is still answered.
    world.send(a, json!([70, 1, {}, ["old"]]));
    assert_eq!(world.take(x), [json!([50, 1, {}, ["old"]])]);
    world.send(x, json!([48, 2, {}, "com.p"]));
    assert_eq!(world.take(c), [json!([68, 1, new, {}])]);
}
