//! The meta API of a realm.

use crate::world::{FEATURES, World, config};
use jackfield_wamp::Id;
use jackfield_wamp::realm::{ClientFeatures, Kept, Store};
use jackfield_wamp::uri::Match;
use serde_json::{Value as Json, json};

/// Calls a procedure: its result, or the error.
fn call(world: &mut World, session: Id, procedure: &str, args: Json, kwargs: Json) -> Json {
    let answers = world.ask(session, json!([48, 77, {}, procedure, args, kwargs]));
    let Some(answer) = answers.into_iter().find(|a| a[0] == 50 || a[0] == 8) else {
        panic!("{procedure} is not answered");
    };
    if answer[0] == 50 { answer[3][0].clone() } else { answer[4].clone() }
}

#[test]
fn sessions_are_counted_listed_and_described() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join_as("ann", "anonymous", FEATURES));
    let none = json!({});
    for (procedure, args, expected) in [
        ("wamp.session.count", json!([]), json!(2)),
        ("wamp.session.count", json!([["anonymous"]]), json!(2)),
        ("wamp.session.count", json!([["admin"]]), json!(0)),
        ("wamp.session.count", json!([null]), json!(2)),
        ("wamp.session.count", json!(["anonymous"]), json!("wamp.error.invalid_argument")),
        ("wamp.session.list", json!([]), json!([a, b])),
        ("wamp.session.list", json!([[]]), json!([])),
        ("wamp.session.get", json!([4711]), json!("wamp.error.no_such_session")),
        ("wamp.session.get", json!(["x"]), json!("wamp.error.invalid_argument")),
        ("wamp.session.get", json!([]), json!("wamp.error.invalid_argument")),
        ("wamp.session.get", json!([1, 2]), json!("wamp.error.invalid_argument")),
    ] {
        assert_eq!(
            call(&mut world, a, procedure, args.clone(), none.clone()),
            expected,
            "{procedure} {args}"
        );
    }
    let details = call(&mut world, a, "wamp.session.get", json!([]), json!({"session_id": b}));
    let expected = json!({
        "realm": "realm1", "session": b, "authid": "ann", "authrole": "anonymous", "authmethod": "anonymous",
        "authprovider": "static", "authextra": {}, "transport": {},
    });
    assert_eq!(details, expected);
}

#[test]
fn sessions_that_come_and_go_are_told() {
    let mut world = World::new(config());
    let a = world.join();
    let joins = world.subscribe(a, json!({}), "wamp.session.on_join");
    let leaves = world.subscribe(a, json!({}), "wamp.session.on_leave");
    let b = world.join_as("ann", "anonymous", FEATURES);
    world.leave(b);
    let events = world.take(a);
    assert_eq!((&events[0][1], &events[0][4][0]["session"]), (&json!(joins), &json!(b)));
    assert_eq!(events[0][3]["publisher_authrole"], "trusted");
    assert_eq!((&events[1][1], &events[1][4]), (&json!(leaves), &json!([b, "ann", "anonymous"])));
}

