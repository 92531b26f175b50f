//! 887 dialogues of WAMP clients with Crossbar.io, recorded on the wire, with this node in its place.
//!
//! Where we decided otherwise, `wamp/deviations.json` names the scenario and the reason (docs/wamp.md has them in words);
//! where the recording itself says that the reference is at fault, the runner calls a difference excused. Every other
//! difference fails, and so does a deviation that is none any longer.

use jackfield_tests::{TempDir, jackfield, venv_python};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn replay(shard: &str) {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("wamp");
    let dir = TempDir::new();
    let report = dir.path().join("report.json");
    // Components in Python, of the configuration `dynamic`, run with the Python that comes first.
    let python = venv_python();
    let path = std::env::join_paths(
        python
            .parent()
            .map(Path::to_owned)
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let command = format!("{} start --cbdir {{dir}}", jackfield().display());
    let out = Command::new(&python)
        .arg(files.join("scenarios.py"))
        .args(["replay", "--retry", "--warmup", "0.1", "--shard", shard, "--command", &command])
        .arg("--in")
        .arg(files.join("scenarios.jsonl"))
        .arg("--report")
        .arg(&report)
        .env("TMPDIR", dir.path())
        .env("PATH", path.unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let report = std::fs::read(&report)
        .unwrap_or_else(|e| panic!("no report: {e}\n{text}{}", String::from_utf8_lossy(&out.stderr)));
    let report: Vec<Value> = serde_json::from_slice(&report).unwrap();
    let deviations = std::fs::read(files.join("deviations.json")).unwrap();
    let deviations: BTreeMap<String, String> = serde_json::from_slice(&deviations).unwrap();
    let (mut passed, mut wrong) = (0, Vec::new());
    for one in &report {
        let id = one["id"].as_str().unwrap();
        let known = deviations.contains_key(id);
        match (one["status"].as_str().unwrap(), known) {
            ("pass", false) | ("excused", _) => passed += 1,
            ("fail", true) => {}
            ("pass", true) => wrong.push(format!("{id}: is no deviation any longer; take it off the list")),
            _ => wrong.push(format!("{id}: {}", one["error"].as_str().unwrap_or_default())),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(passed > 100, "{passed} of {} passed", report.len());
}

#[test]
fn recorded_dialogues_first_quarter() {
    replay("0/4");
}

#[test]
fn recorded_dialogues_second_quarter() {
    replay("1/4");
}

#[test]
fn recorded_dialogues_third_quarter() {
    replay("2/4");
}

#[test]
fn recorded_dialogues_last_quarter() {
    replay("3/4");
}
