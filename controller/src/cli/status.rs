//! `jackfield status`

use super::client;
use super::failure::Failure;
use super::output::{print, print_json};
use super::table::{Table, bytes, duration};
use crate::node::Directory;
use clap::{Args, ValueEnum};
use jackfield_shared::status::{self, Process, State};
use std::io::{self, IsTerminal as _};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Shows what the node is doing
#[derive(Debug, Args)]
pub(super) struct Status {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Again and again, once a second
    #[arg(long)]
    watch: bool,
    /// Print nothing; succeed if it is so
    #[arg(long, value_name = "STATE", conflicts_with_all = ["json", "watch"])]
    assert: Option<Assertion>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Assertion {
    /// A node runs, and every worker that is to has a process that is ready
    Running,
    /// No node runs
    Stopped,
}

impl Status {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        match self.assert {
            Some(Assertion::Running) => serves(&client::status(directory)?),
            Some(Assertion::Stopped) => match client::connect(directory) {
                Ok(_) => Err(Failure::new(format!("a node runs in {}", directory.shown.display()))),
                Err(failure) if failure.is_no_node() => Ok(()),
                Err(failure) => Err(failure),
            },
            None => self.show(directory),
        }
    }

    fn show(&self, directory: &Directory) -> Result<(), Failure> {
        loop {
            let status = client::status(directory)?;
            // Home, and away with what is below: a screen that is cleared first would flicker.
            if self.watch && io::stdout().is_terminal() && !self.json {
                print("\x1b[H\x1b[J")?;
            }
            if self.json {
                print_json(&status)?
            } else {
                print(&table(&status))?
            }
            if !self.watch {
                return Ok(());
            }
            sleep(Duration::from_secs(1));
        }
    }
}

/// Whether every worker serves, but for those that have ended as they were to.
fn serves(status: &status::Status) -> Result<(), Failure> {
    let is_down = |worker: &&status::Worker| {
        let mut states = worker.processes.iter().map(|process| process.state);
        states.len() > 0
            && !states.clone().any(|state| state == State::Ready)
            && !states.all(|s| s == State::Stopped)
    };
    match status.workers.iter().find(is_down) {
        Some(worker) => {
            let reason = worker.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let (id, state) = (&worker.id, worker.state);
            Err(Failure::new(format!("no process of worker {id} is ready, its state is {state}{reason}")))
        }
        None => Ok(()),
    }
}

fn table(status: &status::Status) -> String {
    let node = &status.node;
    let mut text = format!(
        "node {}  pid {}  up {}  jackfield {}  {}\n\n",
        node.id,
        node.pid,
        duration(node.uptime_s),
        node.version,
        node.config
    );
    let mut table = Table::new([
        "WORKER", "TYPE", "PROCESS", "PID", "STATE", "UP", "RESTARTS", "OPEN", "MEMORY", "CPU", "SAYS",
    ]);
    for worker in &status.workers {
        for process in &worker.processes {
            let Process { state, uptime_s, restarts, connections, rss_bytes, cpu_s, .. } = process;
            let runs = process.pid.is_some();
            let if_runs = |text: String| if runs { text } else { "-".into() };
            // Guests accept themselves, and tell nobody.
            let open = if worker.kind == "guest" { "-".into() } else { connections.to_string() };
            table.row([
                worker.id.clone(),
                worker.kind.clone(),
                process.place(),
                process.pid.map_or_else(|| "-".into(), |pid| pid.to_string()),
                state.to_string(),
                if_runs(duration(*uptime_s)),
                restarts.to_string(),
                if_runs(open),
                if_runs(bytes(*rss_bytes)),
                if_runs(format!("{cpu_s:.2}s")),
                why(worker, process),
            ]);
        }
    }
    text += &table.render();
    if !status.realms.is_empty() {
        let mut table = Table::new([
            "REALM",
            "WORKER",
            "SESSIONS",
            "SUBSCRIPTIONS",
            "REGISTRATIONS",
            "CALLS",
            "QUEUED",
            "DROPPED",
        ]);
        for realm in &status.realms {
            table.row([
                realm.told.name.clone(),
                realm.worker.clone(),
                realm.told.sessions.to_string(),
                realm.told.subscriptions.to_string(),
                realm.told.registrations.to_string(),
                realm.told.calls.to_string(),
                bytes(realm.told.queued_bytes),
                realm.told.events_dropped.to_string(),
            ]);
        }
        text += &format!("\n{}", table.render());
        for realm in &status.realms {
            for trouble in &realm.told.troubles {
                text += &format!("\nrealm {}: {trouble}\n", realm.told.name);
            }
        }
    }
    if !status.connections.is_empty() {
        let mut table =
            Table::new(["CONNECTION", "WORKER", "TO", "SESSIONS", "JOINED", "FAILED", "LAST ERROR"]);
        for status::Connection { worker, told } in &status.connections {
            table.row([
                told.name.clone(),
                worker.clone(),
                told.to.clone(),
                told.sessions.to_string(),
                told.joined.to_string(),
                told.failed.to_string(),
                told.last_error.clone().unwrap_or_default(),
            ]);
        }
        text += &format!("\n{}", table.render());
    }
    if !status.backends.is_empty() {
        text += &format!("\n{}", backends(status).render());
    }
    if !status.acme.is_empty() {
        let mut table = Table::new(["CERTIFICATE", "STATE", "EXPIRES", "ASKS AGAIN", "LAST ERROR"]);
        for acme in &status.acme {
            table.row([
                acme.domains.join(" "),
                acme.state.to_string(),
                acme.not_after.map_or_else(|| "none yet".into(), time_until),
                acme.next.map_or_else(|| "now".into(), time_until),
                acme.reason.clone().unwrap_or_default(),
            ]);
        }
        text += &format!("\n{}", table.render());
    }
    for sink in &status.logs.sinks {
        if let Some(trouble) = &sink.trouble {
            let (kind, target, waiting) = (&sink.kind, &sink.target, sink.waiting);
            text += &format!("\nlog sink {kind} {target}: {trouble}; {waiting} records wait\n");
        }
    }
    if status.logs.dropped > 0 {
        text += &format!("\n{} log records were dropped\n", status.logs.dropped);
    }
    text
}

/// The backends of relays and reverse proxies.
pub(super) fn backends(status: &status::Status) -> Table {
    let mut table = Table::new([
        "BACKEND",
        "WORKER",
        "TRANSPORT",
        "PATH",
        "STATE",
        "OPEN",
        "REQUESTS",
        "ERRORS",
        "LAST ERROR",
    ]);
    for backend in &status.backends {
        table.row([
            backend.address.clone(),
            backend.worker.clone(),
            backend.transport.clone(),
            format!("{}{}", backend.host, backend.path),
            backend.state.to_string(),
            backend.open.to_string(),
            backend.requests.to_string(),
            backend.errors.to_string(),
            backend.last_error.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// How long it is until this time, in seconds since the Unix epoch.
fn time_until(time: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let left = time as f64 - now;
    if left <= 0.0 { "now".into() } else { format!("in {}", duration(left)) }
}

/// Why a process is not ready, as far as it is known; else what a guest says of itself.
fn why(worker: &status::Worker, process: &Process) -> String {
    match process.state {
        State::Ready | State::Draining | State::Starting | State::Stopped => {
            process.status.clone().unwrap_or_default()
        }
        State::Failed | State::Backoff => {
            let of_worker = worker.reason.clone().filter(|_| worker.state == process.state);
            of_worker.or_else(|| process.last_exit.as_ref().map(ToString::to_string)).unwrap_or_default()
        }
    }
}
