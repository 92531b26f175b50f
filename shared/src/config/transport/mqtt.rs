//! MQTT, bridged to WAMP.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::decode::*;
use super::super::wamp::realm_name;
use super::Serializer;
use super::rawsocket::rawsocket_serializer;

object! {
    /// MQTT: as a transport, or the section of `universal`.
    pub struct MqttSection as "an MQTT section" {
        /// MQTT's options.
        pub options as "options": MqttOptions = nested(), required;
    }
}

object! {
    /// MQTT's options.
    pub struct MqttOptions as "MQTT options" {
        /// The realm clients join.
        pub realm as "realm": String = realm_name(), required;
        /// The role of clients that do not authenticate.
        pub role as "role": Option<String> = text(), optional;
        /// How clients authenticate.
        pub auth as "auth": Option<BTreeMap<String, serde_json::Value>> = map(any()), optional;
        /// Topic → how payload becomes arguments.
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
