//! A realm, through its messages.

mod authorize;
mod broker;
mod dealer;
mod meta;
mod simulation;
mod world;
