//! `jackfield completions`

use super::Arguments;
use super::failure::Failure;
use super::output::print;
use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

/// Prints a script that makes a shell complete the commands
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut Arguments::command(), "jackfield", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
