//! What clients of MQTT are to a router, and what packets are called.

use jackfield_wamp::uri::Match;
use jackfield_wamp::{Dict, Value};
use mqttbytes::v4::Packet;

pub(super) const fn named(policy: Match) -> &'static str {
    match policy {
        Match::Exact => "exact",
        Match::Prefix => "prefix",
        Match::Wildcard => "wildcard",
    }
}

pub(super) fn roles() -> Dict {
    let role = |features: &[&str]| {
        let features = features.iter().fold(Dict::new(), |dict, feature| dict.with(*feature, true));
        Value::from(Dict::new().with("features", features))
    };
    Dict::new()
        .with("publisher", role(&["payload_transparency", "x_acknowledged_event_delivery"]))
        .with("subscriber", role(&["payload_transparency", "pattern_based_subscription", "event_retention"]))
}

pub(super) const fn name(packet: &Packet) -> &'static str {
    match packet {
        Packet::Connect(_) => "CONNECT",
        Packet::ConnAck(_) => "CONNACK",
        Packet::Publish(_) => "PUBLISH",
        Packet::PubAck(_) => "PUBACK",
        Packet::PubRec(_) => "PUBREC",
        Packet::PubRel(_) => "PUBREL",
        Packet::PubComp(_) => "PUBCOMP",
        Packet::Subscribe(_) => "SUBSCRIBE",
        Packet::SubAck(_) => "SUBACK",
        Packet::Unsubscribe(_) => "UNSUBSCRIBE",
        Packet::UnsubAck(_) => "UNSUBACK",
        Packet::PingReq => "PINGREQ",
        Packet::PingResp => "PINGRESP",
        Packet::Disconnect => "DISCONNECT",
    }
}
