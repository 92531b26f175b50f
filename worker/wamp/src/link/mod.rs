//! One realm for several processes: *edges*, which have the clients, and the *hub*, which has the realms.
//!
//! An edge and the hub are connected by a stream of frames. What an edge sends is numbered, and kept until the hub says
//! that all it has caused is written to the edges that it concerns. So the hub's process may die at any time: its
//! successor gets from every edge what its sessions have and what is not acknowledged, does it again in the order that
//! it had, and each edge drops what it has had already.
//!
//! Realms don't wait for each other: where a hub has one realm, and each edge a link for each realm, numbers, orders and
//! takeovers are those of that realm alone. A link begins with a [`Greeting`], which says whose it is.
//!
//! Neither part does any I/O: bytes come in, bytes and [`Effect`](crate::realm::Effect)s go out.

mod acks;
mod away;
mod deliver;
mod down;
mod edge;
mod error;
mod gather;
mod greeting;
mod holders;
mod hub;
mod lasting;
mod pending;
mod perform;
mod put_out;
mod seen;
mod tell;
mod up;
mod wire;

pub use edge::Edge;
pub use error::{Error, VERSION};
pub use greeting::{About, Greeting};
pub use hub::{Connection, Hub};
