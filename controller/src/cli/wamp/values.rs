//! Arguments of requests as people type them, and as they are shown.

use super::super::failure::Failure;
use clap::Args;
use jackfield_worker::client::{Dict, Payload, Serializer, Value, decode_value, json_text};
use serde_json::Value as Json;

/// A key with its value.
pub(super) type Pair = (String, Value);

/// The arguments of a request.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Arguments: each is JSON, or else a text
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    args: Vec<String>,
    /// A keyword argument; the value is JSON, or else a text
    #[arg(short, long = "kwarg", value_name = "KEY=VALUE", value_parser = pair)]
    kwargs: Vec<Pair>,
}

impl Arguments {
    pub(super) fn payload(&self) -> Payload {
        let args = self.args.iter().map(|text| value(text)).collect();
        Payload::of(args, dict(&self.kwargs))
    }
}

/// The dictionary of these pairs.
pub(super) fn dict(pairs: &[Pair]) -> Dict {
    pairs.iter().fold(Dict::new(), |dict, (key, value)| dict.with(key.as_str(), value.clone()))
}

/// What a text means: JSON, or itself.
pub(super) fn value(text: &str) -> Value {
    decode_value(Serializer::Json, text.as_bytes()).unwrap_or_else(|_| text.into())
}

pub(super) fn pair(text: &str) -> Result<Pair, String> {
    let (key, text) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if key.is_empty() { Err("expected KEY=VALUE".into()) } else { Ok((key.to_owned(), value(text))) }
}

/// Arguments as JSON: `args` and `kwargs`, whichever there are.
pub(super) fn to_json(payload: &Payload) -> Result<serde_json::Map<String, Json>, Failure> {
    let (args, kwargs) = payload.to_json();
    let mut shown = serde_json::Map::new();
    for (key, text) in [("args", args), ("kwargs", kwargs)] {
        if let Some(text) = text {
            let parsed = serde_json::from_str(&text);
            let parsed = parsed.map_err(|e| Failure::new(format!("{key} can't be shown as JSON: {e}")))?;
            shown.insert(key.to_owned(), parsed);
        }
    }
    Ok(shown)
}

/// A dictionary as JSON.
pub(super) fn details(dict: &Dict) -> Json {
    serde_json::from_str(&json_text(&dict.clone().into())).unwrap_or_default()
}

/// Arguments for people: texts as they are, all else as JSON, keyword arguments by their keys.
pub(super) fn shown(payload: &Payload) -> Result<String, Failure> {
    let (args, kwargs) =
        payload.decode().map_err(|e| Failure::new(format!("the arguments can't be read: {e}")))?;
    let text = |value: &Value| match value {
        Value::Str(text) => text.clone(),
        other => json_text(other),
    };
    let args = args.iter().map(text);
    let kwargs = kwargs.0.iter().map(|(key, value)| format!("{key}={}", text(value)));
    Ok(args.chain(kwargs).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_json_or_texts() {
        for (typed, meant) in [
            ("1", "1"),
            ("-1.5", "-1.5"),
            ("true", "true"),
            ("null", "null"),
            ("hello", "\"hello\""),
            ("\"1\"", "\"1\""),
            ("[1, \"a\"]", "[1,\"a\"]"),
            ("{\"a\":", "\"{\\\"a\\\":\""),
            ("", "\"\""),
        ] {
            assert_eq!(json_text(&value(typed)), meant, "{typed}");
        }
        assert_eq!(pair("a=b=1"), Ok(("a".into(), "b=1".into())));
        assert_eq!(pair("a=[]"), Ok(("a".into(), Value::List(Vec::new()))));
        assert!(pair("a").is_err() && pair("=1").is_err());
    }

    #[test]
    fn arguments_are_shown_for_people_and_programs() {
        let payload = Payload::of(vec!["a b".into(), Value::Int(2)], Dict::new().with("k", true));
        assert_eq!(shown(&payload).unwrap(), "a b 2 k=true");
        assert_eq!(
            Json::from(to_json(&payload).unwrap()).to_string(),
            r#"{"args":["a b",2],"kwargs":{"k":true}}"#
        );
        assert!(to_json(&Payload::None).unwrap().is_empty());
    }
}
