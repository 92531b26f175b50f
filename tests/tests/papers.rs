//! What README.md says is needed is what is needed.

use jackfield_tests::{TempDir, jackfield};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap_or(0))
}

#[test]
fn the_rust_that_is_named_builds_every_dependency() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut metadata = Command::new(std::env::var("CARGO").unwrap_or("cargo".into()));
    let args = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"];
    metadata.args(args).arg("x86_64-unknown-linux-gnu").current_dir(&root);
    let output = metadata.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let needed = |package: &Value| package["rust_version"].as_str().map(version);
    let own = packages.iter().find(|package| package["name"] == "jackfield").and_then(needed).unwrap();
    for package in packages {
        assert!(needed(package) <= Some(own), "{} needs Rust {}", package["name"], package["rust_version"]);
    }
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains(&format!("Rust {}.{} or newer", own.0, own.1)), "README.md names another Rust");
}

#[test]
fn the_unit_is_one_that_systemd_understands_wholly() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("    [Unit]\n").expect("the unit");
    let lines = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let unit: String = lines.map(|line| format!("{}\n", line.trim_start())).collect();
    let dir = TempDir::new();
    let verify = |unit: &str| {
        let installed = unit.replace("/usr/local/bin/jackfield", jackfield().to_str().unwrap());
        dir.write("jackfield.service", format!("[Unit]\n{installed}"));
        let unit = dir.path().join("jackfield.service");
        let mut verify = Command::new("systemd-analyze");
        // A directory of its own first, then those of the system.
        verify
            .args(["verify", "--man=no"])
            .arg(&unit)
            .env("SYSTEMD_UNIT_PATH", format!("{}:", dir.path().display()));
        let output = verify.output().expect("systemd-analyze, of the package systemd");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // What is wrong with other units of this machine is not ours.
        let ours: Vec<_> =
            said.lines().filter(|line| line.contains("jackfield.service")).map(str::to_owned).collect();
        ours.join("\n")
    };
    assert!(
        unit.contains("ExecStart=/usr/local/bin/jackfield start") && unit.contains("WantedBy="),
        "{unit}"
    );
    assert_eq!(verify(&unit), "");
    let wrong = verify(&unit.replace("KillMode=mixed", "KillMood=mixed"));
    assert!(wrong.contains("KillMood"), "it looks: {wrong}");
}