#[test]
fn subscriptions_are_described_and_their_life_is_told() {
    let mut world = World::new(config());
    let (a, m) = (world.join(), world.join());
    world.subscribe(m, json!({"match": "prefix"}), "wamp.subscription.");
    assert!(world.take(m).is_empty(), "subscriptions to topics of the router are not told");
    let exact = world.subscribe(a, json!({}), "com.x.y");
    let prefix = world.subscribe(a, json!({"match": "prefix"}), "com.");
    let told = |world: &mut World| {
        let events = world.take(m).into_iter();
        let short =
            |event: Json| (event[3]["topic"].as_str().unwrap_or_default()[18..].to_owned(), event[4].clone());
        events.map(short).collect::<Vec<_>>()
    };
    let details = |id: Id, uri: &str, policy: &str| {
        let created = "2027-01-15T08:00:00.000Z";
        json!({"id": id, "created": created, "uri": uri, "match": policy})
    };
    assert_eq!(
        told(&mut world),
        [
            ("on_create".to_owned(), json!([a, details(exact, "com.x.y", "exact")])),
            ("on_subscribe".to_owned(), json!([a, exact])),
            ("on_create".to_owned(), json!([a, details(prefix, "com.", "prefix")])),
            ("on_subscribe".to_owned(), json!([a, prefix])),
        ]
    );
    let none = json!({});
    for (procedure, args, expected) in [
        ("lookup", json!(["com.x.y"]), json!(exact)),
        ("lookup", json!(["com.", {"match": "prefix"}]), json!(prefix)),
        ("lookup", json!(["com.none"]), json!(null)),
        ("lookup", json!(["com.x", {"match": "bogus"}]), json!("wamp.error.invalid_argument")),
        ("match", json!(["com.x.y"]), json!([exact, prefix])),
        ("match", json!(["org.none"]), json!(null)),
        ("get", json!([prefix]), details(prefix, "com.", "prefix")),
        ("get", json!([4711]), json!("wamp.error.no_such_subscription")),
        ("list_subscribers", json!([exact]), json!([a])),
        ("count_subscribers", json!([exact]), json!(1)),
        ("count_subscribers", json!([4711]), json!("wamp.error.no_such_subscription")),
    ] {
        let procedure = format!("wamp.subscription.{procedure}");
        assert_eq!(
            call(&mut world, a, &procedure, args.clone(), none.clone()),
            expected,
            "{procedure} {args}"
        );
    }
    let listed = call(&mut world, a, "wamp.subscription.list", json!([]), json!({}));
    assert_eq!((&listed["exact"], &listed["wildcard"]), (&json!([exact]), &json!([])));
    world.leave(a);
    assert_eq!(
        told(&mut world),
        [
            ("on_unsubscribe".to_owned(), json!([a, exact])),
            ("on_delete".to_owned(), json!([a, exact])),
            ("on_unsubscribe".to_owned(), json!([a, prefix])),
            ("on_delete".to_owned(), json!([a, prefix])),
        ]
    );
}

#[test]
fn registrations_are_described_and_their_life_is_told() {
    let mut world = World::new(config());
    let (a, b, m) = (world.join(), world.join(), world.join());
    world.subscribe(m, json!({"match": "prefix"}), "wamp.registration.");
    let id = world.register(a, json!({"invoke": "roundrobin"}), "com.x");
    world.register(b, json!({"invoke": "roundrobin"}), "com.x");
    let prefix = world.register(a, json!({"match": "prefix"}), "com.");
    let none = json!({});
    for (procedure, args, expected) in [
        ("lookup", json!(["com.x"]), json!(id)),
        ("lookup", json!(["wamp.session.count"]), json!(null)),
        ("match", json!(["com.y"]), json!(prefix)),
        ("match", json!(["wamp.session.count"]), json!(null)),
        ("list_callees", json!([id]), json!([a, b])),
        ("count_callees", json!([id]), json!(2)),
        ("count_callees", json!([4711]), json!("wamp.error.no_such_registration")),
    ] {
        let procedure = format!("wamp.registration.{procedure}");
        assert_eq!(
            call(&mut world, a, &procedure, args.clone(), none.clone()),
            expected,
            "{procedure} {args}"
        );
    }
    let details = call(&mut world, a, "wamp.registration.get", json!([id]), json!({}));
    assert_eq!((&details["uri"], &details["invoke"]), (&json!("com.x"), &json!("roundrobin")));
    let listed = call(&mut world, a, "wamp.registration.list", json!([]), json!({}));
    assert_eq!(listed, json!({"exact": [id], "prefix": [prefix], "wildcard": []}));
    world.leave(a);
    world.leave(b);
    let topics: Vec<_> = world.take(m).iter().map(|event| event[3]["topic"].clone()).collect();
    let topics: Vec<_> = topics.iter().map(|t| &t.as_str().unwrap_or_default()[18..]).collect();
    assert_eq!(
        topics,
        [
            "on_create",
            "on_register",
            "on_register",
            "on_create",
            "on_register",
            "on_unregister",
            "on_unregister",
            "on_delete",
            "on_unregister",
            "on_delete",
        ]
    );
}

