//! The dealer of a realm.

use crate::world::{DEAF, FEATURES, World, config, everything};
use jackfield_wamp::Payload;
use jackfield_wamp::realm::{Access, ClientFeatures, Kept, Role, Store, TimeoutUnit};
use jackfield_wamp::uri::Match;
use serde_json::{Value as Json, json};
use std::time::Duration;

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

#[test]
fn a_cancelled_call_is_answered_once_in_each_mode() {
    let canceled = |args: Json| {
        let mut error = json!([8, 48, 1, {}, "wamp.error.canceled"]);
        if let (Some(error), Some(args)) = (error.as_array_mut(), args.as_array().filter(|a| !a.is_empty())) {
            error.push(json!(args));
        }
        error
    };
    let stopped = json!([8, 68, 1, {}, "com.stopped", ["why"]]);
    let done = json!([70, 1, {}, ["done"]]);
    for (features, options, interrupt, at_once, answer, then) in [
        (FEATURES, json!({"mode": "skip"}), None, true, &done, None),
        (FEATURES, json!({"mode": "killnowait"}), Some(json!({"mode": "killnowait"})), true, &stopped, None),
        (FEATURES, json!({}), Some(json!({})), true, &done, None),
        (
            FEATURES,
            json!({"mode": "kill"}),
            Some(json!({"mode": "kill"})),
            false,
            &stopped,
            Some(json!([8, 48, 1, {}, "com.stopped", ["why"]])),
        ),
        (
            FEATURES,
            json!({"mode": "kill"}),
            Some(json!({"mode": "kill"})),
            false,
            &done,
            Some(json!([50, 1, {}, ["done"]])),
        ),
        (DEAF, json!({"mode": "kill"}), None, true, &done, None),
        (DEAF, json!({"mode": "killnowait"}), None, true, &done, None),
        (DEAF, json!({"mode": "skip"}), None, true, &done, None),
    ] {
        let mut world = World::new(config());
        let a = world.join();
        let b = world.join_as("callee", "anonymous", features);
        world.register(b, json!({}), "com.p");
        world.send(a, json!([48, 1, {}, "com.p"]));
        world.take(b);
        let answers = world.ask(a, json!([49, 1, options]));
        assert_eq!(answers, if at_once { vec![canceled(json!([]))] } else { vec![] }, "{options}");
        let interrupts = interrupt.map(|options| json!([69, 1, options]));
        assert_eq!(world.take(b), Vec::from_iter(interrupts), "{options}");
        // A second one changes nothing.
        assert!(world.ask(a, json!([49, 1, {"mode": "killnowait"}])).is_empty());
        world.send(b, answer.clone());
        assert_eq!(world.take(a), Vec::from_iter(then), "{options}");
        world.send(b, answer.clone());
        world.leave(b);
        assert!(world.take(a).is_empty());
        assert_eq!(world.realm.status().calls, 0);
    }
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    world.register(b, json!({}), "com.p");
    world.send(a, json!([48, 1, {}, "com.p"]));
    world.send(a, json!([49, 1, {"mode": "kill"}]));
    world.leave(b);
    assert_eq!(world.take(a), [canceled(json!(["callee disconnected from in-flight request"]))]);
    let wrong = {
        let b = world.join();
        world.register(b, json!({}), "com.p");
        world.send(a, json!([48, 2, {}, "com.p"]));
        world.ask(a, json!([49, 2, {"mode": "never"}]))
    };
    assert_eq!((wrong.len(), &wrong[0][4]), (1, &json!("wamp.error.invalid_argument")));
}

#[test]
fn a_killed_call_ends_even_if_its_callee_never_answers() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    world.register(b, json!({}), "com.p");
    world.send(a, json!([48, 1, {}, "com.p"]));
    world.send(a, json!([49, 1, {"mode": "kill"}]));
    world.pass(59_999);
    assert!(world.take(a).is_empty());
    world.pass(1);
    assert_eq!(world.take(a)[0][4], "wamp.error.canceled");
}

