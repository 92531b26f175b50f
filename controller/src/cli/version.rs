//! `jackfield version`

use super::failure::Failure;
use super::output::print;
use clap::Args;

/// Prints the release
#[derive(Debug, Args)]
pub(super) struct Version {}

impl Version {
    pub(super) fn run(self) -> Result<(), Failure> {
        print(concat!("jackfield ", env!("CARGO_PKG_VERSION"), "\n"))
    }
}
