//! The broker of a realm.

use crate::world::{World, config};
use serde_json::json;

#[test]
fn an_event_goes_to_all_subscriptions_that_cover_its_topic() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let exact = world.subscribe(a, json!({}), "com.x.y");
    let prefix = world.subscribe(a, json!({"match": "prefix"}), "com.");
    let wildcard = world.subscribe(a, json!({"match": "wildcard"}), "com..y");
    assert_eq!(world.subscribe(a, json!({}), "com.x.y"), exact);
    let publication = world.id_of(b, json!([16, 7, {"acknowledge": true}, "com.x.y", [1], {"k": 2}]));
    assert_eq!(
        world.take(a),
        [
            json!([36, exact, publication, {}, [1], {"k": 2}]),
            json!([36, prefix, publication, {"topic": "com.x.y"}, [1], {"k": 2}]),
            json!([36, wildcard, publication, {"topic": "com.x.y"}, [1], {"k": 2}]),
        ]
    );
    assert_eq!(world.ask(a, json!([34, 2, exact])), [json!([35, 2])]);
    assert_eq!(
        world.ask(a, json!([34, 3, exact])),
        [json!([8, 34, 3, {}, "wamp.error.no_such_subscription"])]
    );
    assert_eq!(world.ask(b, json!([16, 8, {}, "com.z"])), [] as [serde_json::Value; 0]);
    assert_eq!(world.take(a).len(), 1);
}

#[test]
fn publishers_are_excluded_unless_they_want_their_events() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let id = world.subscribe(a, json!({}), "com.t");
    world.subscribe(b, json!({}), "com.t");
    assert!(world.ask(a, json!([16, 1, {}, "com.t"])).is_empty());
    assert_eq!(world.take(b).len(), 1);
    let own = world.ask(a, json!([16, 2, {"exclude_me": false}, "com.t"]));
    assert_eq!((own.len(), &own[0][1]), (1, &json!(id)));
    assert_eq!(world.take(b).len(), 1);
}

#[test]
fn a_subscription_has_the_same_id_as_long_as_an_event_is_retained() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let first = world.subscribe(b, json!({}), "com.t");
    let publication = world.id_of(a, json!([16, 1, {"acknowledge": true, "retain": true}, "com.t", [1]]));
    world.take(b);
    world.ask(b, json!([34, 2, first]));
    assert_eq!(
        world.ask(b, json!([32, 3, {"get_retained": true}, "com.t"])),
        [json!([33, 3, first]), json!([36, first, publication, {"retained": true}, [1]])]
    );
    world.ask(b, json!([34, 4, first]));
    assert!(world.realm.forget_retained("com.t"));
    assert_ne!(world.subscribe(b, json!({}), "com.t"), first);
    assert_eq!(world.realm.status().retained_bytes, 0);
}
