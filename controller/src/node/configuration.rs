//! The node's configuration: its file, or the built-in one where there is none.

use super::state::ConfigurationState;
use crate::accounts::Accounts;
use crate::archives::{self, Wanted};
use crate::names::Names;
use crate::onion;
use crate::sockets::await_locks;
use crate::tls::Store;
use jackfield_shared::config::{self, Diagnostic, Format, Loaded, Severity};
use jackfield_shared::tls::Remark;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

/// What the status calls a configuration that comes from no file.
const BUILT_IN: &str = "built-in";
/// Says how many processes serve the clients of the built-in node.
const PROCESSES: &str = "JACKFIELD_PROCESSES";
/// Most of them, unless somebody says so.
const MOST: usize = 64;

/// A configuration, read.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// What was read, and what there is to say about it.
    pub loaded: Loaded,
    /// Whether there was no file, and it is the built-in one.
    pub is_builtin: bool,
    /// The files that its TLS sections name.
    pub tls: Store,
    /// What the names of interfaces in it stand for.
    pub names: Names,
    /// Absolute path of the file, or `built-in`.
    pub name: String,
}

/// Finds what a configuration asks for and this machine can't give, and where it is asked for.
pub(crate) type Review = fn(&config::Node, &Path, &Accounts) -> Vec<(config::Path, String)>;

/// What it means that there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// An error.
    Error,
    /// The built-in node.
    BuiltIn,
}

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The node directory as the user knows it.
    pub directory: PathBuf,
    /// The same as an absolute path: what relative paths in the configuration are relative to.
    pub base: PathBuf,
    /// The file in it that was asked for.
    pub file: Option<PathBuf>,
}

/// The variables that the built-in node's configuration is made with. It has an edge for each processor, and two at least,
/// so that its clients outlive the process with its realm.
fn of_builtin(name: &str) -> Option<String> {
    let processors = || available_parallelism().map_or(1, NonZero::get);
    let absent = || (name == PROCESSES).then(|| processors().clamp(2, MOST).to_string());
    std::env::var(name).ok().or_else(absent)
}

impl Configuration {
    /// Reads the file of this name in the directory, or `config.yaml`, `config.yml`, or `config.json`. `base` is the
    /// directory as relative paths in the configuration mean it; `review` finds what this machine can't give.
    pub(crate) fn read(
        directory: &Path,
        base: &Path,
        file: Option<&Path>,
        absent: Absent,
        review: Review,
    ) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let (mut loaded, is_builtin) = match config::find(directory, file) {
            Some(path) => (config::load(&path, base, &variable), false),
            None if absent == Absent::BuiltIn => {
                (config::parse(config::builtin(), Format::Json, BUILT_IN, base, &of_builtin), true)
            }
            None => (config::missing(directory), false),
        };
        let (tls, remarks) = loaded.node.as_ref().map(Store::load).unwrap_or_default();
        for Remark { severity, path, message } in remarks {
            loaded.remark(severity, &path, message);
        }
        let names = loaded.node.as_ref().map(Names::of).unwrap_or_default();
        let remarks = loaded.node.as_ref().map(|node| (onion::review(node), names.review(node)));
        let (of_onions, of_names) = remarks.unwrap_or_default();
        let machine =
            loaded.node.as_ref().filter(|_| !is_builtin).map(|node| review(node, base, &names.accounts));
        for (path, message) in machine.unwrap_or_default() {
            loaded.remark(Severity::Error, &path, message);
        }
        for (severity, path, message) in of_onions.into_iter().chain(of_names) {
            loaded.remark(severity, &path, message);
        }
        let name = match Path::new(&loaded.file).canonicalize() {
            Ok(path) if !is_builtin => path.display().to_string(),
            _ => loaded.file.clone(),
        };
        Self { loaded, is_builtin, tls, names, name }
    }

    /// Waits for what others are about to do with its Unix sockets. Blocks, but not for long.
    pub(crate) fn await_locks(&self) {
        if let Some(node) = self.loaded.node.as_ref().filter(|_| self.loaded.can_start()) {
            await_locks(node);
        }
    }

    /// Fetches the archives that it wants and that are missing; one that can't be had is an error of the configuration.
    pub(crate) fn fetch_archives(&mut self, wanted: &Wanted, tell: impl FnMut(String)) {
        let node = self.loaded.node.as_ref().filter(|_| self.loaded.can_start());
        let failed = node.map(|node| archives::fetch(node, wanted, tell)).unwrap_or_default();
        for (path, message) in failed {
            self.loaded.remark(Severity::Error, &path, message);
        }
    }

    /// One that was read by another image of the executable, as this one understands it.
    pub(crate) fn restore(state: &ConfigurationState, base: &Path) -> Self {
        let variable =
            |name: &str| if state.is_builtin { of_builtin(name) } else { std::env::var(name).ok() };
        let format = Format::of_file(&state.file).unwrap_or(Format::Json);
        let loaded = config::parse_again(&state.text, format, &state.file, base, &variable, &state.included);
        let tls = loaded.node.as_ref().map(|node| Store::restore(node, &state.tls)).unwrap_or_default();
        let names = match (state.names.clone(), &loaded.node) {
            (Some(names), Some(node)) => names.with_accounts(node),
            (None, Some(node)) => Names::of(node),
            (_, None) => Names::default(),
        };
        Self { loaded, is_builtin: state.is_builtin, tls, names, name: state.name.clone() }
    }

    /// The same as exactly that image has read it, which this is.
    pub(crate) fn restore_exact(state: &ConfigurationState, base: &Path) -> Self {
        let node: Option<config::Node> = serde_json::from_value(state.exact.clone()).unwrap_or_default();
        let tls = node.as_ref().map(|node| Store::restore(node, &state.tls)).unwrap_or_default();
        let mut restored = Self::restore(state, base);
        // What is wrong with it now was not wrong when it came into effect.
        restored.loaded.node = node;
        Self { tls, ..restored }
    }

    /// What `ps` is to show as the controller's command line, if the node can be started.
    pub(crate) fn title(&self) -> Option<&str> {
        let node = self.loaded.node.as_ref().filter(|_| self.loaded.can_start())?;
        node.controller.options.title.as_deref()
    }

    /// Why the node can't be started, one text each; nothing if it can.
    pub(crate) fn obstacles(&self) -> Vec<String> {
        let stops = |d: &&Diagnostic| matches!(d.severity, Severity::Error | Severity::NotBuilt);
        self.loaded.diagnostics.iter().filter(stops).map(|d| self.render(d)).collect()
    }

    /// The warnings.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.loaded.of(Severity::Warning).map(|diagnostic| self.render(diagnostic))
    }

    /// A diagnostic with the line it is about; a feature that is not built takes one line.
    pub(crate) fn render(&self, diagnostic: &Diagnostic) -> String {
        match diagnostic.severity {
            Severity::NotBuilt => diagnostic.to_string(),
            Severity::Error | Severity::Warning => self.loaded.render(diagnostic),
        }
    }
}
