//! From the tree to types: every option is declared once, with its type, constraint, default and meaning, and
//! decoding, the JSON Schema and the reference are made from that declaration.
//!
//! Decoding never stops at the first error. [`Context`] collects what there is to say and knows where it is.

mod context;
mod fields;
pub(crate) mod macros;
mod names;
mod numbers;
mod rules;
mod rules_of;
mod shape;
mod strings;

pub(crate) use context::{Claim, Context, Environment};
pub(crate) use fields::Fields;
pub(crate) use macros::{choice, object, tagged};
pub(crate) use names::nearest;
pub(crate) use numbers::*;
pub use rules::Secret;
pub(crate) use rules::*;
pub(crate) use rules_of::*;
pub(crate) use shape::*;
pub(crate) use strings::*;

use super::source::{Kind, Value};

/// What is accepted at one place, and what it is turned into.
pub(crate) trait Rule {
    /// The typed value.
    type Out;

    /// Reads `value`; `None` after an error was reported.
    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Self::Out>;

    /// What is accepted, to follow "expected".
    fn expected(&self) -> String;

    /// The same as JSON Schema.
    fn schema(&self, defs: &mut Defs) -> serde_json::Value;
}

/// A value as an error message names it: short, and with its type where the text would mislead.
fn describe(value: &Value) -> String {
    match &value.kind {
        Kind::Null => "null".into(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => format!("{value:?}"),
        Kind::String(text) if text.chars().count() > 40 => {
            format!("the string {:?}…", text.chars().take(40).collect::<String>())
        }
        Kind::String(text) => format!("the string {text:?}"),
        Kind::List(items) if items.is_empty() => "an empty list".into(),
        Kind::List(_) => "a list".into(),
        Kind::Map(_) => "an object".into(),
    }
}

/// `value` without what it says, for secrets.
pub(crate) fn describe_kind(value: &Value) -> &'static str {
    match &value.kind {
        Kind::Null => "null",
        Kind::Bool(_) => "a boolean",
        Kind::Int(_) | Kind::Float(_) => "a number",
        Kind::String(_) => "a string",
        Kind::List(_) => "a list",
        Kind::Map(_) => "an object",
    }
}