#[test]
fn subscribers_and_callees_are_removed_by_others() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let plain = world.join_as("plain", "anonymous", ClientFeatures::default());
    let topic = world.subscribe(a, json!({}), "com.t");
    world.subscribe(plain, json!({}), "com.t");
    let procedure = world.register(a, json!({}), "com.p");
    let error = |name: &str| json!(format!("wamp.error.{name}"));
    for (name, args, kwargs, expected) in [
        ("subscription.remove_subscriber", json!([4711, a]), json!({}), error("no_such_subscription")),
        ("subscription.remove_subscriber", json!([topic, 4711]), json!({}), error("no_such_session")),
        ("subscription.remove_subscriber", json!([topic, b]), json!({}), error("no_such_subscription")),
        ("subscription.remove_subscriber", json!([topic, a]), json!({"reason": "com.gone"}), json!(null)),
        ("subscription.remove_subscriber", json!([topic, plain]), json!({}), json!(null)),
        ("registration.remove_callee", json!([procedure, b]), json!({}), error("no_such_registration")),
        ("registration.remove_callee", json!([procedure, a]), json!({}), json!(null)),
        ("registration.remove_callee", json!([procedure, a]), json!({}), error("no_such_registration")),
    ] {
        assert_eq!(call(&mut world, b, &format!("wamp.{name}"), args, kwargs), expected, "{name}");
    }
    assert_eq!(
        world.take(a),
        [
            json!([35, 0, {"subscription": topic, "reason": "com.gone"}]),
            json!([67, 0, {"registration": procedure}]),
        ]
    );
    assert!(world.take(plain).is_empty(), "it has not announced to take this");
    let status = world.realm.status();
    assert_eq!((status.subscriptions, status.registrations), (0, 0));
}

#[test]
fn sessions_are_killed_by_others() {
    let mut world = World::new(config());
    let a = world.join_as("ann", "anonymous", FEATURES);
    let joe = |world: &mut World| world.join_as("joe", "anonymous", FEATURES);
    let (b, c, d) = (joe(&mut world), joe(&mut world), joe(&mut world));
    let error = |name: &str| json!(format!("wamp.error.{name}"));
    assert_eq!(call(&mut world, a, "wamp.session.kill", json!([a]), json!({})), error("no_such_session"));
    assert_eq!(call(&mut world, a, "wamp.session.kill", json!([4711]), json!({})), error("no_such_session"));
    let bad = json!({"reason": "no uri"});
    assert_eq!(call(&mut world, a, "wamp.session.kill", json!([b]), bad), error("invalid_uri"));
    assert_eq!(call(&mut world, a, "wamp.session.kill", json!([b]), json!({})), json!(null));
    assert_eq!(world.take(b), [json!([6, {}, "wamp.close.killed"])]);
    let why = json!({"reason": "com.out", "message": "closing"});
    assert_eq!(call(&mut world, a, "wamp.session.kill_by_authid", json!(["joe"]), why), json!([c, d]));
    assert_eq!(world.take(c), [json!([6, {"message": "closing"}, "com.out"])]);
    let e = joe(&mut world);
    assert_eq!(
        call(&mut world, a, "wamp.session.kill_by_authrole", json!(["anonymous"]), json!({})),
        json!([e])
    );
    let f = joe(&mut world);
    assert_eq!(call(&mut world, a, "wamp.session.kill_all", json!([]), json!({})), json!(1));
    assert_eq!(world.take(f).len(), 1);
    assert_eq!(call(&mut world, a, "wamp.session.count", json!([]), json!({})), json!(1));
    assert_eq!(world.realm.counters().kills, 5);
}

