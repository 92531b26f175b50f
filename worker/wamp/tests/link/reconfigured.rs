//! A hub that takes over with another configuration: who stays, and who is told why not.

use jackfield_wamp::link::{Edge, Hub};
use jackfield_wamp::realm::{
    Access, Allow, ClientFeatures, Config, Disclose, Effect, Joining, Realm, Role, Rule,
};
use jackfield_wamp::uri::Match;
use jackfield_wamp::{Dict, Id, Ids, Message, Now};
use std::time::Duration;

const USER: Id = 7;
const ADMIN: Id = 8;

/// A realm with these roles, and what each may subscribe to.
fn realm(roles: &[(&str, &str)]) -> Realm {
    let role = |(name, uri): &(&str, &str)| {
        let disclose = Disclose { caller: false, publisher: false };
        let rule = Rule { uri: (*uri).to_owned(), policy: Match::Prefix, allow: Allow::ALL, disclose };
        Role { name: (*name).to_owned(), access: Access::Static(vec![rule]) }
    };
    let mut config = Config::new("realm1");
    config.roles = roles.iter().map(role).collect();
    Realm::new(config, Ids::seeded(3))
}

fn joining(session: Id, role: &str) -> Joining {
    Joining {
        session,
        authid: role.into(),
        authrole: role.into(),
        authmethod: "ticket".into(),
        authprovider: "static".into(),
        authextra: None,
        transport: Dict::new(),
        features: ClientFeatures { subscriber_revocation: true, ..ClientFeatures::default() },
    }
}

/// Connects the edge with a hub of this realm, until neither has anything to say; gives back what the edge is to do.
fn link(edge: &mut Edge, realm: Realm) -> Vec<Effect> {
    let mut hub = Hub::new(vec![realm], Ids::seeded(1));
    hub.take_over(Now::default(), [1], Duration::from_secs(2));
    link_with(edge, &mut hub)
}

fn link_with(edge: &mut Edge, hub: &mut Hub) -> Vec<Effect> {
    let (now, mut out) = (Now::default(), Vec::new());
    let link = hub.connected();
    edge.connected(now);
    for _ in 0..10 {
        let up = std::mem::take(edge.output());
        hub.received(now, link, &up).unwrap();
        let down = hub.output(link).map(std::mem::take).unwrap_or_default();
        hub.written(link, down.len());
        hub.acknowledge();
        edge.received(&down, &mut out).unwrap();
    }
    edge.disconnected(&mut out);
    out
}

fn says(effect: &Effect) -> Option<(Id, String)> {
    match effect {
        Effect::Goodbye { session, reason, .. } => Some((*session, reason.clone())),
        Effect::Send { to, message } => match message.message() {
            Message::Unsubscribed { request: 0, details } => Some((*to, format!("{details:?}"))),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn a_role_that_is_gone_ends_its_sessions_and_a_permission_that_is_gone_what_it_allowed() {
    let mut edge = Edge::new(1, Ids::seeded(2));
    let before = || realm(&[("user", "com."), ("admin", "com.")]);
    edge.join("realm1", joining(USER, "user"));
    edge.join("realm1", joining(ADMIN, "admin"));
    for (request, topic) in [(1, "com.one"), (2, "com.two")] {
        let topic = topic.to_owned();
        let subscribe = Message::Subscribe { request, options: Dict::new(), topic };
        edge.receive(Now::default(), &before(), USER, subscribe, &mut Vec::new());
    }
    assert_eq!(link(&mut edge, before()).iter().filter_map(says).count(), 0);
    // The same configuration once more: nothing is said.
    assert_eq!(link(&mut edge, before()).iter().filter_map(says).count(), 0);
    let said: Vec<_> = link(&mut edge, realm(&[("user", "com.one")])).iter().filter_map(says).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().any(|(to, what)| *to == USER && what.contains("wamp.error.not_authorized")),
        "{said:?}"
    );
    assert!(said.iter().any(|(to, what)| *to == ADMIN && what == "wamp.error.no_such_role"), "{said:?}");
    // And what was said is not said again.
    assert_eq!(link(&mut edge, realm(&[("user", "com.one")])).iter().filter_map(says).count(), 0);
}

#[test]
fn a_hub_without_realms_tells_sessions_that_their_realm_is_gone_and_what_comes_later_too() {
    let mut edge = Edge::new(1, Ids::seeded(2));
    edge.join("realm1", joining(USER, "user"));
    let there = realm(&[("user", "com.")]);
    assert_eq!(link(&mut edge, there).iter().filter_map(says).count(), 0);
    let mut hub = Hub::new(Vec::new(), Ids::seeded(1));
    let gone = "wamp.error.no_such_realm".to_owned();
    let said: Vec<_> = link_with(&mut edge, &mut hub).iter().filter_map(says).collect();
    assert_eq!(said, [(USER, gone.clone())]);
    edge.join("realm1", joining(ADMIN, "admin"));
    let said: Vec<_> = link_with(&mut edge, &mut hub).iter().filter_map(says).collect();
    assert_eq!(said, [(ADMIN, gone)]);
}

#[test]
fn frames_are_done_as_many_at_a_time_as_is_said() {
    let now = Now::default();
    let (mut edge, there) = (Edge::new(1, Ids::seeded(2)), realm(&[("user", "com.")]));
    let mut out = Vec::new();
    let mut hub = Hub::new(vec![realm(&[("user", "com.")])], Ids::seeded(1));
    hub.take_over(now, [], Duration::ZERO);
    edge.connected(now);
    edge.join("realm1", joining(USER, "user"));
    for request in 1..=19 {
        let message = Message::Subscribe { request, options: Dict::new(), topic: format!("com.{request}") };
        edge.receive(now, &there, USER, message, &mut out);
    }
    let link = hub.connected();
    // HELLO and END, the session and what it does.
    hub.feed(link, edge.output());
    let subscriptions = |hub: &Hub| hub.realms()[0].status().subscriptions;
    assert_eq!((hub.turn(now, link, 8), subscriptions(&hub)), (Ok(8), 5));
    assert_eq!((hub.turn(now, link, 0), subscriptions(&hub)), (Ok(0), 5));
    assert_eq!((hub.turn(now, link, 8), subscriptions(&hub)), (Ok(8), 13));
    assert_eq!((hub.turn(now, link, 8), subscriptions(&hub)), (Ok(6), 19));
    let down = hub.output(link).map(std::mem::take).unwrap_or_default();
    edge.feed(&down);
    // That there is a hub, and what it keeps of the session, come first.
    assert_eq!((edge.turn(8, &mut out), out.len()), (Ok(8), 6));
    assert!(edge.turn(usize::MAX, &mut out).is_ok_and(|frames| frames >= 11));
    assert_eq!((edge.turn(8, &mut out), out.len()), (Ok(0), 19));
}
