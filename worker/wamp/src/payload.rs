//! What the router carries and does not look into: the arguments of a message.

use crate::{Dict, Serializer, Value};
use bytes::Bytes;
use std::rc::Rc;

/// The arguments of a message. As received they are bytes in the sender's serializer, which go to receivers with the
/// same one unchanged and are transcoded for others; clones share them.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    /// No arguments.
    #[default]
    None,
    /// As received.
    Raw {
        /// What they are written in.
        serializer: Serializer,
        /// The arguments: a list, or one opaque value where the payload is passed through (`enc_algo`).
        args: Bytes,
        /// The keyword arguments: a map.
        kwargs: Option<Bytes>,
    },
    /// Of the router itself.
    Values(Rc<(Vec<Value>, Dict)>),
}

impl Payload {
    /// Arguments of the router itself.
    #[must_use]
    pub fn of(args: Vec<Value>, kwargs: Dict) -> Self {
        if args.is_empty() && kwargs.is_empty() { Self::None } else { Self::Values(Rc::new((args, kwargs))) }
    }

    /// One argument.
    #[must_use]
    pub fn one(value: impl Into<Value>) -> Self {
        Self::of(vec![value.into()], Dict::new())
    }
}
