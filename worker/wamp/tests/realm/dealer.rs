//! The dealer of a realm.

use crate::world::{World, config};
use serde_json::json;

#[test]
fn a_call_is_answered_by_its_callee() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let id = world.register(b, json!({}), "com.p");
    assert!(world.ask(a, json!([48, 9, {}, "com.p", [1]])).is_empty());
    assert_eq!(world.take(b), [json!([68, 1, id, {}, [1]])]);
    assert!(world.ask(b, json!([70, 1, {}, [2]])).is_empty());
    assert_eq!(world.take(a), [json!([50, 9, {}, [2]])]);
    world.send(a, json!([48, 10, {}, "com.p"]));
    assert_eq!(world.take(b), [json!([68, 2, id, {}])]);
    world.send(b, json!([8, 68, 2, {"x_y": 1}, "com.error", [], {"k": 1}]));
    assert_eq!(world.take(a), [json!([8, 48, 10, {}, "com.error", [], {"k": 1}])]);
    world.send(a, json!([48, 11, {}, "com.p"]));
    world.take(b);
    world.leave(b);
    let text = "callee disconnected from in-flight request";
    assert_eq!(world.take(a), [json!([8, 48, 11, {}, "wamp.error.canceled", [text]])]);
}

#[test]
fn a_call_past_its_time_limit_is_answered_and_its_callee_told() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let id = world.register(b, json!({}), "com.p");
    world.send(a, json!([48, 1, {"timeout": 100}, "com.p"]));
    assert_eq!(world.take(b), [json!([68, 1, id, {"timeout": 100}])]);
    world.pass(99);
    assert!(world.take(a).is_empty());
    world.pass(1);
    assert_eq!(world.take(a), [json!([8, 48, 1, {}, "wamp.error.timeout", ["timeout reached"]])]);
    assert_eq!(world.take(b), [json!([69, 1, {"mode": "killnowait"}])]);
    assert!(world.ask(b, json!([70, 1, {}, ["late"]])).is_empty());
    assert!(world.take(a).is_empty());
    assert_eq!(world.realm.next_expiry(), None);
}
