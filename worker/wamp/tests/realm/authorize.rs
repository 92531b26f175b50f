//! What sessions may do, and the procedures that are asked about it.

use crate::world::{FEATURES, World, config};
use jackfield_wamp::Id;
use jackfield_wamp::realm::{Access, Allow, Config, Disclose, Role, Rule};
use jackfield_wamp::uri::Match;
use serde_json::{Value as Json, json};

fn dynamic() -> Config {
    let mut config = config();
    let access = Access::Dynamic { authorizer: "com.authz".to_owned(), disclose: Disclose::default() };
    config.roles.push(Role { name: "dynamic".to_owned(), access });
    config
}

/// A realm, its authorizer, a session that it is asked about, and another one.
fn world() -> (World, Id, Id, Id) {
    let mut world = World::new(dynamic());
    let authorizer = world.join();
    world.register(authorizer, json!({}), "com.authz");
    let dora = world.join_as("dora", "dynamic", FEATURES);
    let other = world.join();
    (world, authorizer, dora, other)
}

/// What the authorizer is asked: URI, action and options.
fn asked(world: &mut World, authorizer: Id) -> Vec<Json> {
    world
        .take(authorizer)
        .iter()
        .filter(|m| m[0] == 68)
        .map(|m| json!(m[4].as_array().map(|a| &a[1..])))
        .collect()
}

#[test]
fn rules_of_a_role_decide() {
    let mut config = config();
    let allow = Allow { call: true, ..Allow::default() };
    let rule = Rule { uri: "com.p.".to_owned(), policy: Match::Prefix, allow, ..Rule::default() };
    config.roles.push(Role { name: "calls".to_owned(), access: Access::Static(vec![rule]) });
    let mut world = World::new(config);
    let b = world.join();
    world.register(b, json!({}), "com.taken");
    let a = world.join_as("a", "calls", FEATURES);
    for (message, error) in [
        (json!([48, 1, {}, "com.p.x"]), "no_such_procedure"),
        (json!([48, 1, {}, "com.px"]), "not_authorized"),
        (json!([48, 1, {}, "wamp.session.count"]), "not_authorized"),
        (json!([64, 1, {}, "com.taken"]), "not_authorized"),
        (json!([64, 1, {"force_reregister": true}, "com.taken"]), "not_authorized"),
        (json!([16, 1, {"acknowledge": true}, "com.p.x"]), "not_authorized"),
        (json!([32, 1, {"match": "prefix"}, "com.p.x"]), "not_authorized"),
    ] {
        let answers = world.ask(a, message.clone());
        assert_eq!(answers[0][4], format!("wamp.error.{error}"), "{message}");
    }
    world.subscribe(b, json!({}), "com.p.x");
    assert!(world.ask(a, json!([16, 1, {}, "com.p.x"])).is_empty());
    assert!(world.take(b).is_empty());
    let nobody = world.join_as("a", "unknown", FEATURES);
    assert_eq!(world.ask(nobody, json!([48, 1, {}, "com.p.x"]))[0][4], "wamp.error.not_authorized");
    let router = world.join_as("a", "trusted", FEATURES);
    assert_eq!(world.ask(router, json!([48, 1, {}, "wamp.session.count"]))[0][0], 50);
    // After a reload the new rules decide.
    let mut config = crate::world::config();
    config.roles[0].access = Access::Static(Vec::new());
    world.realm.reload(config);
    assert_eq!(world.ask(b, json!([48, 1, {}, "com.p.x"]))[0][4], "wamp.error.not_authorized");
}

#[test]
fn an_authorizer_is_asked_about_each_action() {
    for (answer, expected) in [
        (json!(true), None),
        (json!({"allow": true}), None),
        (json!({"allow": true, "disclose": true, "cache": false}), None),
        (json!(false), Some("not_authorized")),
        (json!({"allow": false}), Some("not_authorized")),
        (json!(null), Some("authorization_failed")),
        (json!("yes"), Some("authorization_failed")),
        (json!({}), Some("authorization_failed")),
        (json!({"allow": true, "foo": true}), Some("authorization_failed")),
        (json!({"allow": 1}), Some("authorization_failed")),
    ] {
        let (mut world, authorizer, dora, _) = world();
        for (at, (message, action, answered)) in [
            (json!([48, 1, {"timeout": 5}, "wamp.session.count"]), "call", 50),
            (json!([64, 2, {"match": "prefix"}, "com.x"]), "register", 65),
            (json!([16, 3, {"acknowledge": true}, "com.x"]), "publish", 17),
            (json!([32, 4, {"get_retained": true}, "com.x"]), "subscribe", 33),
        ]
        .into_iter()
        .enumerate()
        {
            assert!(world.ask(dora, message.clone()).is_empty());
            let question = json!([message[3], action, message[2]]);
            assert_eq!(asked(&mut world, authorizer), [question]);
            world.send(authorizer, json!([70, at + 1, {}, [answer]]));
            let answers = world.take(dora);
            match expected {
                None => assert_eq!(answers[0][0], answered, "{answer} {message}"),
                Some(error) => assert_eq!(answers[0][4], format!("wamp.error.{error}"), "{answer} {message}"),
            }
        }
    }
}

