//! The configuration of a node: types, reading, validation.
//!
//! Two stages: `source` reads JSON or YAML into a tree in which everything knows its line and column; the types
//! here are then decoded from that tree by their declarations (`decode`), each of which says in one place what an
//! option means, what it may be, and what holds where it is absent. The result is a [`Node`], in which relative
//! paths are absolute and variables are resolved, so that a worker can be given its part of it as it is.
//!
//! The format is Crossbar.io's with additions; see docs/configuration.md.

mod acme;
mod address;
mod after;
mod controller;
mod convert;
mod decode;
mod diagnostic;
mod endpoint;
mod endpoints;
mod include;
mod keys;
mod load;
mod locate;
mod log;
mod loops;
mod node;
mod not_built;
mod read;
mod rules;
mod schema;
mod service;
mod sinks;
mod source;
mod templates;
mod transport;
mod wamp;
mod worker;

pub use acme::{acme_of_node, answers_at_port_80};
pub use controller::*;
pub use convert::convert;
pub use decode::{ReadByProcesses, Secret};
pub use diagnostic::{Diagnostic, Path, Remark, Severity};
pub use endpoint::*;
pub use endpoints::{Endpoint, archives_of_node, backends_of_node, endpoints, endpoints_of_node};
pub use include::{Included, matching_files};
pub use load::{Loaded, builtin, find, load, missing, parse, parse_again};
pub use log::*;
pub use node::Node;
pub use rules::*;
pub use schema::schema;
pub use service::*;
pub use source::Format;
pub use templates::{Template, templates};
pub use transport::*;
pub use wamp::*;
pub use worker::*;
