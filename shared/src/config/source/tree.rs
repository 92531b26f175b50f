//! The tree.

/// Nesting deeper than this is refused, so that no document can exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 100;

/// A document of more nodes than this is refused; YAML aliases multiply, so bytes alone are no limit.
pub(crate) const MAX_NODES: usize = 500_000;

/// A place in the document; both numbers count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub span: Span,
}

/// The kinds of value JSON and YAML have in common.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number, written as one.
    Int(i128),
    /// Any other number; always finite.
    Float(f64),
    /// A string.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// An object, in the order written.
    Map(Vec<Entry>),
}

/// One attribute of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The attribute's name.
    pub key: String,
    /// Where the name stands.
    pub key_span: Span,
    /// The attribute's value.
    pub value: Value,
}

/// Why a document is no tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SyntaxError {
    /// Where.
    pub span: Span,
    /// What was found and what was expected.
    pub message: String,
}

impl Value {
    /// The same value without positions, for parts of a configuration that are handed on as they are.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(value) => Json::Bool(*value),
            Kind::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(value), _) => Json::from(value),
                (_, Ok(value)) => Json::from(value),
                _ => Json::from(*value as f64),
            },
            Kind::Float(value) => Json::from(*value),
            Kind::String(value) => Json::from(value.as_str()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
            }
        }
    }

    /// The attribute `key` of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }
}

pub(super) fn duplicate_key(key: &str) -> String {
    format!("the attribute {key:?} stands here twice; keep one")
}
