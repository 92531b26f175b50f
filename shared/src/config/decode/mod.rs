//! From the tree to types: every option is declared once, with its type, constraint, default and meaning, and
//! decoding, the JSON Schema and the reference are made from that declaration.
//!
//! Decoding never stops at the first error. [`Context`] collects what there is to say and knows where it is.

mod consumer;
mod context;
mod describe;
mod fields;
pub(crate) mod macros;
mod names;
mod numbers;
mod object;
mod references;
mod rule;
mod rules;
mod rules_of;
mod shape;
mod strings;

pub use consumer::ReadByProcesses;
pub(crate) use context::{Claim, Context, Environment};
pub(crate) use describe::{alternatives, describe_kind};
pub(crate) use fields::Fields;
pub(crate) use macros::{choice, object, tagged};
pub(crate) use names::nearest;
pub(crate) use numbers::*;
pub(crate) use object::*;
pub(crate) use references::{Piece, is_variable, whole};
pub(crate) use rule::{Rule, declared};
pub use rules::Secret;
pub(crate) use rules::*;
pub(crate) use rules_of::*;
pub(crate) use shape::*;
pub(crate) use strings::*;
