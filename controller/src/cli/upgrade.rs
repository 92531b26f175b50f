//! `jackfield upgrade`

use super::client::{carry_out, connect, status};
use super::failure::Failure;
use super::output::succeeded;
use crate::control::Request;
use crate::node::Directory;
use clap::Args;
use std::path::PathBuf;

/// Lets a new executable go on with the running node without losing a connection, or changes nothing and says why
///
/// The controller becomes the new release, with the same process id; its workers go on until each is replaced. If the
/// new release fails at any step the old one goes on. The same as SIGUSR2 to the controller.
#[derive(Debug, Args)]
pub(super) struct Upgrade {
    /// The new executable; where the running one was when it was started, unless given
    #[arg(long, value_name = "PATH")]
    executable: Option<PathBuf>,
}

impl Upgrade {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        // The controller may have another working directory.
        let absolute = |path: PathBuf| std::path::absolute(path);
        let executable = self.executable.map(absolute).transpose()?;
        carry_out(&mut connect(directory)?, &Request::Upgrade { executable })?;
        let version = status(directory)?.node.version;
        succeeded(&format!("upgraded: release {version} runs, and so do its workers"))
    }
}
