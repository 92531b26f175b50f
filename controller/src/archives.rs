//! The archives that `archive` services are to fetch: before anything of a configuration starts, each by a process of its
//! own, which knows how.

use crate::stage::EXECUTABLE;
use jackfield_shared::config::{Node, Path, archives_of_node};
use jackfield_shared::stage;
use jackfield_worker::{FETCHER, Order};
use std::process::{Command, Stdio};

/// Fetches what is missing, and tells before each what it is; says of each that can't be had why.
pub(crate) fn fetch(node: &Node, mut tell: impl FnMut(String)) -> Vec<(Path, String)> {
    let mut failed = Vec::new();
    for (at, service) in archives_of_node(node) {
        let Some(origin) = service.origin.as_ref().filter(|_| service.download && !service.archive.exists())
        else {
            continue;
        };
        tell(format!("{at}: fetching {origin}"));
        let order = Order {
            origin: origin.clone(),
            archive: service.archive.clone(),
            hashes: service.hashes.clone(),
        };
        if let Err(reason) = fetch_one(&order) {
            failed.push((at.key("origin"), format!("can't be fetched: {reason}")));
        }
    }
    failed
}

fn fetch_one(order: &Order) -> Result<(), String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot start a process: {e}");
    let mut child = Command::new(EXECUTABLE)
        .env(stage::VARIABLE, stage::value(FETCHER, std::process::id()))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(&e))?;
    if let Some(input) = child.stdin.take() {
        serde_json::to_writer(input, order).map_err(|e| failed(&e))?;
    }
    let output = child.wait_with_output().map_err(|e| failed(&e))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match (output.status.success(), said.is_empty()) {
        (true, _) => Ok(()),
        (false, false) => Err(said),
        (false, true) => Err(output.status.to_string()),
    }
}
