//! What a configuration asks for and this machine, or this user, can't give: `check` says it as `start` does.

use super::setup::{Machine, worker as set_up};
use crate::accounts::Accounts;
use crate::node::RUN;
use crate::node_key;
use crate::python::Around;
use jackfield_shared::config::{
    Endpoint, ListeningEndpoint, Node, Path, Sink, Worker, WorkerKind, endpoints_of_node,
};
use rustix::process::{Resource, geteuid, getrlimit};
use std::fs;
use std::path::{Path as FsPath, PathBuf};

/// Most bytes that a guest's arguments may have together: the stage that executes it gets them in one argument, which the
/// kernel limits to 128 KiB (execve(2), MAX_ARG_STRLEN), with some more.
const ARGUMENTS: usize = 100 << 10;

/// Each thing that can't be had, and where it is asked for.
pub(crate) fn review(node: &Node, base: &FsPath, accounts: &Accounts) -> Vec<(Path, String)> {
    let machine = match Machine::look(None) {
        Ok(machine) => machine,
        Err(reason) => return vec![(Path::default(), reason)],
    };
    let mut wrong = Vec::new();
    let around = Around::of(node);
    for (index, worker) in node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled()) {
        let at = Path::default().key("workers").index(index);
        if let Err((key, reason)) = set_up(worker.clone(), &around, base, (&machine, accounts)) {
            wrong.push((at.key(key), reason));
        }
        wrong.extend(of_worker(worker, &at, base));
    }
    wrong.extend(of_sinks(node, base));
    wrong.extend(of_sockets(node, base));
    wrong
}

fn of_worker(worker: &Worker, at: &Path, base: &FsPath) -> Vec<(Path, String)> {
    let mut wrong = Vec::new();
    wrong.extend(node_key::review(worker, base).map(|(part, text)| (at.key(part), text)));
    if let Some(wanted) = worker.common.limits.nofile
        && let Some(most) = most_open_files().filter(|most| wanted > *most)
    {
        let text = format!(
            "found {wanted}, and this node may open {most} files at most (the hard limit, `ulimit -Hn`; for root \
             /proc/sys/fs/nr_open)"
        );
        wrong.push((at.key("limits").key("nofile"), text));
    }
    if let WorkerKind::Guest(guest) = &worker.kind {
        let size = serde_json::to_string(&guest.arguments).map_or(0, |text| text.len());
        if size > ARGUMENTS {
            let text =
                format!("the arguments have {size} bytes; {ARGUMENTS} is the most: hand more over in a file");
            wrong.push((at.key("arguments"), text));
        }
    }
    wrong
}

/// How many files a process may be allowed to open; absent: any number.
fn most_open_files() -> Option<u64> {
    if geteuid().is_root() {
        return fs::read_to_string("/proc/sys/fs/nr_open").ok()?.trim().parse().ok();
    }
    getrlimit(Resource::Nofile).maximum
}

/// Two sinks that write to one file would write over each other.
fn of_sinks(node: &Node, base: &FsPath) -> Vec<(Path, String)> {
    let files: Vec<_> = node
        .controller
        .log
        .sinks
        .iter()
        .enumerate()
        .filter_map(|(index, sink)| match sink {
            Sink::File(file) => Some((index, one_name(&base.join(&file.path)))),
            _ => None,
        })
        .collect();
    let twice = |(place, (index, name)): (usize, &(usize, PathBuf))| {
        let (first, _) = files.iter().take(place).find(|(_, other)| other == name)?;
        let at = Path::default().key("controller").key("log").key("sinks").index(*index).key("path");
        Some((
            at,
            format!(
                "{} is the file of controller.log.sinks[{first}] already; each needs its own",
                name.display()
            ),
        ))
    };
    files.iter().enumerate().filter_map(twice).collect()
}

/// Names that the node needs for itself.
fn of_sockets(node: &Node, base: &FsPath) -> Vec<(Path, String)> {
    let own = one_name(&base.join(RUN));
    let taken = |(at, endpoint): (Path, Endpoint<'_>)| {
        let Endpoint::Listening(ListeningEndpoint::Unix(unix), _) = endpoint else { return None };
        let name = one_name(&unix.path);
        let text = || {
            format!(
                "{} belongs to the node itself, which has its own sockets there; choose another directory",
                own.display()
            )
        };
        (name.parent() == Some(&own)).then(|| (at.key("path"), text()))
    };
    endpoints_of_node(node).filter_map(|(at, endpoint)| taken((at, endpoint))).collect()
}

/// A path as one can compare it: its directory without links, as far as that exists, and without detours.
fn one_name(path: &FsPath) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    match (plain.parent().and_then(|parent| parent.canonicalize().ok()), plain.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => plain,
    }
}
