//! Speaking to the running node.

use super::failure::Failure;
use super::output::progress;
use crate::control::{Client, ConnectError, Request, Response};
use crate::node::Directory;
use jackfield_shared::status::Status;
use std::io;
use std::time::Duration;

/// How long the answer to a question that needs no work may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to the node that runs in the directory.
pub(super) fn connect(directory: &Directory) -> Result<Client, Failure> {
    let shown = directory.absolute();
    let shown = shown.display();
    Client::connect(&directory.run()).map_err(|e| match e {
        ConnectError::NoNode => Failure::no_node(format!("no node runs in {shown}{}", elsewhere(directory))),
        ConnectError::Io(e) if e.kind() == io::ErrorKind::PermissionDenied => Failure::new(format!(
            "the node in {shown} belongs to another user: only that user and root may command it"
        )),
        ConnectError::Io(e) => Failure::new(format!("cannot reach the node in {shown}: {e}")),
    })
}

/// What else to try where no node runs.
fn elsewhere(directory: &Directory) -> &'static str {
    if directory.is_named { "" } else { " (--dir names another directory)" }
}

/// Asks for something that takes time; shows progress until it is done. Returns what was said last.
pub(super) fn carry_out(client: &mut Client, request: &Request) -> Result<Option<String>, Failure> {
    client.send(request)?;
    let mut last = None;
    loop {
        match client.next()? {
            Some(Response::Progress(text)) => {
                progress(&text);
                last = Some(text);
            }
            Some(Response::Done) => return Ok(last),
            Some(Response::Error(reason)) => return Err(Failure::new(reason)),
            Some(_) => return Err(unexpected()),
            None => return Err(Failure::new("the node ended before it was done")),
        }
    }
}

/// The status of the node that runs in the directory.
pub(super) fn status(directory: &Directory) -> Result<Status, Failure> {
    let mut client = connect(directory)?;
    client.limit(PATIENCE)?;
    client.send(&Request::Status)?;
    let response = client.next().map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            let pid = client.controller_pid().map_or("unknown".into(), |pid| pid.to_string());
            Failure::new(format!(
                "the node's controller (pid {pid}) does not answer: is it stopped or overloaded?"
            ))
        }
        _ => e.into(),
    })?;
    match response {
        Some(Response::Status(status)) => Ok(*status),
        Some(Response::Error(reason)) => Err(Failure::new(reason)),
        Some(_) => Err(unexpected()),
        // It ended just now.
        None => Err(Failure::no_node(format!("no node runs in {}", directory.absolute().display()))),
    }
}

fn unexpected() -> Failure {
    Failure::new("the node gave an answer that this command does not understand")
}
