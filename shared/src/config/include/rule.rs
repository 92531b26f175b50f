//! How `include` is declared. It is gone when values are decoded, so its rules are for the schema and the reference.

use serde_json::{Value as Json, json};

use super::super::decode::{Context, Defs, Rule, either, list, named, text};
use super::super::source::{Kind, Value};

/// What is included.
pub(crate) fn names() -> impl Rule<Out = ()> {
    let is_one = |value: &Value| !matches!(value.kind, Kind::List(_));
    struct Dropped<R>(R);
    impl<R: Rule> Rule for Dropped<R> {
        type Out = ();

        fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<()> {
            self.0.read(value, cx).map(drop)
        }

        fn expected(&self) -> String {
            self.0.expected()
        }

        fn schema(&self, defs: &mut Defs) -> Json {
            self.0.schema(defs)
        }
    }
    let one = super::super::decode::then(text(), |name, _, _| Some(vec![name]));
    Dropped(named("a file, a directory or a pattern, or a list of them", either(is_one, one, list(text()))))
}

/// A list or an object in which `include` may stand.
pub(crate) struct Including<R>(R);

/// What `rule` accepts, with `include` in it.
pub(crate) fn including<R: Rule>(rule: R) -> Including<R> {
    Including(rule)
}

impl<R: Rule> Rule for Including<R> {
    type Out = R::Out;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<R::Out> {
        self.0.read(value, cx)
    }

    fn expected(&self) -> String {
        self.0.expected()
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        let mut schema = self.0.schema(defs);
        let include = names().schema(defs);
        let Json::Object(map) = &mut schema else { return schema };
        if let Some(item) = map.remove("items") {
            let alone = json!({
                "type": "object", "properties": {"include": include}, "required": ["include"],
                "additionalProperties": false,
            });
            map.insert("items".into(), json!({"anyOf": [item, alone]}));
        } else if let Some(Json::Object(patterns)) = map.remove("patternProperties") {
            let but_include = patterns.into_iter().map(|(pattern, value)| {
                let pattern = format!("^(?!include$){}", pattern.trim_start_matches('^'));
                (pattern, value)
            });
            let patterns: serde_json::Map<_, _> = but_include.collect();
            let value = patterns.values().next().cloned().unwrap_or_default();
            map.insert("properties".into(), json!({"include": {"anyOf": [value, include]}}));
            map.insert("patternProperties".into(), Json::Object(patterns));
        }
        schema
    }
}
