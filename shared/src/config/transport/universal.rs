//! Several protocols on one endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::endpoint::ListeningEndpoint;
use super::super::source::Value;
use super::rawsocket::{DEFAULT_HANDSHAKE_TIMEOUT, handshake_timeout};
use super::*;

object! {
    /// RawSocket, WebSocket, MQTT and web services on one endpoint. What has no section is refused.
    pub struct Universal as "a universal transport" {
        /// RawSocket: WAMP, or the testee.
        pub rawsocket as "rawsocket": Option<RawsocketSection> = rawsocket_section(), optional;
        /// WebSocket: path → WAMP, or the testee.
        pub websocket as "websocket": Option<BTreeMap<String, WebsocketPath>> = paths(nested()), optional;
        /// MQTT.
        pub mqtt as "mqtt": Option<MqttSection> = mqtt_section(), optional;
        /// Web services.
        pub web as "web": Option<Web> = nested(), optional;
        /// Seconds until a client must have said what it speaks.
        pub handshake_timeout as "handshake_timeout": Duration = handshake_timeout(), default(json!(10), DEFAULT_HANDSHAKE_TIMEOUT);
    }
}

tagged! {
    /// What a WebSocket path of `universal` speaks.
    pub enum WebsocketPath as "a WebSocket section" by "type" {
        /// WAMP.
        Websocket(WebsocketSection) = "websocket",
        /// An echo.
        WebsocketTestee(WebsocketTestee) = "websocket.testee",
    }
    silent {
        /// A name.
        "id" = id();
    }
    alias {
        "nodeinfo" => "websocket", "is run as \"websocket\" here, as Crossbar.io does";
    }
}

tagged! {
    /// What RawSocket speaks in `universal`.
    pub enum RawsocketSection as "a RawSocket section" by "type" {
        /// WAMP.
        Rawsocket(RawsocketWamp) = "rawsocket",
        /// An echo.
        RawsocketTestee(RawsocketEcho) = "rawsocket.testee",
    }
    silent {
        /// A name.
        "id" = id();
    }
}

/// In this section alone `type` may be absent, as Crossbar.io never needed one; it then is `rawsocket`.
struct RawsocketSectionRule;

fn rawsocket_section() -> RawsocketSectionRule {
    RawsocketSectionRule
}

impl Rule for RawsocketSectionRule {
    type Out = RawsocketSection;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<RawsocketSection> {
        let mut fields = Fields::of(value, &self.expected(), cx)?;
        let read = if fields.has("type") {
            RawsocketSection::read(&mut fields, cx)
        } else {
            fields.given("id", &id(), cx);
            RawsocketWamp::read(&mut fields, cx).map(RawsocketSection::Rawsocket)
        };
        fields.finish(cx);
        read
    }

    fn expected(&self) -> String {
        format!("{} (an object)", RawsocketSection::EXPECTED)
    }

    fn schema(&self, defs: &mut Defs) -> serde_json::Value {
        json!({"anyOf": [defs.reference::<RawsocketWamp>(), defs.reference::<RawsocketSection>()]})
    }
}

/// An MQTT section may say `id`, `type` and even `endpoint`, none of which has an effect there.
struct MqttSectionRule;

fn mqtt_section() -> MqttSectionRule {
    MqttSectionRule
}

impl Rule for MqttSectionRule {
    type Out = MqttSection;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<MqttSection> {
        let mut fields = Fields::of(value, &self.expected(), cx)?;
        fields.given("id", &id(), cx);
        fields.entry("type");
        let before = cx.listeners.len();
        fields.ignored("endpoint", &nested::<ListeningEndpoint>(), cx);
        cx.listeners.truncate(before);
        let read = MqttSection::read(&mut fields, cx);
        fields.finish(cx);
        read
    }

    fn expected(&self) -> String {
        format!("{} (an object)", MqttSection::EXPECTED)
    }

    fn schema(&self, defs: &mut Defs) -> serde_json::Value {
        defs.reference::<MqttSection>()
    }
}
