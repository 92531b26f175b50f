//! Several protocols on one endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::{Path, Remark};
use super::super::source::{Kind, Value};
use super::rawsocket::handshake_timeout;
use super::speaks::{Answer, DEFAULT_HANDSHAKE_TIMEOUT, HTTP, HTTP_1, RAWSOCKET, Speaks};
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
        pub web as "web": Option<Web> = web_section(), optional;
        /// Seconds until a client must have said what it speaks.
        pub handshake_timeout as "handshake_timeout": Duration = handshake_timeout(), default(json!(10), DEFAULT_HANDSHAKE_TIMEOUT);
    }
}

impl Speaks for Universal {
    fn label(&self) -> String {
        "what the first bytes tell".into()
    }

    fn speaks_wamp(&self) -> bool {
        let mut websocket = self.websocket.iter().flatten();
        self.mqtt.is_some()
            || matches!(self.rawsocket, Some(RawsocketSection::Rawsocket(_)))
            || websocket.any(|(_, path)| path.kind().speaks_wamp())
            || self.web.as_ref().is_some_and(Speaks::speaks_wamp)
    }

    fn alpn(&self) -> &'static [&'static str] {
        match (&self.web, &self.websocket) {
            (Some(_), _) => HTTP,
            (None, Some(_)) => HTTP_1,
            (None, None) => &[],
        }
    }

    fn speaks_http(&self) -> bool {
        true
    }

    fn scheme(&self) -> Option<&'static str> {
        match (&self.web, &self.websocket) {
            (Some(_), _) => Some("http"),
            (None, Some(_)) => Some("ws"),
            (None, None) => None,
        }
    }

    fn answers(&self) -> Vec<Answer> {
        let mut answers = self.web.as_ref().map_or(Vec::new(), Speaks::answers);
        for (path, section) in self.websocket.iter().flatten() {
            let kind = section.kind();
            answers.push(Answer { what: kind.label(), scheme: kind.scheme(), path: Some(path.clone()) });
        }
        let rawsocket = match &self.rawsocket {
            Some(RawsocketSection::RawsocketTestee(_)) => Some("RawSocket echo"),
            Some(RawsocketSection::Rawsocket(_)) => Some("WAMP over RawSocket"),
            None => None,
        };
        answers.extend(rawsocket.map(|what| Answer {
            what: what.into(),
            scheme: Some(RAWSOCKET),
            path: None,
        }));
        answers.extend(self.mqtt.iter().flat_map(Speaks::answers));
        answers
    }

    fn sections(&self, at: &Path) -> Vec<(Path, Section<'_>)> {
        let mut sections = Vec::new();
        if let Some(RawsocketSection::Rawsocket(section)) = &self.rawsocket {
            sections.push((at.key("rawsocket"), section.section()));
        }
        for (path, section) in self.websocket.iter().flatten() {
            sections.extend(section.kind().sections(&at.key("websocket").key(path)));
        }
        sections.extend(self.mqtt.iter().flat_map(|mqtt| mqtt.sections(&at.key("mqtt"))));
        sections
    }

    fn unbuilt(&self, at: &Path) -> Vec<Remark> {
        self.mqtt.iter().flat_map(|mqtt| mqtt.unbuilt(&at.key("mqtt"))).collect()
    }

    fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
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

impl WebsocketPath {
    /// What each answers for itself.
    fn kind(&self) -> &dyn Speaks {
        match self {
            Self::Websocket(section) => section,
            Self::WebsocketTestee(testee) => testee,
        }
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

object! {
    /// A RawSocket section that does not say `rawsocket.testee`.
    pub struct RawsocketPlainSection as "a RawSocket section" {
        /// WAMP.
        pub wamp as "serializers": RawsocketWamp = nested::<RawsocketWamp>(), flatten;
    }
    silent {
        /// A name.
        "id" = id();
    }
    also {
        /// `rawsocket`; not looked at.
        "type" = any();
    }
    check |_: &Self, fields: &mut Fields<'_>, cx: &mut Context<'_>| tell_type(fields, "rawsocket", cx);
}

fn rawsocket_section() -> impl Rule<Out = RawsocketSection> {
    let is_testee = |value: &Value| match value.get("type").map(|entry| &entry.value.kind) {
        Some(Kind::String(name)) => name == "rawsocket.testee",
        _ => false,
    };
    let plain =
        then(nested::<RawsocketPlainSection>(), |plain, _, _| Some(RawsocketSection::Rawsocket(plain.wamp)));
    named("a RawSocket section (an object)", either(is_testee, nested::<RawsocketSection>(), plain))
}

object! {
    /// The web section of `universal`.
    pub struct WebSection as "a web section" {
        /// Web services.
        pub web as "paths": Web = nested::<Web>(), flatten;
    }
    silent {
        /// A name.
        "id" = id();
    }
    also {
        /// `web`; not looked at.
        "type" = any();
    }
    check |_: &Self, fields: &mut Fields<'_>, cx: &mut Context<'_>| tell_type(fields, "web", cx);
}

object! {
    /// The MQTT section of `universal`.
    pub struct MqttInUniversal as "an MQTT section" {
        /// MQTT.
        pub mqtt as "options": MqttSection = nested::<MqttSection>(), flatten;
    }
    ignored {
        /// The endpoint is that of `universal`.
        "endpoint" = any();
    }
    silent {
        /// A name.
        "id" = id();
    }
    also {
        /// `mqtt`; not looked at.
        "type" = any();
    }
    check |_: &Self, fields: &mut Fields<'_>, cx: &mut Context<'_>| tell_type(fields, "mqtt", cx);
}

fn web_section() -> impl Rule<Out = Web> {
    then(nested::<WebSection>(), |section, _, _| Some(section.web))
}

fn mqtt_section() -> impl Rule<Out = MqttSection> {
    then(nested::<MqttInUniversal>(), |section, _, _| Some(section.mqtt))
}
