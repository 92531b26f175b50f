//! The commands that need no running node.

use jackfield_tests::{TempDir, run};
use serde_json::Value;
use std::process::Output;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn check(config: &str) -> Output {
    let dir = TempDir::new();
    let name = if config.starts_with('{') { "config.json" } else { "config.yaml" };
    dir.write(&format!(".jackfield/{name}"), config);
    run(dir.path(), &["check"])
}

#[test]
fn check_names_every_error_with_its_place() {
    let config = r#"{
  "version": 2,
  "workers": [
    {"type": "router", "transports": [
      {"type": "web", "endpoint": {"type": "tcp", "prot": 8080}, "paths": {}},
      {"type": "web", "endpoint": {"type": "tcp", "port": 70000}, "paths": {}}
    ]},
    {"type": "ruoter"}
  ]
}"#;
    let output = check(config);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output) + &err(&output);
    for wanted in [
        "config.json:5:",
        "workers[0].transports[0].endpoint",
        "prot",
        "port",
        "config.json:6:",
        "70000",
        "65535",
        "config.json:8:",
        "\"router\"",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
}

#[test]
fn check_accepts_and_warns_of_what_is_not_built_and_start_refuses_it() {
    let config = "version: 2\nworkers:\n  - type: router\n    transports:\n      - type: websocket\n        endpoint: {type: tcp, port: 8080}\n";
    let output = check(config);
    assert!(output.status.success(), "{}{}", out(&output), err(&output));
    let text = out(&output) + &err(&output);
    assert!(text.contains("config.yaml:5:") && text.contains("WAMP"), "{text}");
    let dir = TempDir::new();
    dir.write(".crossbar/config.yaml", config);
    let output = run(dir.path(), &["start"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("WAMP"), "{}", err(&output));
}

#[test]
fn broken_files_are_errors_with_a_place() {
    for (config, place) in [
        ("{\"version\": 2,", ":1:"),
        ("{\"version\": 2, \"version\": 2}", ":1:16"),
        ("version: 2\nworkers: [\n", ":2:10"),
    ] {
        let output = check(config);
        assert_eq!(output.status.code(), Some(1));
        assert!((out(&output) + &err(&output)).contains(place), "{config}: {}{}", out(&output), err(&output));
    }
}

#[test]
fn init_writes_a_configuration_that_passes_and_never_overwrites() {
    let dir = TempDir::new();
    let output = run(dir.path(), &["init"]);
    assert!(output.status.success(), "{}", err(&output));
    let checked = run(dir.path(), &["check"]);
    assert!(checked.status.success(), "{}{}", out(&checked), err(&checked));
    let again = run(dir.path(), &["init"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(err(&again).contains(".jackfield"), "{}", err(&again));
}

#[test]
fn convert_goes_both_ways() {
    let dir = TempDir::new();
    let json = r#"{"version": 2, "workers": [{"type": "router", "id": "r_1", "options": {"title": "yes"}}]}"#;
    dir.write("config.json", json);
    let yaml = run(dir.path(), &["convert", "config.json"]);
    assert!(yaml.status.success(), "{}", err(&yaml));
    dir.write("config.yaml", &yaml.stdout);
    let back = run(dir.path(), &["convert", "config.yaml"]);
    assert!(back.status.success(), "{}", err(&back));
    let parse = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
    assert_eq!(parse(&back.stdout), parse(json.as_bytes()));
}

#[test]
fn schema_completions_and_version() {
    let dir = TempDir::new();
    let schema: Value = serde_json::from_slice(&run(dir.path(), &["schema"]).stdout).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("2020-12"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&run(dir.path(), &["completions", shell])).contains("jackfield"));
    }
    assert!(out(&run(dir.path(), &["version"])).contains(env!("CARGO_PKG_VERSION")));
    assert!(out(&run(dir.path(), &["--help"])).contains("worker"));
}
