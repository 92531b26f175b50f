//! What one router has is to be had at the other.

use crate::world::{ALL, World, first};
use jackfield_wamp::rlink::Terms;
use jackfield_wamp::{Dict, Message, Payload, kind};

#[test]
fn an_event_comes_once_by_each_subscription_whatever_its_pattern() {
    let mut world = World::new(2, 1);
    let (near, far) = (world.join(0), world.join(1));
    let exact = world.subscribe(far, "com.a.b", "exact");
    world.link(0, 1, ALL);
    // Some were there before the link, some come later.
    let prefix = world.subscribe(far, "com.", "prefix");
    let wildcard = world.subscribe(far, "com..b", "wildcard");
    world.publish(near, "com.a.b", 1);
    world.publish(near, "com.a.c", 2);
    world.publish(near, "org.a.b", 3);
    let mut expected = vec![(exact, 1), (prefix, 1), (prefix, 2), (wildcard, 1)];
    expected.sort_unstable();
    assert_eq!(world.events(far), expected);
    // And back.
    let here = world.subscribe(near, "com.x", "exact");
    world.publish(far, "com.x", 4);
    assert_eq!(world.events(near), [(here, 4)]);
}

#[test]
fn what_is_not_to_be_forwarded_is_not() {
    let mut world = World::new(2, 2);
    let (near, far) = (world.join(0), world.join(1));
    world.link(0, 1, Terms { remote_events: true, remote_invocations: true, ..Terms::default() });
    world.subscribe(near, "com.a", "exact");
    world.publish(far, "com.a", 1);
    assert_eq!(world.events(near), []);
    world.register(near, "com.p", Dict::new());
    let request = world.call(far, "com.p", Dict::new());
    let answer = world.take(far);
    assert!(matches!(&answer[..], [Message::Error { request: r, error, .. }]
        if *r == request && error == "wamp.error.no_such_procedure"));
}

#[test]
fn a_subscription_that_is_there_for_links_alone_keeps_nobody_subscribed() {
    let mut world = World::new(2, 3);
    let far = world.join(1);
    let link = world.link(0, 1, ALL);
    let subscription = world.subscribe(far, "com.a", "exact");
    assert_eq!(world.bridge(link).mirrored(), (1, 0));
    let request = world.request();
    world.send(far, Message::Unsubscribe { request, subscription });
    assert_eq!(world.bridge(link).mirrored(), (0, 0));
}

#[test]
fn a_call_goes_over_the_link_with_progress_and_further_arguments() {
    let mut world = World::new(2, 4);
    let (near, far) = (world.join(0), world.join(1));
    world.link(0, 1, ALL);
    let registration = world.register(far, "com.math.", Dict::new().with("match", "prefix")).unwrap();
    let options = Dict::new().with("receive_progress", true).with("progress", true);
    let call = world.call(near, "com.math.add", options);
    let invocation = match &world.take(far)[..] {
        [Message::Invocation { request, registration: r, details, payload }] if *r == registration => {
            assert_eq!(details.get("procedure").unwrap().as_str(), Some("com.math.add"));
            assert_eq!(details.get("receive_progress").unwrap().as_bool(), Some(true));
            assert_eq!(first(payload), 7);
            *request
        }
        other => panic!("{other:?}"),
    };
    let procedure = "com.math.add".to_owned();
    let message =
        Message::Call { request: call, options: Dict::new(), procedure, payload: Payload::one(8_u64) };
    world.send(near, message);
    let more = world.take(far);
    assert!(matches!(&more[..], [Message::Invocation { request, payload, .. }]
        if *request == invocation && first(payload) == 8));
    let progress = Dict::new().with("progress", true);
    world.send(far, Message::Yield { request: invocation, options: progress, payload: Payload::one(1_u64) });
    world.send(
        far,
        Message::Yield { request: invocation, options: Dict::new(), payload: Payload::one(2_u64) },
    );
    let results = world.take(near);
    let results: Vec<_> = results
        .into_iter()
        .map(|message| match message {
            Message::Result { request, payload, .. } if request == call => first(&payload),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(results, [1, 2]);
}

#[test]
fn a_call_that_is_cancelled_is_cancelled_at_the_far_callee() {
    let mut world = World::new(2, 5);
    let (near, far) = (world.join(0), world.join(1));
    world.link(1, 0, ALL);
    world.register(far, "com.slow", Dict::new()).unwrap();
    let call = world.call(near, "com.slow", Dict::new());
    let invocation = match &world.take(far)[..] {
        [Message::Invocation { request, .. }] => *request,
        other => panic!("{other:?}"),
    };
    let options = Dict::new().with("mode", "kill");
    world.send(near, Message::Cancel { request: call, options });
    assert!(matches!(&world.take(far)[..], [Message::Interrupt { request, .. }] if *request == invocation));
    world.send(
        far,
        Message::Error {
            request_type: kind::INVOCATION,
            request: invocation,
            details: Dict::new(),
            error: "com.stopped".into(),
            payload: Payload::None,
        },
    );
    assert!(matches!(&world.take(near)[..], [Message::Error { request, error, .. }]
        if *request == call && error == "com.stopped"));
}

#[test]
fn a_procedure_that_was_in_the_way_makes_room_for_the_far_one() {
    let mut world = World::new(2, 6);
    let (near, far) = (world.join(0), world.join(1));
    let own = world.register(near, "com.p", Dict::new()).unwrap();
    world.register(far, "com.p", Dict::new()).unwrap();
    let link = world.link(0, 1, ALL);
    assert_eq!(world.bridge(link).mirrored(), (0, 0));
    let request = world.request();
    world.send(near, Message::Unregister { request, registration: own });
    assert_eq!(world.bridge(link).mirrored(), (0, 1));
    world.take(near);
    world.call(near, "com.p", Dict::new());
    assert!(matches!(&world.take(far)[..], [Message::Invocation { .. }]));
}

#[test]
fn calls_stay_with_the_callees_of_the_router_that_they_were_brought_to() {
    let mut world = World::new(3, 7);
    let clients: Vec<_> = (0..3).map(|realm| world.join(realm)).collect();
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        world.link(from, to, ALL);
    }
    let shared = || Dict::new().with("invoke", "roundrobin");
    for client in &clients {
        world.register(*client, "com.p", shared()).unwrap();
    }
    let caller = world.join(0);
    for _ in 0..12 {
        world.call(caller, "com.p", Dict::new());
    }
    let invoked: Vec<_> = clients.iter().map(|client| world.take(*client).len()).collect();
    assert_eq!(invoked, [4, 4, 4]);
    assert_eq!(world.take(caller).len(), 0, "no call was refused");
}

#[test]
fn a_link_to_its_own_realm_is_of_no_use() {
    let mut world = World::new(1, 8);
    let link = world.link(0, 0, ALL);
    assert!(world.bridge(link).failed().unwrap().contains("leads back to its own realm"));
}

#[test]
fn some_get_none_of_the_events() {
    let mut world = World::new(2, 9);
    let (near, far) = (world.join(0), world.join(1));
    world.link(0, 1, Terms { exclude_authid: vec!["client1".into()], ..ALL });
    world.subscribe(far, "com.a", "exact");
    world.subscribe(near, "com.a", "exact");
    world.publish(near, "com.a", 1);
    assert_eq!(world.events(far), []);
    world.publish(far, "com.a", 2);
    assert_eq!(world.events(near).len(), 1);
}
