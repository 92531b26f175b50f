//! `jackfield endpoints`

use super::client;
use super::failure::Failure;
use super::output::{print, print_json};
use super::table::Table;
use crate::node::Directory;
use clap::Args;
use jackfield_shared::status::{Endpoint, State, Status};

/// Lists every listening endpoint
#[derive(Debug, Args)]
pub(super) struct Endpoints {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Endpoints {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        let status = client::status(directory)?;
        if self.json { print_json(&status.endpoints) } else { print(&table(&status)) }
    }
}

/// Process ids that fit into a column.
const MOST_PIDS: usize = 4;

fn table(status: &Status) -> String {
    let mut table = Table::new([
        "ADDRESS",
        "ONION",
        "WORKER",
        "TRANSPORT",
        "TYPE",
        "STATE",
        "ACCEPT",
        "OPEN",
        "ACCEPTED",
        "REFUSED",
        "WHY",
    ]);
    for endpoint in &status.endpoints {
        let Endpoint { worker, transport, kind, address, onion, state, connections, .. } = endpoint;
        // Guests accept themselves, and tell nobody.
        let is_guest = status.workers.iter().any(|of| of.id == *worker && of.kind == "guest");
        let counted = |count: u64| if is_guest { "-".to_owned() } else { count.to_string() };
        table.row([
            address.clone(),
            onion.clone().unwrap_or_else(|| "-".into()),
            worker.clone(),
            transport.clone(),
            if endpoint.tls { format!("{kind} (TLS)") } else { kind.clone() },
            state.to_string(),
            accepting(status, endpoint),
            counted(connections.open),
            counted(connections.accepted),
            counted(connections.refused),
            endpoint.reason.clone().unwrap_or_default(),
        ]);
    }
    table.render()
}

/// Who accepts: the ids of the processes.
fn accepting(status: &Status, endpoint: &Endpoint) -> String {
    let worker = status.workers.iter().find(|worker| worker.id == endpoint.worker);
    let processes = worker.into_iter().flat_map(|worker| &worker.processes);
    let pids: Vec<_> = processes
        .filter(|p| p.state == State::Ready)
        .filter_map(|p| p.pid)
        .map(|pid| pid.to_string())
        .collect();
    match pids.len() {
        0 => "nobody".into(),
        1..=MOST_PIDS => pids.join(","),
        many => format!("{},… ({many})", pids[..MOST_PIDS - 1].join(",")),
    }
}
