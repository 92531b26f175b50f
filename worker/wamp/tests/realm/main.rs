//! A realm, through its messages.

mod authorize;
mod broker;
mod dealer;
mod hostile;
mod meta;
mod progress;
mod registration;
mod simulation;
mod world;