#[test]
fn requests_behind_one_that_waits_keep_their_order() {
    let (mut world, authorizer, dora, other) = world();
    world.subscribe(other, json!({"match": "prefix"}), "com.");
    world.send(dora, json!([16, 1, {"acknowledge": true}, "com.a", [1]]));
    world.send(dora, json!([48, 2, {}, "com.none"]));
    world.send(dora, json!([34, 3, 4711]));
    world.send(dora, json!([16, 4, {}, "com.b", [2]]));
    assert!(world.take(dora).is_empty());
    assert_eq!(asked(&mut world, authorizer), [json!(["com.a", "publish", {"acknowledge": true}])]);
    world.send(authorizer, json!([70, 1, {}, [{"allow": true, "disclose": true}]]));
    assert_eq!(world.take(dora)[0][0], 17);
    assert_eq!(asked(&mut world, authorizer), [json!(["com.none", "call", {}])]);
    world.send(authorizer, json!([70, 2, {}, [false]]));
    let answers: Vec<_> = world.take(dora).iter().map(|a| a[4].clone()).collect();
    assert_eq!(answers, ["wamp.error.not_authorized", "wamp.error.no_such_subscription"]);
    world.send(authorizer, json!([70, 3, {}, [true]]));
    let events = world.take(other);
    assert_eq!(events.iter().map(|e| &e[4][0]).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((&events[0][3]["publisher"], &events[1][3]["publisher"]), (&json!(dora), &json!(null)));
}

#[test]
fn an_authorizer_that_does_not_answer_is_an_error_in_time() {
    let (mut world, authorizer, dora, _) = world();
    world.send(dora, json!([48, 1, {}, "com.none"]));
    world.pass(4_999);
    assert!(world.take(dora).is_empty());
    world.pass(1);
    assert_eq!(world.take(dora)[0][4], "wamp.error.authorization_failed");
    let failing: Vec<_> = world.realm.failing_authorizers().collect();
    assert_eq!(failing, [("dynamic", "com.authz", "the authorizer failed with wamp.error.timeout")]);
    world.send(dora, json!([48, 2, {}, "com.none"]));
    world.send(authorizer, json!([8, 68, 2, {}, "com.broken", ["secret"]]));
    let failed = world.take(dora);
    assert_eq!(failed[0][4], "wamp.error.authorization_failed");
    assert!(!failed[0].to_string().contains("secret"), "{failed:?}");
    world.send(dora, json!([48, 3, {}, "com.none"]));
    world.leave(authorizer);
    assert_eq!(world.take(dora)[0][4], "wamp.error.authorization_failed");
    assert_eq!(world.ask(dora, json!([48, 4, {}, "com.none"]))[0][4], "wamp.error.authorization_failed");
    let authorizer = world.join();
    world.register(authorizer, json!({}), "com.authz");
    world.send(dora, json!([48, 5, {}, "com.none"]));
    world.send(authorizer, json!([70, 1, {}, [false]]));
    assert_eq!(world.realm.failing_authorizers().count(), 0);
}

#[test]
fn answers_are_kept_if_the_authorizer_says_so() {
    let (mut world, authorizer, dora, _) = world();
    let publish = json!([16, 1, {"acknowledge": true}, "com.t"]);
    world.send(dora, publish.clone());
    world.send(authorizer, json!([70, 1, {}, [{"allow": true, "cache": true}]]));
    world.take(dora);
    assert_eq!(world.ask(dora, publish.clone())[0][0], 17);
    asked(&mut world, authorizer);
    // An answer for a URI is none for a pattern.
    world.send(dora, json!([32, 2, {}, "com.t"]));
    world.send(authorizer, json!([70, 2, {}, [{"allow": true, "cache": true}]]));
    world.take(dora);
    assert!(world.ask(dora, json!([32, 3, {"match": "prefix"}, "com.t"])).is_empty());
    assert_eq!(asked(&mut world, authorizer).len(), 2);
    world.send(authorizer, json!([70, 3, {}, [false]]));
    world.take(dora);
    world.realm.forget_authorizations();
    assert!(world.ask(dora, publish).is_empty());
    assert_eq!(asked(&mut world, authorizer).len(), 1);
}

#[test]
fn what_nobody_would_notice_is_not_asked() {
    let (mut world, authorizer, dora, _) = world();
    assert!(world.ask(dora, json!([16, 1, {}, "com.t", [1]])).is_empty());
    assert!(asked(&mut world, authorizer).is_empty());
}

#[test]
fn requests_that_wait_are_bounded_and_answers_to_the_router_go_before_them() {
    let mut config = dynamic();
    config.bounds.held = 2;
    let mut world = World::new(config);
    let dora = world.join_as("dora", "dynamic", FEATURES);
    let boot = world.join();
    world.register(boot, json!({}), "com.authz");
    world.send(dora, json!([64, 1, {"invoke": "first"}, "com.p"]));
    world.send(boot, json!([70, 1, {}, [true]]));
    world.leave(boot);
    world.take(dora);
    let other = world.join();
    world.register(other, json!({"invoke": "roundrobin"}), "com.authz");
    world.send(dora, json!([48, 2, {}, "com.none"]));
    world.send(dora, json!([48, 3, {}, "com.none"]));
    world.send(dora, json!([32, 4, {}, "com.t"]));
    assert_eq!(world.ask(dora, json!([48, 5, {}, "com.none"]))[0][4], "jackfield.error.limit_reached");
    // The router calls a procedure of the waiting session; its answer does not wait.
    let timeout = std::time::Duration::from_secs(1);
    let payload = jackfield_wamp::Payload::None;
    world.step(|realm, now, out| realm.call(now, 9, "com.p", payload, timeout, out));
    world.take(dora);
    world.send(dora, json!([70, 1, {}, ["now"]]));
    assert_eq!(world.answers, [(9, json!(["ok", [["now"]]]))]);
    assert_eq!(world.ask(dora, json!([49, 2, {}]))[0][0], "violation");
}

#[test]
fn testaments_of_a_session_that_is_gone_are_asked_about() {
    let (mut world, authorizer, dora, other) = world();
    world.subscribe(other, json!({}), "com.last");
    for (request, topic) in [(1, "com.last"), (2, "com.denied"), (3, "com.last")] {
        world.send(dora, json!([48, request, {}, "wamp.session.add_testament", [topic, [request], {}]]));
        world.send(authorizer, json!([70, request, {}, [true]]));
    }
    asked(&mut world, authorizer);
    world.leave(dora);
    for (at, allow) in [(4, true), (5, false), (6, true)] {
        assert_eq!(asked(&mut world, authorizer).len(), 1);
        world.send(authorizer, json!([70, at, {}, [allow]]));
    }
    let events = world.take(other);
    assert_eq!(events.iter().map(|event| &event[4][0]).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(world.realm.status().calls, 0);
}

#[test]
fn requests_that_wait_are_bounded_in_bytes() {
    let mut config = dynamic();
    config.bounds.held_bytes = 2_000;
    let mut world = World::new(config);
    let authorizer = world.join();
    world.register(authorizer, json!({}), "com.authz");
    let dora = world.join_as("dora", "dynamic", FEATURES);
    world.send(dora, json!([48, 1, {}, "com.none"]));
    let publish = |request: u64| json!([16, request, {"acknowledge": true}, "com.t", ["x".repeat(1_500)]]);
    assert!(world.ask(dora, publish(2)).is_empty());
    assert_eq!(world.ask(dora, publish(3))[0][4], "jackfield.error.limit_reached");
    world.send(authorizer, json!([70, 1, {}, [true]]));
    world.send(authorizer, json!([70, 2, {}, [true]]));
    assert_eq!(world.take(dora).len(), 2);
    world.send(dora, json!([48, 4, {}, "com.none"]));
    assert!(world.ask(dora, publish(5)).is_empty(), "there is room again");
}

#[test]
fn an_authorizer_that_is_silent_is_asked_about_one_testament_only() {
    let (mut world, authorizer, dora, other) = world();
    world.subscribe(other, json!({}), "com.last");
    for request in 1..=3 {
        world.send(dora, json!([48, request, {}, "wamp.session.add_testament", ["com.last", [], {}]]));
        world.send(authorizer, json!([70, request, {}, [true]]));
    }
    world.leave(dora);
    world.pass(5_000);
    assert_eq!(world.realm.status().calls, 0);
    assert!(world.take(other).is_empty());
}
