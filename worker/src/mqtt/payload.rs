//! How payloads of MQTT become arguments of WAMP, and back (`payload_mapping`).

use jackfield_shared::config::{self, PayloadMapping};
use jackfield_wamp::{Dict, Payload, Serializer, Value, codec};
use std::collections::BTreeMap;

/// How the payloads of a topic are read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// As they are.
    Passthrough,
    /// By a serializer, as a dictionary of arguments.
    Native(Serializer),
    /// By procedures: from payload to arguments, and back.
    Dynamic { decoder: String, encoder: String },
}

/// The mappings of a transport by the beginnings of URIs.
#[derive(Debug)]
pub(super) struct Mappings(BTreeMap<String, Mapping>);

impl Mappings {
    pub(super) fn new(configured: &BTreeMap<String, PayloadMapping>) -> Result<Self, String> {
        let mapping = |(uri, mapping): (&String, &PayloadMapping)| {
            let mapping = match mapping {
                PayloadMapping::Passthrough(_) => Mapping::Passthrough,
                PayloadMapping::Native(native) => Mapping::Native(serializer(native.serializer)?),
                PayloadMapping::Dynamic(dynamic) => {
                    Mapping::Dynamic { decoder: dynamic.decoder.clone(), encoder: dynamic.encoder.clone() }
                }
            };
            Ok((uri.clone(), mapping))
        };
        configured.iter().map(mapping).collect::<Result<_, String>>().map(Self)
    }

    /// The one with the longest beginning of `uri`; without one payloads pass as they are.
    pub(super) fn of(&self, uri: &str) -> &Mapping {
        let found = self.0.iter().filter(|(prefix, _)| uri.starts_with(prefix.as_str()));
        found.max_by_key(|(prefix, _)| prefix.len()).map_or(&Mapping::Passthrough, |(_, mapping)| mapping)
    }
}

fn serializer(configured: config::Serializer) -> Result<Serializer, String> {
    let name = configured.name();
    Serializer::named(name).ok_or_else(|| format!("payload_mapping: serializer \"{name}\" is not built"))
}

/// The options of PUBLISH that a client may give in a payload.
const OPTIONS: [&str; 6] =
    ["exclude", "exclude_authid", "exclude_authrole", "eligible", "eligible_authid", "eligible_authrole"];

/// A payload as it is: WAMP's clients get its bytes and are told so by `enc_algo`.
pub(super) fn opaque(bytes: &[u8]) -> (Dict, Payload) {
    let mut args = Vec::with_capacity(bytes.len() + 9);
    codec::encode_value(Serializer::Cbor, &Value::Bin(bytes.to_vec()), &mut args);
    let payload = Payload::Raw { serializer: Serializer::Cbor, args: args.into(), kwargs: None };
    (Dict::new().with("enc_algo", "mqtt"), payload)
}

/// Options and arguments that a payload is a dictionary of.
pub(super) fn read(serializer: Serializer, bytes: &[u8]) -> Result<(Dict, Payload), String> {
    let value = codec::decode_value(serializer, bytes).map_err(|e| e.to_string())?;
    of_value(value)
}

/// Options and arguments that a dictionary has.
pub(super) fn of_value(value: Value) -> Result<(Dict, Payload), String> {
    let Some(Dict(entries)) = value.into_dict() else {
        return Err("expected a dictionary with \"args\" and \"kwargs\"".into());
    };
    let (mut args, mut kwargs, mut options) = (Vec::new(), Dict::new(), Dict::new());
    for (key, value) in entries {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("args", Value::List(list)) => args = list,
            ("args", _) => return Err("\"args\" is no list".into()),
            ("kwargs", value) => {
                kwargs = value.into_dict().ok_or("\"kwargs\" is no dictionary with texts as keys")?;
            }
            (key, value) if OPTIONS.contains(&key) => options.push(key, value),
            _ => {}
        }
    }
    Ok((options, Payload::of(args, kwargs)))
}

/// Arguments as a dictionary of a serializer.
pub(super) fn write(serializer: Serializer, payload: &Payload) -> Result<Vec<u8>, String> {
    let (args, kwargs) = payload.decode().map_err(|e| e.to_string())?;
    let mut dict = Dict::new();
    if !args.is_empty() {
        dict.push("args", Value::List(args));
    }
    if !kwargs.is_empty() {
        dict.push("kwargs", kwargs);
    }
    let mut bytes = Vec::new();
    codec::encode_value(serializer, &dict.into(), &mut bytes);
    Ok(bytes)
}

/// The bytes of arguments that pass as they are: one text, or bytes; others are written as JSON.
pub(super) fn bytes(payload: &Payload) -> Result<Vec<u8>, String> {
    let (args, kwargs) = payload.decode().map_err(|e| e.to_string())?;
    match args.as_slice() {
        [] if kwargs.is_empty() => Ok(Vec::new()),
        [Value::Bin(bytes)] if kwargs.is_empty() => Ok(bytes.clone()),
        [Value::Str(text)] if kwargs.is_empty() => Ok(text.clone().into_bytes()),
        _ => write(Serializer::Json, payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn mappings(json: &Json) -> Mappings {
        Mappings::new(&serde_json::from_value(json.clone()).unwrap()).unwrap()
    }

    #[test]
    fn the_longest_beginning_decides() {
        let native = |serializer: &str| json!({"Native": {"serializer": serializer}});
        let mappings =
            mappings(&json!({"": native("json"), "com.a.": native("cbor"), "com.": {"Passthrough": {}}}));
        assert_eq!(mappings.of("x"), &Mapping::Native(Serializer::Json));
        assert_eq!(mappings.of("com.b"), &Mapping::Passthrough);
        assert_eq!(mappings.of("com.a.b"), &Mapping::Native(Serializer::Cbor));
        assert_eq!(Mappings(BTreeMap::new()).of("x"), &Mapping::Passthrough);
    }

    #[test]
    fn arguments_become_payloads_and_back() {
        let payload = Payload::of(vec![Value::Int(1), "x".into()], Dict::new().with("k", true));
        for serializer in Serializer::ALL {
            let written = write(serializer, &payload).unwrap();
            let (options, read) = read(serializer, &written).unwrap();
            assert!(options.is_empty());
            assert_eq!(read.decode().unwrap(), payload.decode().unwrap());
        }
        let (options, _) =
            read(Serializer::Json, br#"{"args": null, "exclude": [1], "acknowledge": true}"#).unwrap();
        assert_eq!(options, Dict::new().with("exclude", Value::List(vec![Value::Int(1)])));
        for wrong in [&b"[1]"[..], b"{\"args\": 1}", b"{\"kwargs\": []}", b"\xff", b""] {
            assert!(read(Serializer::Json, wrong).is_err());
        }
    }

    #[test]
    fn what_passes_as_it_is_has_the_same_bytes_on_both_sides() {
        let (options, payload) = opaque(b"\x00\xffx");
        assert_eq!(options.get("enc_algo").and_then(Value::as_str), Some("mqtt"));
        assert_eq!(bytes(&payload).unwrap(), b"\x00\xffx");
        assert_eq!(bytes(&Payload::one("hot")).unwrap(), b"hot");
        assert_eq!(bytes(&Payload::None).unwrap(), b"");
        assert_eq!(
            bytes(&Payload::of(vec![Value::Int(1), Value::Int(2)], Dict::new())).unwrap(),
            b"{\"args\":[1,2]}"
        );
    }
}
