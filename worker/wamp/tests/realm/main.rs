//! A realm, through its messages.

mod broker;
mod dealer;
mod meta;
mod simulation;
mod world;
