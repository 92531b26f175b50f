//! `jackfield doctor`

mod files;
mod finding;
mod network;
mod system;

use super::check::read;
use super::failure::Failure;
use super::output::{print, print_json};
use crate::logs::escape;
use crate::node::{Absent, Configuration, Directory};
use clap::Args;
use finding::{Finding, Weight};
use jackfield_shared::config::{Endpoint, ListeningEndpoint, Severity, endpoints_of_node};
use owo_colors::OwoColorize as _;
use std::path::PathBuf;

/// Says what on this machine may be in the way of a node
///
/// Limits, kernel features, settings of the kernel, modes of files, the clock, certificates, names and addresses that are
/// connected to. Nothing is changed, and no node needs to run. Exits with code 1 if something is wrong.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The configuration file, as for check
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        // Where there is none, the built-in node would run.
        let absent = if self.config.is_some() { Absent::Error } else { Absent::BuiltIn };
        let (configuration, base) = read(directory, self.config.as_deref(), absent);
        let mut found = vec![validity(&configuration)];
        found.extend(system::look(longest_queue(&configuration)));
        found.extend(files::look(&configuration, &base, jiff::Timestamp::now().as_second()));
        found.extend(configuration.loaded.node.iter().flat_map(network::look));
        if self.json {
            print_json(&found)?;
        } else {
            print(&text(&found))?;
        }
        let is_wrong = found.iter().any(|finding| finding.weight == Weight::Wrong);
        if is_wrong { Err(Failure::silent()) } else { Ok(()) }
    }
}

/// Whether the configuration can be read.
fn validity(configuration: &Configuration) -> Finding {
    let (loaded, name) = (&configuration.loaded, &configuration.name);
    let errors = loaded.of(Severity::Error).count();
    if errors > 0 {
        return Finding::wrong(
            format!("the configuration {name} has {errors} error{}", if errors == 1 { "" } else { "s" }),
            "no node starts with it, and nothing of what it names has been looked at",
            "`jackfield check` shows each with its line",
        );
    }
    match loaded.of(Severity::Warning).count() {
        0 => Finding::good(format!("the configuration {name} is valid")),
        count => Finding::hint(
            format!("the configuration {name} has {count} warning{}", if count == 1 { "" } else { "s" }),
            "it means something else than it seems to, or has parts without an effect",
            "`jackfield check` shows each with its line",
        ),
    }
}

/// The longest accept queue that the configuration asks for.
fn longest_queue(configuration: &Configuration) -> u32 {
    let endpoints = configuration.loaded.node.iter().flat_map(endpoints_of_node);
    let backlog = |endpoint| match endpoint {
        Endpoint::Listening(ListeningEndpoint::Tcp(tcp), _) => tcp.backlog,
        Endpoint::Listening(ListeningEndpoint::Unix(unix), _) => unix.backlog,
        Endpoint::Listening(..) | Endpoint::Connecting(_) => 0,
    };
    endpoints.map(|(_, endpoint)| backlog(endpoint)).max().unwrap_or(0)
}

/// For people: a line for each, and two more where something can be done.
fn text(found: &[Finding]) -> String {
    let mut text = String::new();
    for finding in found {
        let weight = match finding.weight {
            Weight::Good => "good ".green().to_string(),
            Weight::Hint => "hint ".yellow().to_string(),
            Weight::Wrong => "wrong".red().to_string(),
        };
        text += &format!("{weight}  {}\n", escape(&finding.found));
        for more in [&finding.means, &finding.advice].into_iter().flatten() {
            text += &format!("       {}\n", escape(more));
        }
    }
    let count = |weight| found.iter().filter(|finding| finding.weight == weight).count();
    text + &format!(
        "\n{} looked at: {} wrong, {} hints\n",
        found.len(),
        count(Weight::Wrong),
        count(Weight::Hint)
    )
}
