//! WAMP without I/O: messages, codecs, sessions, authentication, realms.
//!
//! Nothing here reads a clock, a socket or a source of randomness: [`Now`] and random bytes ([`Ids`]) come in with
//! each call, [`Outgoing`] messages and other effects go out. So a whole router can be driven by a test with a seed.

pub mod auth;
pub mod codec;
mod id;
pub mod link;
mod message;
mod outgoing;
mod payload;
mod planted;
pub mod realm;
pub mod rlink;
mod serializer;
pub mod session;
mod time;
pub mod uri;
mod value;

pub use id::{Id, Ids, MAX_ID};
pub use message::{Message, kind};
pub use outgoing::Outgoing;
pub use payload::Payload;
#[cfg(feature = "planted")]
pub use planted::{Planted, plant};
pub use serializer::Serializer;
pub use time::{Now, parse as parse_time, rfc3339 as time_text};
pub use value::{Dict, Value};
