//! `jackfield init`

use super::failure::Failure;
use super::output::{print, remark};
use crate::node::Directory;
use clap::Args;
use jackfield_shared::config::{Template, find, templates};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The node directory in a template.
const NODE_DIR: &str = ".jackfield";

/// Writes a commented configuration to start from; never overwrites
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Which one
    #[arg(long, value_name = "NAME", value_parser = template_names(), default_value = default_template())]
    template: String,
    /// List the templates
    #[arg(long)]
    list: bool,
}

fn template_names() -> clap::builder::PossibleValuesParser {
    templates().iter().map(|template| template.name).into()
}

fn default_template() -> &'static str {
    templates().first().map_or("", |template| template.name)
}

impl Init {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        if self.list {
            let width = templates().iter().map(|template| template.name.len()).max().unwrap_or(0);
            let line = |template: &Template| format!("{:width$}  {}\n", template.name, template.about);
            return print(&templates().iter().map(line).collect::<String>());
        }
        let Some(template) = templates().iter().find(|template| template.name == self.template) else {
            return Err(Failure::new(format!("there is no template \"{}\"", self.template)));
        };
        if let Some(file) = find(&directory.shown, None) {
            return Err(Failure::new(format!("there is a configuration already: {}", file.display())));
        }
        let files: Vec<_> = template
            .files
            .iter()
            .filter_map(|(name, text)| Some((target(&directory.shown, name)?, *text)))
            .collect();
        if let Some((taken, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
            return Err(Failure::new(format!("{} exists and is left as it is", taken.display())));
        }
        for (path, text) in &files {
            write(path, text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
            print(&format!("{}\n", path.display()))?;
        }
        remark("Next: `jackfield check`, then `jackfield start`.");
        Ok(())
    }
}

/// Where a file of a template goes: into the node's directory, or beside it. Its README describes the
/// example and not the user's node.
fn target(directory: &Path, name: &str) -> Option<PathBuf> {
    match Path::new(name).strip_prefix(NODE_DIR) {
        Ok(in_node) => Some(directory.join(in_node)),
        Err(_) if name == "README.md" => None,
        Err(_) => Some(directory.parent().unwrap_or(directory).join(name)),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
