//! Rules of paths: what holds for requests before a service answers them, and for its answers. Where no path has rules,
//! nothing is looked up.

mod basic;
mod cors;
mod forward;
mod headers;
mod id;
mod limit;
mod rule;
mod tree;

pub(super) use tree::Rules;
