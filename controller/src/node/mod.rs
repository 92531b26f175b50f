//! The node before it runs: its directory, its configuration, and the terminal it leaves.

mod configuration;
mod detach;
mod directory;
mod state;
mod watch;

pub(crate) use configuration::{Absent, Configuration, Origin};
pub(crate) use detach::{LOG_FILE, Waiting, start_and_wait};
pub(crate) use directory::{Directory, RUN};
pub(crate) use state::ConfigurationState;
pub(crate) use watch::Watched;
