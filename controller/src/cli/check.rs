//! `jackfield check`

use super::failure::Failure;
use super::output::{print, print_json, remark};
use crate::node::{Absent, Configuration, Directory};
use crate::supervise::review;
use clap::Args;
use jackfield_shared::config::Severity;
use owo_colors::{OwoColorize as _, Style};
use serde_json::json;
use std::path::{Path, PathBuf};

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
        let (configuration, _) = read(directory, self.config.as_deref(), Absent::Error);
        if self.json {
            as_json(&configuration)?
        } else {
            as_text(&configuration)?
        }
        if configuration.loaded.is_valid() { Ok(()) } else { Err(Failure::of_configuration(Vec::new())) }
    }
}

/// Reads the configuration as `start` would, and says what relative paths in it are relative to. Nothing is made: without the
/// directory, that is where it would be.
pub(super) fn read(directory: &Directory, file: Option<&Path>, absent: Absent) -> (Configuration, PathBuf) {
    let (base, file) = (directory.absolute(), Directory::configuration(file));
    let configuration = Configuration::read(&directory.shown, &base, file.as_deref(), absent, review);
    (configuration, base)
}

fn as_text(configuration: &Configuration) -> Result<(), Failure> {
    let loaded = &configuration.loaded;
    for diagnostic in &loaded.diagnostics {
        remark(&coloured(&configuration.render(diagnostic), diagnostic.severity));
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

/// The text with the place of what is wrong in the colour of its weight; where there are no colours, they are left out when
/// it is printed.
fn coloured(text: &str, severity: Severity) -> String {
    let style = match severity {
        Severity::Error => Style::new().red().bold(),
        Severity::NotBuilt => Style::new().magenta().bold(),
        Severity::Warning => Style::new().yellow().bold(),
    };
    let (first, rest) = text.split_once('\n').map_or((text, None), |(first, rest)| (first, Some(rest)));
    let (place, message) = first.split_once(": ").unwrap_or(("", first));
    let mut coloured = format!("{}: {message}", place.style(style));
    if let Some(rest) = rest {
        // The line that is quoted, and what points to its place.
        let (quoted, caret) = rest.rsplit_once('\n').unwrap_or(("", rest));
        coloured.push_str(&format!("\n{quoted}\n{}", caret.style(style)));
    }
    coloured
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
