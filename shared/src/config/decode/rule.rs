//! What each option is declared with.

use super::super::source::Value;
use super::context::Context;
use super::shape::{Declared, Defs, Presence, doc};

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

pub(crate) fn declared<R: Rule + ?Sized>(
    defs: &mut Defs,
    key: &'static str,
    lines: &[&str],
    rule: &R,
    presence: Presence,
    ignored: bool,
) -> Declared {
    Declared { key, doc: doc(lines), expected: rule.expected(), schema: rule.schema(defs), presence, ignored }
}
