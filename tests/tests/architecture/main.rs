//! What imports what, held against docs/architecture.md: the folders of a crate import in one direction, the layers named
//! there import nothing but what is named, and crates that only decide know neither clock nor kernel.
//!
//! The sources are read as tokens: no process is started.

mod graph;
mod source;

use graph::Graph;
use source::Crate;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates whose folders must not import in a circle.
const CRATES: [&str; 5] =
    ["shared/src", "worker/src", "worker/wamp/src", "worker/arti/src", "controller/src"];

/// Crates that decide, and what they must not name: time, randomness and input are given to them.
const WITHOUT_IO: [&str; 2] = ["worker/wamp/src", "controller/fleet/src"];
const IO: [&str; 12] = [
    "tokio",
    "rustix",
    "nix",
    "libc",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::time::SystemTime",
    "Instant::now",
    "getrandom",
];

/// Imports that still close a circle, by crate and folders. No other one may be added: mend the new one instead.
const KNOWN: [(&str, &str, &str); 4] = [
    // `check` sets workers up to see whether that can be done.
    ("controller/src", "node", "supervise"),
    // The fleet has fields of these types, and what happens to them is said in `impl Fleet` beside them.
    ("controller/fleet/src", "fleet", "change"),
    ("controller/fleet/src", "fleet", "operation"),
    ("controller/fleet/src", "fleet", "stop"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn crates() -> Vec<(&'static str, Crate)> {
    CRATES.iter().map(|&name| (name, Crate::read(&root().join(name)))).collect()
}

#[test]
fn folders_do_not_import_in_a_circle() {
    let mut faults = String::new();
    for (name, sources) in crates() {
        let mut graph = Graph::of(&sources);
        for (_, from, to) in KNOWN.iter().filter(|(of, ..)| *of == name) {
            let is_there = graph.cut(from, to);
            if !is_there {
                faults += &format!("{name}: {from} does not import {to} any longer: strike it from KNOWN\n");
            }
        }
        while let Some(circle) = graph.circle() {
            faults += &format!("{name}: a circle:\n");
            for (from, to) in &circle {
                faults += &format!("  {from} imports {to}: {}\n", graph.files(from, to).join(", "));
            }
            let (from, to) = &circle[0];
            graph.cut(from, to);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn layers_import_what_the_documentation_says_and_nothing_else() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let rules = layers(&text);
    assert!(rules.len() >= 15, "the table of layers in docs/architecture.md has {} rows", rules.len());
    let crates = crates();
    let mut faults = String::new();
    for (folder, allowed) in rules {
        let (name, module) =
            folder.rsplit_once('/').unwrap_or_else(|| panic!("{folder}: no folder of a crate"));
        let Some((_, sources)) = crates.iter().find(|(of, _)| *of == name) else {
            panic!("docs/architecture.md names {folder}, which is in no crate of {CRATES:?}")
        };
        assert!(sources.has(module), "docs/architecture.md names {folder}, which is not there");
        let graph = Graph::of(sources);
        let imports = graph.from(module);
        for import in imports.difference(&allowed) {
            faults +=
                &format!("{folder} must not import {import}: {}\n", graph.files(module, import).join(", "));
        }
        for stale in allowed.difference(&imports) {
            faults += &format!("{folder} does not import {stale}: docs/architecture.md says that it does\n");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn crates_that_decide_know_no_clock_and_no_kernel() {
    let mut faults = String::new();
    for name in WITHOUT_IO {
        for (file, path) in Crate::read(&root().join(name)).paths() {
            if let Some(io) = IO.iter().find(|io| path == **io || path.starts_with(&format!("{io}::"))) {
                faults += &format!("{name}/{file} names {io}\n");
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// The rows of the table of layers: a folder, and the folders of its crate that it imports.
fn layers(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let heading = "| folder | imports |";
    let (_, table) = text.split_once(heading).expect("docs/architecture.md has a table of layers");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let names =
        |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|');
        let folder = names(cells.next().unwrap_or_default()).pop_first().expect("a row names a folder");
        (folder, names(cells.next().unwrap_or_default()))
    })
    .collect()
}
