//! MQTT, bridged to WAMP.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::{Path, Remark, Severity};
use super::super::wamp::{Auth, realm_name};
use super::Queue;
use super::rawsocket::rawsocket_serializer;
use super::section::{Section, Serializer};
use super::speaks::Speaks;

object! {
    /// MQTT: as a transport, or the section of `universal`.
    pub struct MqttSection as "an MQTT section" {
        /// MQTT's options.
        pub options as "options": MqttOptions = nested(), required;
        /// Messages that wait for a client which does not take them.
        pub queue as "queue": Queue = nested(), defaulted;
    }
}

impl Speaks for MqttSection {
    fn label(&self) -> String {
        "MQTT".into()
    }

    fn speaks_wamp(&self) -> bool {
        true
    }

    fn sections(&self, at: &Path) -> Vec<(Path, Section<'_>)> {
        vec![(at.key("options"), Section { auth: self.options.auth.as_ref(), ..Section::default() })]
    }

    fn unbuilt(&self, at: &Path) -> Vec<Remark> {
        let unspoken = self.options.payload_mapping.iter().filter(|(_, mapping)| {
            matches!(mapping, PayloadMapping::Native(native) if native.serializer == Serializer::Ubjson)
        });
        let remark = |(uri, _): (&String, _)| {
            let at = at.key("options").key("payload_mapping").key(uri).key("serializer");
            let message = "UBJSON is not spoken; \"json\", \"msgpack\" and \"cbor\" are";
            (Severity::NotBuilt, at, message.into())
        };
        unspoken.map(remark).collect()
    }
}

object! {
    /// MQTT's options.
    pub struct MqttOptions as "MQTT options" {
        /// The realm clients join.
        pub realm as "realm": String = realm_name(), required;
        /// The role of clients that do not authenticate.
        pub role as "role": Option<String> = text(), optional;
        /// How clients authenticate; absent: not at all. A user name and a password are an authid and its ticket.
        pub auth as "auth": Option<Auth> = nested(), optional;
        /// The longest packet taken, in bytes.
        pub max_message_size as "max_message_size": u32 = int(512..=256 * 1024 * 1024), default(16 * 1024 * 1024);
        /// Seconds for which a client may take nothing of what is sent to it; 0: any time.
        pub send_timeout as "send_timeout": Duration = seconds(1.0..=86400.0).or_off(), default(json!(60), Duration::from_secs(60));
        /// Beginning of a URI → how payloads become arguments; the longest one that fits counts. What has none is passed through.
        pub payload_mapping as "payload_mapping": BTreeMap<String, PayloadMapping> = map(nested()), default(json!({}), BTreeMap::new());
    }
}

tagged! {
    /// How an MQTT payload becomes arguments.
    pub enum PayloadMapping as "a payload mapping" by "type" {
        /// As it is.
        Passthrough(Passthrough) = "passthrough",
        /// Read by a serializer.
        Native(NativePayload) = "native",
        /// Read by procedures.
        Dynamic(DynamicPayload) = "dynamic",
    }
}

object! {
    /// The payload as it is.
    pub struct Passthrough as "a passthrough mapping" {
    }
    open true;
}

object! {
    /// The payload read by a serializer.
    pub struct NativePayload as "a native mapping" {
        /// The serializer.
        pub serializer as "serializer": Serializer = rawsocket_serializer(), required;
    }
    open true;
}

object! {
    /// The payload read by procedures.
    pub struct DynamicPayload as "a dynamic mapping" {
        /// The procedure from arguments to payload.
        pub encoder as "encoder": String = text(), required;
        /// The procedure from payload to arguments.
        pub decoder as "decoder": String = text(), required;
    }
    open true;
}
