//! What README.md says is needed is what is needed.

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
