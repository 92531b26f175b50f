//! `jackfield start`

use super::failure::Failure;
use super::output::remark;
use crate::archives::wanted;
use crate::logs::{Format, Settings};
use crate::node::{Absent, Configuration, Directory, LOG_FILE, Origin, Waiting, start_and_wait};
use crate::sockets::announced;
use crate::stage::{close_inherited, set_title};
use crate::start::{Options, launch};
use crate::supervise::review;
use clap::Args;
use jackfield_shared::log::Level;
use jackfield_shared::secrecy::{hold_secrets, set_core_limit};
use std::path::PathBuf;

/// Runs the node in the foreground
///
/// Without any configuration file the built-in node runs: `jackfield init` writes a configuration to start
/// from. SIGTERM and SIGINT drain and stop the node; a second one stops it at once.
#[derive(Debug, Args)]
pub(super) struct Start {
    /// The configuration file, relative to the current directory, else to the node's, in place of config.yaml or config.json
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run in the background; return when every worker is ready. The log then goes to node.log
    #[arg(long)]
    detach: bool,
    /// Reload whenever a file of the configuration has changed, also one that it includes or takes a secret from; what is wrong is
    /// logged, and changes nothing
    #[arg(long)]
    watch: bool,
    /// How the log is written to the terminal [default: as `controller.log` says, pretty without it]
    #[arg(long, alias = "logformat", value_name = "FORMAT", value_parser = format, hide_possible_values = true)]
    log_format: Option<Format>,
    /// Least important records that are logged: error, warn, info, debug or trace [default: as `controller.log`
    /// says, info without it]
    #[arg(long, alias = "loglevel", value_name = "LEVEL", value_parser = level)]
    log_level: Option<Level>,
    /// Write the log to node.log instead of the terminal, and rotate it
    #[arg(long, alias = "logtofile")]
    log_to_file: bool,
    /// Where node.log is [default: the node's directory]
    #[arg(long, alias = "logdir", value_name = "DIR", requires = "log_to_file")]
    log_dir: Option<PathBuf>,
}

impl Start {
    pub(super) fn run(self, directory: &Directory, has_title: bool) -> Result<(), Failure> {
        close_inherited(announced().len()).map_err(|e| Failure::new(format!("/proc/self/fd: {e}")))?;
        if self.detach && !Waiting::is_expected() {
            return match start_and_wait() {
                Ok(0) => Ok(()),
                Ok(code) => Err(Failure::passed_on(code)),
                Err(e) => Err(Failure::new(format!("cannot start a process: {e}"))),
            };
        }
        let core_limit = hold_secrets().map_err(Failure::new)?;
        let shown = directory.shown.display();
        if !directory.shown.is_dir() && directory.is_named {
            let hint = format!("`jackfield init --dir {shown}` makes one");
            return Err(Failure::of_configuration(vec![format!(
                "jackfield: there is no node directory {shown}: {hint}"
            )]));
        }
        let absent = if directory.is_untouched() { Absent::BuiltIn } else { Absent::Error };
        let base = directory.make().map_err(|e| Failure::new(format!("the node directory {shown}: {e}")))?;
        let named = Directory::configuration(self.config.as_deref());
        let mut configuration =
            Configuration::read(&directory.shown, &base, named.as_deref(), absent, review);
        if let Some(title) = configuration.title().filter(|_| !has_title) {
            set_core_limit(core_limit).map_err(Failure::new)?;
            let error = set_title(title);
            return Err(Failure::new(format!("controller.options.title: {error}")));
        }
        let terminal = |e| Failure::new(format!("cannot leave the terminal: {e}"));
        let waiting = if self.detach { Some(Waiting::new(&base).map_err(terminal)?) } else { None };
        for warning in configuration.warnings() {
            remark(&warning);
        }
        let (_wanting, wanted) = wanted()?;
        configuration.fetch_archives(&wanted, |text| remark(&text));
        let directory_of_log = self.log_dir.unwrap_or_else(|| base.clone());
        let file = self.log_to_file.then(|| directory_of_log.join(LOG_FILE));
        let origin = Origin { directory: directory.shown.clone(), base, file: named };
        let log = Settings { level: self.log_level, format: self.log_format, file };
        let options = Options { log, waiting, core_limit, watches: self.watch };
        let obstacles = configuration.obstacles();
        if !obstacles.is_empty() {
            return Err(Failure::of_configuration(obstacles));
        }
        match launch(directory, origin, configuration, options) {
            Ok(true) => Ok(()),
            // The log has said why.
            Ok(false) => Err(Failure::silent()),
            Err(reasons) => Err(Failure::all(reasons)),
        }
    }
}

/// A format by our name or one of Crossbar.io's.
fn format(text: &str) -> Result<Format, String> {
    match text {
        "pretty" | "standard" | "nocolor" | "syslogd" => Ok(Format::Pretty),
        "json" => Ok(Format::Json),
        _ => Err("expected pretty or json".into()),
    }
}

/// A level by our name or one of Crossbar.io's.
fn level(text: &str) -> Result<Level, String> {
    match text {
        "none" | "critical" => Ok(Level::Error),
        _ => text.parse(),
    }
}