#[test]
fn testaments_are_published_when_a_session_ends_in_any_way() {
    let mut world = World::new(config());
    let b = world.join();
    world.subscribe(b, json!({}), "com.last");
    world.subscribe(b, json!({}), "wamp.session.on_join");
    for way in ["leave", "kill"] {
        let a = world.join();
        world.take(b);
        let mut add =
            |args: Json, kwargs: Json| call(&mut world, a, "wamp.session.add_testament", args, kwargs);
        assert!(add(json!(["com.last", [1], {}]), json!({})).is_u64());
        assert!(add(json!(["com.last", [2], {"k": 1}]), json!({"scope": "detached"})).is_u64());
        assert!(add(json!(["com.last", [3], {}]), json!({"publish_options": {"exclude": [b]}})).is_u64());
        assert!(add(json!(["wamp.session.on_join", [], {}]), json!({})).is_u64());
        for (args, kwargs, error) in [
            (json!([]), json!({}), "invalid_argument"),
            (json!(["com.x"]), json!({}), "invalid_argument"),
            (json!(["com.x", "no list", {}]), json!({}), "invalid_argument"),
            (json!(["no uri", [], {}]), json!({}), "invalid_uri"),
            (json!(["com.x", [], {}]), json!({"scope": "never"}), "testament_error"),
        ] {
            assert_eq!(add(args, kwargs), format!("wamp.error.{error}"));
        }
        if way == "leave" {
            world.leave(a);
        } else {
            world.step(|realm, now, out| assert!(realm.kill(now, a, None, None, out)));
        }
        let events: Vec<_> = world.take(b).iter().map(|event| event[4].clone()).collect();
        assert_eq!(events, [json!([2]), json!([1])], "{way}");
    }
    let a = world.join();
    call(&mut world, a, "wamp.session.add_testament", json!(["com.last", [1], {}]), json!({}));
    assert_eq!(
        call(&mut world, a, "wamp.session.flush_testaments", json!(["detached"]), json!({})),
        json!(0)
    );
    assert_eq!(call(&mut world, a, "wamp.session.flush_testaments", json!([]), json!({})), json!(1));
    world.take(b);
    world.leave(a);
    assert!(world.take(b).is_empty());
}

#[test]
fn without_the_meta_api_there_is_nothing_of_it() {
    let mut config = config();
    config.meta_api = false;
    let mut world = World::new(config);
    let a = world.join();
    world.subscribe(a, json!({"match": "prefix"}), "");
    world.register(a, json!({"match": "prefix"}), "");
    world.join();
    assert!(world.take(a).is_empty());
    let error = json!("wamp.error.no_such_procedure");
    assert_eq!(call(&mut world, a, "wamp.session.count", json!([]), json!({})), error);
}

