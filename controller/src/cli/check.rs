//! `jackfield check`

use super::failure::Failure;
use super::output::{print, print_json, remark};
use crate::node::{Absent, Configuration, Directory};
use clap::Args;
use jackfield_shared::config::Severity;
use serde_json::json;
use std::path::PathBuf;

/// Validates the configuration; starts nothing
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The configuration file, relative to the current directory, else to the node's, in place of config.yaml or config.json
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        // Nothing is made: without the directory, paths are relative to where it would be.
        let base = std::path::absolute(&directory.shown).map_err(|e| Failure::new(e.to_string()))?;
        let base = base.canonicalize().unwrap_or(base);
        let configuration = Configuration::read(
            &directory.shown,
            &base,
            Directory::configuration(self.config.as_deref()).as_deref(),
            Absent::Error,
        );
        if self.json {
            as_json(&configuration)?
        } else {
            as_text(&configuration)?
        }
        if configuration.loaded.is_valid() { Ok(()) } else { Err(Failure::of_configuration(Vec::new())) }
    }
}

fn as_text(configuration: &Configuration) -> Result<(), Failure> {
    let loaded = &configuration.loaded;
    for diagnostic in &loaded.diagnostics {
        remark(&configuration.render(diagnostic));
    }
    let count = |severity| loaded.of(severity).count();
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    if !loaded.is_valid() {
        remark(&format!("{}: {}", loaded.file, plural(count(Severity::Error), "error")));
        return Ok(());
    }
    let mut verdict = format!("{}: valid", loaded.file);
    let (warnings, missing) = (count(Severity::Warning), count(Severity::NotBuilt));
    if warnings > 0 {
        verdict += &format!(", {}", plural(warnings, "warning"));
    }
    if missing > 0 {
        verdict += &format!("; `start` would refuse it: {} not built yet", plural(missing, "feature"));
    }
    print(&(verdict + "\n"))
}

fn as_json(configuration: &Configuration) -> Result<(), Failure> {
    let loaded = &configuration.loaded;
    let diagnostics: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::NotBuilt => "not-built",
                Severity::Warning => "warning",
            };
            json!({
                "severity": severity,
                "file": diagnostic.file,
                "line": diagnostic.line,
                "column": diagnostic.column,
                "path": diagnostic.path,
                "message": diagnostic.message,
            })
        })
        .collect();
    print_json(&json!({
        "file": loaded.file,
        "valid": loaded.is_valid(),
        "can_start": loaded.can_start(),
        "diagnostics": diagnostics,
    }))
}
