//! A message on its way to clients.

use crate::{Message, Serializer, codec};
use bytes::Bytes;
use std::cell::OnceCell;

/// A message to one or many clients, written at most once for each serializer.
#[derive(Debug)]
pub struct Outgoing {
    message: Message,
    encoded: [OnceCell<Bytes>; 3],
}

impl Outgoing {
    /// The message, not written yet.
    #[must_use]
    pub const fn new(message: Message) -> Self {
        Self { message, encoded: [const { OnceCell::new() }; 3] }
    }

    /// The message itself.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// The bytes in `serializer`; receivers share them.
    #[must_use]
    pub fn encoded(&self, serializer: Serializer) -> &Bytes {
        self.encoded[serializer.index()].get_or_init(|| {
            let mut bytes = Vec::with_capacity(128);
            codec::encode(serializer, &self.message, &mut bytes);
            bytes.into()
        })
    }
}
