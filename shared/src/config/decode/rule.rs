//! What each option is declared with.

use super::super::source::Value;
use super::context::Context;
use super::shape::Defs;

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
