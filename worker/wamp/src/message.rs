//! Messages (WAMP specification, "Messages").

use crate::{Dict, Id, Payload};

/// Numbers of the messages.
pub mod kind {
    #![allow(missing_docs)]
    pub const HELLO: u64 = 1;
    pub const WELCOME: u64 = 2;
    pub const ABORT: u64 = 3;
    pub const CHALLENGE: u64 = 4;
    pub const AUTHENTICATE: u64 = 5;
    pub const GOODBYE: u64 = 6;
    pub const ERROR: u64 = 8;
    pub const PUBLISH: u64 = 16;
    pub const PUBLISHED: u64 = 17;
    pub const SUBSCRIBE: u64 = 32;
    pub const SUBSCRIBED: u64 = 33;
    pub const UNSUBSCRIBE: u64 = 34;
    pub const UNSUBSCRIBED: u64 = 35;
    pub const EVENT: u64 = 36;
    pub const CALL: u64 = 48;
    pub const CANCEL: u64 = 49;
    pub const RESULT: u64 = 50;
    pub const REGISTER: u64 = 64;
    pub const REGISTERED: u64 = 65;
    pub const UNREGISTER: u64 = 66;
    pub const UNREGISTERED: u64 = 67;
    pub const INVOCATION: u64 = 68;
    pub const INTERRUPT: u64 = 69;
    pub const YIELD: u64 = 70;
}

/// A message. The names of the fields are those of the specification.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Message {
    /// `realm` is absent where the client leaves the choice to the router (null).
    Hello {
        realm: Option<String>,
        details: Dict,
    },
    Welcome {
        session: Id,
        details: Dict,
    },
    Abort {
        details: Dict,
        reason: String,
        payload: Payload,
    },
    Challenge {
        method: String,
        extra: Dict,
    },
    Authenticate {
        signature: String,
        extra: Dict,
    },
    Goodbye {
        details: Dict,
        reason: String,
    },
    /// `request_type` is the number of the message that the error answers.
    Error {
        request_type: u64,
        request: Id,
        details: Dict,
        error: String,
        payload: Payload,
    },
    Publish {
        request: Id,
        options: Dict,
        topic: String,
        payload: Payload,
    },
    Published {
        request: Id,
        publication: Id,
    },
    Subscribe {
        request: Id,
        options: Dict,
        topic: String,
    },
    Subscribed {
        request: Id,
        subscription: Id,
    },
    Unsubscribe {
        request: Id,
        subscription: Id,
    },
    /// With request 0 and `details`: a revocation by the router.
    Unsubscribed {
        request: Id,
        details: Option<Dict>,
    },
    Event {
        subscription: Id,
        publication: Id,
        details: Dict,
        payload: Payload,
    },
    Call {
        request: Id,
        options: Dict,
        procedure: String,
        payload: Payload,
    },
    Cancel {
        request: Id,
        options: Dict,
    },
    Result {
        request: Id,
        details: Dict,
        payload: Payload,
    },
    Register {
        request: Id,
        options: Dict,
        procedure: String,
    },
    Registered {
        request: Id,
        registration: Id,
    },
    Unregister {
        request: Id,
        registration: Id,
    },
    /// With request 0 and `details`: a revocation by the router.
    Unregistered {
        request: Id,
        details: Option<Dict>,
    },
    Invocation {
        request: Id,
        registration: Id,
        details: Dict,
        payload: Payload,
    },
    Interrupt {
        request: Id,
        options: Dict,
    },
    Yield {
        request: Id,
        options: Dict,
        payload: Payload,
    },
}

/// The name of a message's number; absent where there is no such message.
#[must_use]
pub(crate) const fn name(number: u64) -> Option<&'static str> {
    Some(match number {
        kind::HELLO => "HELLO",
        kind::WELCOME => "WELCOME",
        kind::ABORT => "ABORT",
        kind::CHALLENGE => "CHALLENGE",
        kind::AUTHENTICATE => "AUTHENTICATE",
        kind::GOODBYE => "GOODBYE",
        kind::ERROR => "ERROR",
        kind::PUBLISH => "PUBLISH",
        kind::PUBLISHED => "PUBLISHED",
        kind::SUBSCRIBE => "SUBSCRIBE",
        kind::SUBSCRIBED => "SUBSCRIBED",
        kind::UNSUBSCRIBE => "UNSUBSCRIBE",
        kind::UNSUBSCRIBED => "UNSUBSCRIBED",
        kind::EVENT => "EVENT",
        kind::CALL => "CALL",
        kind::CANCEL => "CANCEL",
        kind::RESULT => "RESULT",
        kind::REGISTER => "REGISTER",
        kind::REGISTERED => "REGISTERED",
        kind::UNREGISTER => "UNREGISTER",
        kind::UNREGISTERED => "UNREGISTERED",
        kind::INVOCATION => "INVOCATION",
        kind::INTERRUPT => "INTERRUPT",
        kind::YIELD => "YIELD",
        _ => return None,
    })
}

/// The arguments of a message that is referred to, mutably or not.
macro_rules! payload_of {
    ($message:expr) => {
        match $message {
            Self::Abort { payload, .. }
            | Self::Error { payload, .. }
            | Self::Publish { payload, .. }
            | Self::Event { payload, .. }
            | Self::Call { payload, .. }
            | Self::Result { payload, .. }
            | Self::Invocation { payload, .. }
            | Self::Yield { payload, .. } => Some(payload),
            _ => None,
        }
    };
}

impl Message {
    /// Its number.
    #[must_use]
    pub const fn kind(&self) -> u64 {
        match self {
            Self::Hello { .. } => kind::HELLO,
            Self::Welcome { .. } => kind::WELCOME,
            Self::Abort { .. } => kind::ABORT,
            Self::Challenge { .. } => kind::CHALLENGE,
            Self::Authenticate { .. } => kind::AUTHENTICATE,
            Self::Goodbye { .. } => kind::GOODBYE,
            Self::Error { .. } => kind::ERROR,
            Self::Publish { .. } => kind::PUBLISH,
            Self::Published { .. } => kind::PUBLISHED,
            Self::Subscribe { .. } => kind::SUBSCRIBE,
            Self::Subscribed { .. } => kind::SUBSCRIBED,
            Self::Unsubscribe { .. } => kind::UNSUBSCRIBE,
            Self::Unsubscribed { .. } => kind::UNSUBSCRIBED,
            Self::Event { .. } => kind::EVENT,
            Self::Call { .. } => kind::CALL,
            Self::Cancel { .. } => kind::CANCEL,
            Self::Result { .. } => kind::RESULT,
            Self::Register { .. } => kind::REGISTER,
            Self::Registered { .. } => kind::REGISTERED,
            Self::Unregister { .. } => kind::UNREGISTER,
            Self::Unregistered { .. } => kind::UNREGISTERED,
            Self::Invocation { .. } => kind::INVOCATION,
            Self::Interrupt { .. } => kind::INTERRUPT,
            Self::Yield { .. } => kind::YIELD,
        }
    }

    /// Its arguments, if it has some.
    pub(crate) const fn payload(&self) -> Option<&Payload> {
        payload_of!(self)
    }

    pub(crate) const fn payload_mut(&mut self) -> Option<&mut Payload> {
        payload_of!(self)
    }

    /// Its name, for messages to people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        name(self.kind()).unwrap_or("?")
    }
}