#[test]
fn calls_wait_for_a_callee_at_its_limit_where_there_is_a_store() {
    let mut config = config();
    let kept = Kept { uri: "com.p".to_owned(), policy: Match::Exact, limit: Some(2) };
    config.store = Some(Store { limit: 50, event_history: vec![], call_queues: vec![kept] });
    let mut world = World::new(config);
    let (a, b, c) = (world.join(), world.join(), world.join());
    let id = world.register(b, json!({"concurrency": 1}), "com.p");
    for request in 1..=3 {
        world.send(a, json!([48, request, {}, "com.p", [request]]));
    }
    assert_eq!(world.ask(a, json!([48, 4, {}, "com.p"]))[0][4], "crossbar.error.max_concurrency_reached");
    assert_eq!(world.take(b), [json!([68, 1, id, {}, [1]])]);
    // A cancelled call leaves the queue, and an error lets the next one out.
    assert_eq!(
        world.ask(a, json!([49, 2, {"mode": "skip"}])),
        [json!([8, 48, 2, {}, "wamp.error.canceled"])]
    );
    assert_eq!(world.ask(b, json!([8, 68, 1, {}, "com.bad"])), [json!([68, 2, id, {}, [3]])]);
    assert_eq!(world.take(a), [json!([8, 48, 1, {}, "com.bad"])]);
    // A caller that leaves keeps the place of its call taken until the callee has done; then the next one has it.
    world.send(c, json!([48, 1, {}, "com.p", ["c"]]));
    world.leave(a);
    assert_eq!(world.take(b), [json!([69, 2, {"mode": "killnowait"}])]);
    assert_eq!(world.ask(b, json!([70, 2, {}])), [json!([68, 3, id, {}, ["c"]])]);
    world.send(c, json!([48, 2, {}, "com.p"]));
    world.send(c, json!([48, 3, {"timeout": 10}, "com.p"]));
    world.pass(10);
    assert_eq!(world.take(c), [json!([8, 48, 3, {}, "wamp.error.timeout", ["timeout reached"]])]);
    // When the last callee leaves, those that wait are answered, too.
    world.leave(b);
    let answers = world.take(c);
    assert_eq!(answers.iter().map(|a| &a[4]).collect::<Vec<_>>(), ["wamp.error.canceled"; 2]);
    assert_eq!(world.realm.status().calls, 0);
}

#[test]
fn without_a_store_calls_beyond_the_limit_are_refused() {
    let mut world = World::new(config());
    let (a, b, c) = (world.join(), world.join(), world.join());
    world.register(b, json!({"concurrency": 1, "invoke": "roundrobin"}), "com.p");
    world.register(c, json!({"concurrency": 1, "invoke": "roundrobin"}), "com.p");
    world.send(a, json!([48, 1, {}, "com.p"]));
    world.send(a, json!([48, 2, {}, "com.p"]));
    assert_eq!(world.ask(a, json!([48, 3, {}, "com.p"]))[0][4], "crossbar.error.max_concurrency_reached");
    world.send(b, json!([70, 1, {}]));
    world.take(a);
    assert!(world.ask(a, json!([48, 4, {}, "com.p"])).is_empty());
    assert_eq!(world.take(b).len(), 2);
}

#[test]
fn only_the_callee_answers_and_a_request_is_not_used_twice_at_a_time() {
    let mut world = World::new(config());
    let (a, b, c) = (world.join(), world.join(), world.join());
    world.register(b, json!({}), "com.p");
    world.send(a, json!([48, 1, {}, "com.p"]));
    assert!(world.ask(c, json!([70, 4711, {}])).is_empty(), "nobody was invoked so");
    for answer in [json!([70, 1, {}, ["stolen"]]), json!([8, 68, 1, {}, "com.stolen"])] {
        let c = world.join();
        assert_eq!(world.ask(c, answer)[0][0], "violation");
    }
    assert_eq!(world.realm.status().sessions, 3);
    world.send(b, json!([70, 1, {}, ["mine"]]));
    assert_eq!(world.take(a), [json!([50, 1, {}, ["mine"]])]);
    world.send(a, json!([48, 2, {}, "com.p"]));
    assert_eq!(world.ask(a, json!([48, 2, {}, "com.p"]))[0][0], "violation");
    let d = world.join();
    assert_eq!(world.ask(d, json!([50, 1, {}]))[0][0], "violation", "a client does not send RESULT");
}

#[test]
fn a_callee_may_watch_the_time_itself() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    world.register(b, json!({"forward_timeout": true}), "com.p");
    let c = world.join_as("c", "anonymous", ClientFeatures { callee_timeout: false, ..FEATURES });
    world.register(c, json!({"forward_timeout": true}), "com.q");
    world.send(a, json!([48, 1, {"timeout": 10}, "com.p"]));
    world.send(a, json!([48, 2, {"timeout": 10}, "com.q"]));
    assert_eq!(world.take(b)[0][3], json!({"timeout": 10}));
    world.pass(1000);
    assert_eq!(world.take(a).iter().map(|a| a[2].clone()).collect::<Vec<_>>(), [2]);
}

#[test]
fn timeouts_may_be_in_seconds() {
    let mut config = config();
    config.call_timeout_unit = TimeoutUnit::Seconds;
    let mut world = World::new(config);
    let (a, b) = (world.join(), world.join());
    world.register(b, json!({}), "com.p");
    world.send(a, json!([48, 1, {"timeout": 2}, "com.p"]));
    world.pass(1999);
    assert!(world.take(a).is_empty());
    world.pass(1);
    assert_eq!(world.take(a)[0][4], "wamp.error.timeout");
}

