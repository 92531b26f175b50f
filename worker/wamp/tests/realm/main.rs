//! A realm, through its messages.

mod broker;
mod dealer;
mod simulation;
mod world;
