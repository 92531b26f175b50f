//! Values as error messages name them.

use super::super::source::{Kind, Value};

/// A value as an error message names it: short, and with its type where the text would mislead.
pub(super) fn describe(value: &Value) -> String {
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

/// `a, b or c`, each in quotes.
pub(crate) fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}
