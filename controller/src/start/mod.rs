//! A node begins: started by the command, or taken over from another image of the executable.

mod banner;
mod launch;
mod run_dir;
mod takeover;

pub(crate) use launch::{Options, launch};
pub(crate) use takeover::take_over;
