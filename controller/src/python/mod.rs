//! What is Python in a configuration: components, authenticators that are functions, WSGI applications and Twisted's
//! resources. All of it runs in guests: processes of the user's interpreter with a host of ours in them.
//!
//! A container becomes such a guest. What stands beside a router gets one of its own, which the router speaks with by
//! private Unix sockets; what the router is given is then a configuration without Python.

mod around;
mod beside;
mod host;
mod interpreter;
mod order;
mod package;
mod wait;
mod walk;

pub(crate) use around::Around;
pub(crate) use beside::separate;
pub(crate) use host::of_container;
pub(crate) use wait::wait_for_authenticators;

/// Why something can't be had: the attribute of the worker that asks for it, and the reason.
pub(crate) type Wrong = (&'static str, String);