#[test]
fn callers_are_disclosed_where_their_role_says_so() {
    let mut config = config();
    config.roles.push(Role { name: "open".to_owned(), access: Access::Static(vec![everything(true)]) });
    let mut world = World::new(config);
    let b = world.join();
    let (open, closed) = (world.join_as("ann", "open", FEATURES), world.join());
    let id = world.register(b, json!({}), "com.p");
    let topic = world.subscribe(b, json!({}), "com.t");
    for session in [open, closed] {
        world.send(session, json!([48, 1, {"disclose_me": true}, "com.p"]));
        world.send(session, json!([16, 2, {"disclose_me": true}, "com.t"]));
    }
    let got = world.take(b);
    let caller = json!({"caller": open, "caller_authid": "ann", "caller_authrole": "open"});
    let publisher = json!({"publisher": open, "publisher_authid": "ann", "publisher_authrole": "open"});
    assert_eq!(got[0], json!([68, 1, id, caller]));
    assert_eq!((&got[1][1], &got[1][3]), (&json!(topic), &publisher));
    assert_eq!(got[2], json!([68, 2, id, {}]));
    assert_eq!(got[3][3], json!({}));
}

#[test]
fn calls_that_are_not_answered_are_bounded() {
    let mut config = config();
    config.bounds.calls = 2;
    let mut world = World::new(config);
    let (a, b) = (world.join(), world.join());
    world.register(b, json!({}), "com.p");
    world.send(a, json!([48, 1, {}, "com.p"]));
    world.send(a, json!([48, 2, {}, "com.p"]));
    assert_eq!(world.ask(a, json!([48, 3, {}, "com.p"]))[0][4], "jackfield.error.limit_reached");
    world.send(b, json!([70, 1, {}]));
    world.take(a);
    assert!(world.ask(a, json!([48, 4, {}, "com.p"])).is_empty());
}

#[test]
fn calls_of_the_router_itself_are_answered_once() {
    let mut world = World::new(config());
    let b = world.join();
    world.register(b, json!({}), "com.p");
    let call = |world: &mut World, token: u64, procedure: &str| {
        let timeout = Duration::from_millis(10);
        let payload = if token == 3 { Payload::one(1_u64) } else { Payload::None };
        world.step(|realm, now, out| realm.call(now, token, procedure, payload, timeout, out));
        std::mem::take(&mut world.answers)
    };
    let none = call(&mut world, 1, "com.none");
    assert_eq!((none[0].0, &none[0].1[1]), (1, &json!("wamp.error.no_such_procedure")));
    assert_eq!(call(&mut world, 2, "wamp.session.count"), [(2, json!(["ok", [[1]]]))]);
    assert!(call(&mut world, 3, "com.p").is_empty());
    let invocation = &world.take(b)[0];
    assert_eq!((&invocation[3]["caller_authrole"], &invocation[4]), (&json!("trusted"), &json!([1])));
    world.send(b, json!([70, 1, {}, ["answer"]]));
    assert_eq!(std::mem::take(&mut world.answers), [(3, json!(["ok", [["answer"]]]))]);
    call(&mut world, 4, "com.p");
    world.pass(10);
    assert_eq!(world.answers[0].1[1], "wamp.error.timeout");
    world.answers.clear();
    world.send(b, json!([70, 2, {}]));
    assert!(world.answers.is_empty());
}

#[test]
fn arguments_of_calls_that_wait_are_bounded_in_bytes() {
    let mut config = config();
    config.bounds.queued_bytes = 3_000;
    config.store = Some(Store { limit: 50, event_history: vec![], call_queues: vec![] });
    let mut world = World::new(config);
    let (a, b) = (world.join(), world.join());
    world.register(b, json!({"concurrency": 1}), "com.p");
    let big = "x".repeat(1_000);
    for request in 1..=3 {
        world.send(a, json!([48, request, {}, "com.p", [big]]));
    }
    assert_eq!(
        world.ask(a, json!([48, 4, {}, "com.p", [big]]))[0][4],
        "crossbar.error.max_concurrency_reached"
    );
    world.send(b, json!([70, 1, {}]));
    world.take(a);
    assert!(world.ask(a, json!([48, 5, {"progress": true}, "com.p", [big]])).is_empty());
    let refused = world.ask(a, json!([48, 5, {"progress": true}, "com.p", [big]]));
    assert_eq!(refused[0][4], "jackfield.error.limit_reached");
    assert!(world.ask(a, json!([48, 5, {}, "com.p", [big]])).is_empty(), "it has ended");
}
