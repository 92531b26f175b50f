//! `jackfield reload`

use super::client::{carry_out, connect};
use super::failure::Failure;
use super::output::succeeded;
use super::stop::seconds;
use crate::control::Request;
use crate::node::Directory;
use clap::Args;

/// Puts the changed configuration into effect without losing a connection, or changes nothing and says why
///
/// New processes are ready before old ones drain; what has not changed is left alone. Returns when the new
/// configuration is in effect: what is old may go on to drain. The same as SIGHUP to the controller.
#[derive(Debug, Args)]
pub(super) struct Reload {
    /// Seconds that new processes may take to be ready; 60 unless given
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<f64>,
    /// Change nothing, and say which workers would be new, replaced, resized, removed, and how many would go on
    ///
    /// The configuration is read, with its archives and certificates, and new addresses are bound for a moment, so that what
    /// stands in the way of a reload is said as well.
    #[arg(long, conflicts_with = "timeout")]
    dry_run: bool,
}

impl Reload {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        let said = carry_out(
            &mut connect(directory)?,
            &Request::Reload { timeout_s: self.timeout, dry_run: self.dry_run },
        )?;
        succeeded(&said.unwrap_or_else(|| "the configuration is in effect".into()))
    }
}
