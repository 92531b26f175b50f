//! The link between the edges and the realm process of a router.

use bytes::BytesMut;
use jackfield_wamp::link::{Edge, Greeting, Hub};
use jackfield_wamp::realm::{Config, Realm};
use jackfield_wamp::{Ids, Now};
use std::time::Duration;

/// Whatever comes, to a realm process and to an edge: it is taken or refused, and each goes on with another connection.
pub fn link(bytes: &[u8]) {
    let now = Now::default();
    let _ = Greeting::take(&mut BytesMut::from(bytes)); // refused: the connection is closed
    let mut hub = Hub::new(vec![Realm::new(Config::new("realm1"), Ids::seeded(1))], Ids::seeded(1));
    hub.take_over(now, [1], Duration::from_secs(2));
    let connection = hub.connected();
    if hub.received(now, connection, bytes).is_ok() {
        assert!(hub.output(connection).is_some(), "a connection without a fault is lost");
    }
    hub.expire(Now { clock: Duration::from_secs(3), ..now });
    hub.acknowledge();
    hub.closed(now, connection);
    assert!(hub.output(connection).is_none());
    let again = hub.connected();
    assert!(hub.received(now, again, &[]).is_ok());

    let mut edge = Edge::new(1, Ids::seeded(1));
    edge.connected(now);
    let mut effects = Vec::new();
    let _ = edge.received(bytes, &mut effects); // refused: the same as torn
    edge.disconnected(&mut effects);
    edge.connected(now);
    assert!(edge.received(&[], &mut effects).is_ok());
}
