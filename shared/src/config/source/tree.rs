//! The tree.

/// Nesting deeper than this is refused, so that no document can exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 100;

/// A document of more nodes than this is refused; YAML aliases multiply, so bytes alone are no limit.
pub(crate) const MAX_NODES: usize = 500_000;

/// A place in a document; lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// Which document: 0 is the configuration's own file, others are included.
    pub file: u16,
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

impl Span {
    /// A place in the configuration's own file.
    pub(crate) const fn new(line: u32, column: u32) -> Self {
        Self { file: 0, line, column }
    }
}

impl SyntaxError {
    /// The same in the document of this number.
    pub(crate) fn in_file(mut self, file: u16) -> Self {
        self.span.file = file;
        self
    }
}

impl Value {
    /// How many values it holds, with itself.
    pub(crate) fn size(&self) -> usize {
        match &self.kind {
            Kind::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Kind::Map(entries) => 1 + entries.iter().map(|entry| 1 + entry.value.size()).sum::<usize>(),
            _ => 1,
        }
    }

    /// The same in the document of this number.
    pub(crate) fn in_file(mut self, file: u16) -> Self {
        self.move_to(file);
        self
    }

    fn move_to(&mut self, file: u16) {
        self.span.file = file;
        match &mut self.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| item.move_to(file)),
            Kind::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.key_span.file = file;
                entry.value.move_to(file);
            }),
            _ => {}
        }
    }

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
