//! `jackfield schema`

use super::failure::Failure;
use super::output::print_json;
use clap::Args;
use jackfield_shared::config;

/// Prints the JSON Schema of the configuration, for editors
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(self) -> Result<(), Failure> {
        print_json(&config::schema())
    }
}
