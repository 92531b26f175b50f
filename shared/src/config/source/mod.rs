//! The document as a tree in which every key and every value knows its line and column.
//!
//! JSON is read strictly (RFC 8259, and duplicate keys are errors); YAML as version 1.1, the way PyYAML reads
//! it, because that is what existing configurations were written for. Both give the same tree, so nothing
//! behind this module knows which of the two a configuration was.

mod json;
mod scalar;
mod tree;
mod yaml;

pub(crate) use scalar::{plain_scalar, python_int};
use serde::{Deserialize, Serialize};
pub(crate) use tree::{Entry, Kind, MAX_NODES, Span, SyntaxError, Value};

/// A document of more bytes than this is refused.
pub(crate) const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The two notations of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Strict JSON.
    Json,
    /// YAML 1.1.
    Yaml,
}

impl Format {
    /// The format a file name says: `.json`, `.yaml` or `.yml`.
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// Reads `text` into a tree.
pub(crate) fn parse(text: &str, format: Format) -> Result<Value, SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(SyntaxError {
            span: Span::new(1, 1),
            message: format!("found {} bytes, at most {MAX_BYTES} are read", text.len()),
        });
    }
    match format {
        Format::Json => json::parse(text),
        Format::Yaml => yaml::parse(text),
    }
}