#[test]
fn event_history_is_kept_with_receivers_or_without_and_within_its_limits() {
    let mut config = config();
    let kept = |uri: &str, policy, limit| Kept { uri: uri.to_owned(), policy, limit };
    config.store = Some(Store {
        limit: 2,
        event_history: vec![kept("com.h", Match::Exact, Some(3)), kept("com.p.", Match::Prefix, None)],
        call_queues: vec![],
    });
    let mut world = World::new(config.clone());
    let (a, b) = (world.join(), world.join());
    let c = world.join_as("ann", "anonymous", FEATURES);
    let id = call(&mut world, b, "wamp.subscription.lookup", json!(["com.h"]), json!({}));
    let events = |world: &mut World, session: Id, args: Json, kwargs: Json| {
        let events = call(world, session, "wamp.subscription.get_events", args, kwargs);
        let list = events.as_array().unwrap_or_else(|| panic!("{events}"));
        list.iter().map(|event| event["args"][0].as_u64().unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(events(&mut world, b, json!([id]), json!({})), [0; 0]);
    let mut publications = Vec::new();
    for number in 1..=4_u64 {
        world.pass(1000);
        let options = if number == 3 { json!({"exclude_authid": ["ann"]}) } else { json!({}) };
        let mut options = options;
        options["acknowledge"] = json!(true);
        publications.push(world.id_of(a, json!([16, 1, options, "com.h", [number]])));
    }
    assert_eq!(world.subscribe(b, json!({}), "com.h"), id, "the id is the same with subscribers");
    for (session, args, kwargs, expected) in [
        (b, json!([id]), json!({}), vec![4, 3, 2]),
        (b, json!([id, 2]), json!({}), vec![4, 3]),
        (c, json!([id]), json!({}), vec![4, 2]),
        (b, json!([id]), json!({"limit": 2}), vec![4, 3]),
        (b, json!([id]), json!({"limit": 2, "reverse": false}), vec![2, 3]),
        (b, json!([id]), json!({"limit": 2, "reverse": true}), vec![4, 3]),
        (b, json!([id]), json!({"from_publication": publications[2]}), vec![3, 4]),
        (b, json!([id]), json!({"after_publication": publications[2]}), vec![4]),
        (b, json!([id]), json!({"before_publication": publications[2]}), vec![2]),
        (b, json!([id]), json!({"until_publication": publications[2]}), vec![2, 3]),
        (b, json!([id]), json!({"from_publication": publications[0]}), vec![2, 3, 4]),
        (b, json!([id]), json!({"from_time": "2027-01-15T08:00:03.000Z"}), vec![3, 4]),
        (b, json!([id]), json!({"after_time": "2027-01-15T08:00:03.000Z"}), vec![4]),
        (b, json!([id]), json!({"before_time": "2027-01-15T08:00:03.000Z"}), vec![2]),
        (b, json!([id]), json!({"until_time": "2027-01-15T08:00:03.000Z", "topic": "com.h"}), vec![2, 3]),
        (b, json!([id]), json!({"topic": "com.other"}), vec![]),
    ] {
        assert_eq!(events(&mut world, session, args.clone(), kwargs.clone()), expected, "{args} {kwargs}");
    }
    let list = call(&mut world, b, "wamp.subscription.get_events", json!([id, 1]), json!({}));
    let expected = json!([{
        "time_ns": 1_800_000_004_000_000_000_u64, "realm": "realm1", "session_id": a, "authid": "joe",
        "authrole": "anonymous", "publication": publications[3], "topic": "com.h", "args": [4], "kwargs": null,
    }]);
    assert_eq!(list, expected);
    let list = call(
        &mut world,
        b,
        "wamp.subscription.get_events",
        json!([id]),
        json!({"limit": 1, "topic": "com.h"}),
    );
    assert_eq!(list[0]["timestamp"], "2027-01-15T08:00:02.000Z");
    for number in 1..=3 {
        world.send(a, json!([16, 1, {}, format!("com.p.{number}"), [number]]));
    }
    let prefix = world.subscribe(b, json!({"match": "prefix"}), "com.p.");
    assert_eq!(events(&mut world, b, json!([prefix]), json!({})), [3, 2]);
    let other = world.subscribe(b, json!({}), "com.other");
    let error = json!("wamp.error.history_unavailable");
    assert_eq!(call(&mut world, b, "wamp.subscription.get_events", json!([other]), json!({})), error);
    let error = json!("wamp.error.no_such_subscription");
    assert_eq!(call(&mut world, b, "wamp.subscription.get_events", json!([4711]), json!({})), error);
    // A topic that is in both configurations keeps its events, and a live subscription its id.
    if let Some(store) = &mut config.store {
        store.event_history =
            vec![kept("com.h", Match::Exact, Some(2)), kept("com.other", Match::Exact, None)];
    }
    world.realm.reload(config);
    assert_eq!(events(&mut world, b, json!([id]), json!({})), [4, 3]);
    world.send(a, json!([16, 1, {}, "com.other", [9]]));
    assert_eq!(events(&mut world, b, json!([other]), json!({})), [9]);
}
