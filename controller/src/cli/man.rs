//! `jackfield man`

use super::failure::Failure;
use super::output::print;
use clap::{Args, Command};
use clap_mangen::Man as Page;

/// Prints a manual page: `jackfield man | man -l -`
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The command it is about; the whole program, if there is none
    command: Option<String>,
}

impl Man {
    pub(super) fn run(self, mut program: Command) -> Result<(), Failure> {
        program.build();
        let command = match &self.command {
            None => Some(&program),
            Some(name) => program.find_subcommand(name),
        };
        let Some(command) = command.cloned() else {
            return Err(Failure::new("there is no such command; `jackfield --help` lists them"));
        };
        let mut page = Vec::new();
        Page::new(command).render(&mut page)?;
        print(&String::from_utf8_lossy(&page))
    }
}
