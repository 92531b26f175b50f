//! `jackfield convert`

use super::failure::Failure;
use super::output::print;
use clap::Args;
use jackfield_shared::config::{Format, convert};
use std::path::PathBuf;

/// Converts a configuration from JSON to YAML or back, to standard output; comments are lost
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// A .json, .yaml or .yml file
    file: PathBuf,
}

impl Convert {
    pub(super) fn run(self) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let (from, to) = match Format::of_file(&name) {
            Some(Format::Json) => (Format::Json, Format::Yaml),
            Some(Format::Yaml) => (Format::Yaml, Format::Json),
            None => return Err(Failure::new(format!("{name}: the name must end in .json, .yaml or .yml"))),
        };
        let text = std::fs::read_to_string(&self.file).map_err(|e| Failure::new(format!("{name}: {e}")))?;
        let converted = convert(&text, from, to, &name).map_err(|d| Failure::all(vec![d.render(&text)]))?;
        print(&converted)
    }
}
