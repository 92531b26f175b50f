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
    let (now, mut out) = (Now::default(), Vec::new());
    let mut hub = Hub::new(vec![realm], Ids::seeded(1));
    hub.take_over(now, [1], Duration::from_secs(2));
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
    edge.disconnected();
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
        edge.receive(Now::default(), &before(), USER, subscribe);
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
