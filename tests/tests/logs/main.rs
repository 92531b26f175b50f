//! The log: its sinks, what happens when one of them is slow, full or gone, and its levels.

mod files;
mod levels;
mod lines;
mod missing;
mod servers;
mod terminal;

use jackfield_tests::{Node, until};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// A node with these sinks and one guest, a shell script.
fn start(sinks: Value, script: &str) -> Node {
    let worker = json!({"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", script]});
    let config = json!({"version": 2, "controller": {"log": {"sinks": sinks}}, "workers": [worker]});
    Node::start(&config.to_string())
}

/// Writes a line for each line that is put into the file `orders`, then sleeps.
const OBEDIENT: &str = "mkfifo orders; while true; do cat orders; done";

fn say(node: &Node, text: &str) {
    let orders = node.dir.path().join(".jackfield/orders");
    until("the guest's ear", || orders.exists().then_some(()));
    fs::write(orders, format!("{text}\n")).unwrap();
}

/// The files that a log was written to, the oldest first.
fn files(path: &Path) -> Vec<PathBuf> {
    let rotated = (1..).map(|n| PathBuf::from(format!("{}.{n}", path.display())));
    let mut files: Vec<_> = rotated.take_while(|path| path.exists()).collect();
    files.reverse();
    files.push(path.to_owned());
    files
}

/// The records in JSON files.
fn records(path: &Path) -> impl Iterator<Item = Value> {
    let lines =
        files(path).into_iter().flat_map(|file| BufReader::new(fs::File::open(file).unwrap()).lines());
    lines.map(|line| serde_json::from_str(&line.unwrap()).expect("a whole record"))
}

fn sinks(status: &Value) -> &Vec<Value> {
    status["logs"]["sinks"].as_array().unwrap()
}
