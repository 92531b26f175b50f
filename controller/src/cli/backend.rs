//! `jackfield backend`

use super::client::{carry_out, connect};
use super::failure::Failure;
use super::output::succeeded;
use crate::control::Request;
use crate::node::Directory;
use clap::{Args, Subcommand};

/// Takes backends out of use and lets them in again
///
/// A backend is named by its address, as `jackfield status` shows it. All relays and reverse proxies of the node that have it
/// obey, until it is enabled or the node ends: also after a reload, a restart of processes and an upgrade.
#[derive(Debug, Args)]
pub(super) struct Backend {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends nobody new there; what is open goes on to its end
    Drain(Addresses),
    /// Lets them in again
    Enable(Addresses),
}

#[derive(Debug, Args)]
struct Addresses {
    /// Addresses of backends
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
}

impl Backend {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        let (drain, addresses) = match self.command {
            Command::Drain(Addresses { addresses }) => (true, addresses),
            Command::Enable(Addresses { addresses }) => (false, addresses),
        };
        let whom = addresses.join(", ");
        carry_out(&mut connect(directory)?, &Request::Backend { addresses, drain })?;
        succeeded(&format!("{}: {whom}", if drain { "drained" } else { "enabled" }))
    }
}
