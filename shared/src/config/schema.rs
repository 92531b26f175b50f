//! The configuration as JSON Schema, made from its declarations.

use serde_json::{Value as Json, json};

use super::decode::Defs;
use super::node::Node;

/// The JSON Schema (draft 2020-12) of a configuration, for editors.
///
/// It says what the types say. What needs a look at several attributes at once, at files or at variables, only
/// `check` knows.
pub fn schema() -> Json {
    let mut defs = Defs::default();
    let root = defs.reference::<Node>();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Jackfield node configuration",
        "$ref": root.get("$ref"),
        "$defs": defs.schemas,
    })
}
