//! Calls whose arguments or results come step by step.

use crate::world::{DEAF, World, config};
use jackfield_wamp::realm::Store;
use serde_json::json;

#[test]
fn results_come_step_by_step_until_the_last_one() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let id = world.register(b, json!({}), "com.p");
    world.send(a, json!([48, 1, {"receive_progress": true}, "com.p"]));
    world.send(a, json!([48, 2, {}, "com.p"]));
    assert_eq!(world.take(b), [json!([68, 1, id, {"receive_progress": true}]), json!([68, 2, id, {}])]);
    for request in [1, 2] {
        world.send(b, json!([70, request, {"progress": true}, [1]]));
        world.send(b, json!([70, request, {}, ["end"]]));
        world.send(b, json!([70, request, {"progress": true}, ["late"]]));
    }
    assert_eq!(
        world.take(a),
        [
            json!([50, 1, {"progress": true}, [1]]),
            json!([50, 1, {}, ["end"]]),
            json!([50, 2, {"progress": true}, [1]]),
            json!([50, 2, {}, ["end"]]),
        ]
    );
}

#[test]
fn arguments_come_step_by_step_to_one_invocation() {
    let mut world = World::new(config());
    let (a, b, c) = (world.join(), world.join(), world.join());
    let id = world.register(b, json!({"match": "prefix", "invoke": "roundrobin"}), "com.");
    world.register(c, json!({"match": "prefix", "invoke": "roundrobin"}), "com.");
    world.send(a, json!([48, 1, {"progress": true}, "com.p", [1]]));
    world.send(a, json!([48, 1, {"progress": true, "ppt_scheme": "x_y"}, "com.p", [2]]));
    world.send(a, json!([48, 1, {"timeout": 5}, "com.p", [3]]));
    assert_eq!(
        world.take(b),
        [
            json!([68, 1, id, {"procedure": "com.p", "progress": true}, [1]]),
            json!([68, 1, id, {"procedure": "com.p", "progress": true}, [2]]),
            json!([68, 1, id, {"procedure": "com.p"}, [3]]),
        ]
    );
    world.send(b, json!([70, 1, {}, ["sum"]]));
    assert_eq!(world.take(a), [json!([50, 1, {}, ["sum"]])]);
    // What is under way when the call ends is for nobody, up to the last one.
    world.send(a, json!([48, 2, {"progress": true}, "com.p"]));
    world.take(c);
    world.send(c, json!([8, 68, 1, {}, "com.enough"]));
    assert_eq!(world.take(a).len(), 1);
    assert!(world.ask(a, json!([48, 2, {"progress": true}, "com.p"])).is_empty());
    assert!(world.ask(a, json!([48, 2, {}, "com.p"])).is_empty());
    assert!(world.take(b).is_empty() && world.take(c).is_empty());
}

#[test]
fn arguments_do_not_come_step_by_step_to_who_does_not_take_them() {
    let mut config = config();
    config.store = Some(Store { limit: 50, event_history: vec![], call_queues: vec![] });
    let mut world = World::new(config);
    let a = world.join();
    let b = world.join_as("deaf", "anonymous", DEAF);
    world.register(b, json!({"concurrency": 1}), "com.p");
    let error = json!("wamp.error.feature_not_supported");
    assert_eq!(world.ask(a, json!([48, 1, {"progress": true}, "com.p"]))[0][4], error);
    assert!(world.ask(a, json!([48, 1, {}, "com.p"])).is_empty(), "it has ended");
    world.send(a, json!([48, 2, {}, "com.p"]));
    world.send(a, json!([48, 3, {"progress": true}, "com.p"]));
    world.send(a, json!([48, 3, {}, "com.p"]));
    world.send(a, json!([48, 4, {}, "com.p"]));
    world.take(b);
    world.send(b, json!([70, 1, {}]));
    assert_eq!(world.take(a)[1][4], error);
    assert_eq!(world.take(b).len(), 1);
}
