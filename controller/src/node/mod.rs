//! The node as one thing: its directory, its runtime directory, its configuration, its start.

mod banner;
mod configuration;
mod detach;
mod directory;
mod launch;
mod review;
mod run_dir;
mod takeover;

pub(crate) use configuration::{Absent, Configuration, Origin};
pub(crate) use detach::{LOG_FILE, Waiting, start_and_wait};
pub(crate) use directory::{Directory, RUN};
pub(crate) use launch::{Options, launch};
pub(crate) use takeover::take_over;
