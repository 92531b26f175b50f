//! References to environment variables, which may stand in the place of a value.

use serde_json::{Value as Json, json};

/// `schema`, or a reference to a variable instead.
pub(super) fn or_reference(schema: Json) -> Json {
    json!({"anyOf": [schema, {"type": "string", "pattern": "^\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\\}$"}]})
}
