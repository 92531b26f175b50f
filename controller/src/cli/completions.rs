//! `jackfield completions`

use super::failure::Failure;
use super::output::print;
use clap::{Args, Command};
use clap_complete::{Shell, generate};

/// Prints a script that makes a shell complete the commands
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, mut program: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut program, "jackfield", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
