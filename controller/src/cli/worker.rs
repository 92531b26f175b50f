//! `jackfield worker`

use super::client::{self, carry_out, connect};
use super::failure::Failure;
use super::output::{print, print_json, succeeded};
use super::table::Table;
use crate::control::{Action, Request};
use crate::node::Directory;
use clap::{Args, Subcommand};
use jackfield_shared::status::{self, State};

/// Lists, starts, stops and restarts workers
#[derive(Debug, Args)]
pub(super) struct Worker {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists workers
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        ids: Ids,
    },
    /// Starts the processes that don't run; returns when they are ready
    Start(Ids),
    /// Drains and ends all processes of workers. Others that listen at the same address stand in; without such, clients
    /// are refused at once, until the worker is started again
    Stop(Ids),
    /// Replaces every process, one after the other: the new one is ready before the old one drains
    Restart(Ids),
    /// Gives a worker another number of processes; those that go drain first
    ///
    /// The number holds until the configuration says another `processes` for this worker, or the node ends.
    Scale {
        /// Id of the worker
        #[arg(value_name = "ID")]
        id: String,
        /// The number of processes
        #[arg(value_name = "N", value_parser = processes)]
        processes: u16,
    },
}

fn processes(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (1..=1024).contains(number));
    number.ok_or_else(|| "expected a whole number from 1 to 1024".into())
}

#[derive(Debug, Args)]
struct Ids {
    /// Ids of the workers; all, if there are none
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

impl Worker {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        let (action, ids) = match self.command {
            Command::List { json, ids } => return list(directory, json, &ids.ids),
            Command::Scale { id, processes } => {
                let text = format!("{id} has {processes} process{}", if processes == 1 { "" } else { "es" });
                carry_out(&mut connect(directory)?, &Request::Scale { id, processes })?;
                return succeeded(&text);
            }
            Command::Start(ids) => (Action::Start, ids.ids),
            Command::Stop(ids) => (Action::Stop, ids.ids),
            Command::Restart(ids) => (Action::Restart, ids.ids),
        };
        let whom = if ids.is_empty() { "all workers".into() } else { ids.join(", ") };
        let what = match action {
            Action::Start => "started",
            Action::Stop => "stopped",
            Action::Restart => "restarted",
        };
        carry_out(&mut connect(directory)?, &Request::Worker { action, ids })?;
        succeeded(&format!("{what}: {whom}"))
    }
}

fn list(directory: &Directory, json: bool, ids: &[String]) -> Result<(), Failure> {
    let mut workers = client::status(directory)?.workers;
    if let Some(unknown) = ids.iter().find(|id| workers.iter().all(|worker| worker.id != **id)) {
        let known: Vec<_> = workers.iter().map(|worker| worker.id.as_str()).collect();
        return Err(Failure::new(format!(
            "there is no worker \"{unknown}\" (workers: {})",
            known.join(", ")
        )));
    }
    workers.retain(|worker| ids.is_empty() || ids.contains(&worker.id));
    if json { print_json(&workers) } else { print(&table(&workers)) }
}

fn table(workers: &[status::Worker]) -> String {
    let mut table = Table::new(["ID", "TYPE", "STATE", "READY", "RESTARTS", "OPEN", "WHY"]);
    for worker in workers {
        let places: std::collections::BTreeSet<_> = worker.processes.iter().map(|p| p.index).collect();
        let ready = worker.processes.iter().filter(|p| p.state == State::Ready).count();
        // A slot that is being restarted has several processes and one number of restarts.
        let restarts = places.iter().filter_map(|index| worker.processes.iter().find(|p| p.index == *index));
        table.row([
            worker.id.clone(),
            worker.kind.clone(),
            worker.state.to_string(),
            format!("{ready}/{}", places.len()),
            restarts.map(|p| p.restarts).sum::<u64>().to_string(),
            worker.processes.iter().map(|p| p.connections).sum::<u64>().to_string(),
            worker.reason.clone().unwrap_or_default(),
        ]);
    }
    table.render()
}
