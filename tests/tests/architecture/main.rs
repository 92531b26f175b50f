//! What imports what, held against docs/architecture.md: the folders of a crate import in one direction, the layers named
//! there import nothing but what is named, and crates that only decide know neither clock nor kernel.
//!
//! The sources are read as tokens: no process is started.

mod graph;
mod source;
mod tokens;

use graph::Graph;
use source::Crate;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates whose folders and files must not import in a circle.
const CRATES: [&str; 6] = [
    "shared/src",
    "worker/src",
    "worker/wamp/src",
    "worker/arti/src",
    "controller/src",
    "controller/fleet/src",
];

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

/// Machines whose `impl` stands in several files: these name the machine, and it names what it keeps for them. Circles of
/// files within these folders are accepted, by crate.
const MACHINES: [(&str, &str); 3] =
    [("worker/wamp/src", "realm/"), ("worker/wamp/src", "session/"), ("worker/wamp/src", "link/")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn crates() -> Vec<(&'static str, Crate)> {
    CRATES.iter().map(|&name| (name, Crate::read(&root().join(name)))).collect()
}

fn folders(sources: &Crate) -> Graph {
    let mut graph = Graph::default();
    for import in sources.imports() {
        // The crate's root puts together what is there, and stands above all.
        if !import.folder.is_empty() {
            graph.add(&import.folder, &import.declared_by, &format!("{} ({})", import.name, import.file));
        }
    }
    graph
}

fn files(sources: &Crate) -> Graph {
    let mut graph = Graph::default();
    for import in sources.imports() {
        graph.add(&import.file, &import.declared_in, &import.name);
    }
    graph
}

#[test]
fn folders_and_files_do_not_import_in_a_circle() {
    let mut faults = String::new();
    let mut accepted = BTreeSet::new();
    for (name, sources) in crates() {
        for circle in folders(&sources).circles() {
            faults += &format!("{name}: {circle}");
        }
        for circle in files(&sources).circles() {
            let within = |(of, folder): &(&str, &str)| *of == name && circle.is_within(folder);
            match MACHINES.into_iter().find(within) {
                Some(machine) => drop(accepted.insert(machine)),
                None => faults += &format!("{name}: {circle}"),
            }
        }
    }
    for (name, folder) in MACHINES {
        if !accepted.contains(&(name, folder)) {
            faults += &format!("{name}/{folder} has no circle any longer: strike it from MACHINES\n");
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
        let graph = folders(sources);
        let imports = graph.from(module);
        for import in imports.difference(&allowed) {
            faults +=
                &format!("{folder} must not import {import}: {}\n", graph.names(module, import).join(", "));
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
