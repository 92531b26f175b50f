//! The commands that need no running node.

use jackfield_tests::{TempDir, jackfield, loopback, run};
use serde_json::{Value, json};
use std::os::unix::net::UnixListener;
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
    assert_eq!(output.status.code(), Some(78));
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
    let config = "version: 2\nworkers:\n  - type: router\n    transports:\n      - type: flashpolicy\n        endpoint: {type: tcp, port: 8080}\n";
    let output = check(config);
    assert!(output.status.success(), "{}{}", out(&output), err(&output));
    let text = out(&output) + &err(&output);
    assert!(text.contains("config.yaml:5:") && text.contains("Flash"), "{text}");
    let dir = TempDir::new();
    dir.write(".crossbar/config.yaml", config);
    let output = run(dir.path(), &["start"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).contains("Flash"), "{}", err(&output));
}

#[test]
fn broken_files_are_errors_with_a_place() {
    for (config, place) in [
        ("{\"version\": 2,", ":1:"),
        ("{\"version\": 2, \"version\": 2}", ":1:16"),
        ("version: 2\nworkers: [\n", ":2:10"),
    ] {
        let output = check(config);
        assert_eq!(output.status.code(), Some(78));
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

/// `check` and `start` of a configuration that both refuse: what `check` says.
fn refused(config: &str) -> String {
    let dir = TempDir::new();
    dir.write(".jackfield/config.json", config);
    let [checked, started] = ["check", "start"].map(|command| run(dir.path(), &[command]));
    assert_eq!(checked.status.code(), Some(78), "{config}: {}{}", out(&checked), err(&checked));
    assert_eq!(started.status.code(), Some(78), "{config}: {}", err(&started));
    err(&checked)
}

fn echo(endpoint: &str, more: &str) -> String {
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", {more} "transports": [{{"type": "stream.testee", "endpoint": {endpoint}}}]}}]}}"#
    )
}

#[test]
fn check_refuses_what_start_refuses_and_what_would_fail_later() {
    let tcp = r#"{"type": "tcp", "interface": "127.0.0.1", "port": 8080}"#;
    let unix = |path: &str| echo(&format!(r#"{{"type": "unix", "path": "{path}"}}"#), "");
    let sinks = |second: &str| {
        format!(
            r#"{{"version": 2, "controller": {{"log": {{"sinks": [{{"type": "file", "path": "x.log"}}, {{"type": "file", "path": "{second}"}}]}}}}}}"#
        )
    };
    let guest = format!(
        r#"{{"version": 2, "workers": [{{"type": "guest", "executable": "sh", "arguments": ["-c", "{}"]}}]}}"#,
        "x".repeat(130_000)
    );
    let interface =
        |name: &str| echo(&format!(r#"{{"type": "tcp", "interface": "{name}", "port": 8080}}"#), "");
    for (config, expected) in [
        (echo(tcp, r#""user": "no such user","#), "workers[0].user: there is no user"),
        (echo(tcp, r#""group": "no such group","#), "workers[0].group: there is no group"),
        (
            echo(r#"{"type": "unix", "path": "s", "owner": "no such user"}"#, ""),
            "workers[0].transports[0].endpoint.owner: there is no user",
        ),
        (
            echo(r#"{"type": "unix", "path": "s", "group": "no such group"}"#, ""),
            "workers[0].transports[0].endpoint.group: there is no group",
        ),
        (echo(tcp, r#""limits": {"nofile": 1073741816},"#), "workers[0].limits.nofile: found 1073741816"),
        (echo(tcp, r#""after": ["nobody"],"#), "workers[0].after[0]: found \"nobody\""),
        (sinks("./x.log"), "sinks[1].path: "),
        (sinks("a/../x.log"), "is the file of controller.log.sinks[0] already"),
        (unix("run/control.sock"), "belongs to the node itself"),
        (unix("./run/../run/x"), "belongs to the node itself"),
        (unix("x.sock/"), "no slash at its end"),
        (unix("x\\u0000y"), "NUL"),
        (guest, "workers[0].arguments: the arguments have"),
        (interface("[::1]"), "without brackets"),
        (interface("*"), "leave \"interface\" out"),
        (interface("lo"), "name of a device"),
        (interface("fe80::1"), "fe80::1%eth0"),
        (interface("192.0.2.1"), "does not have the address"),
    ] {
        let said = refused(&config);
        assert!(said.contains(expected) && said.contains("config.json:1:"), "{expected}: {said}");
    }
}

#[test]
fn what_crossbar_has_and_has_no_effect_here_is_a_warning() {
    let output = check(
        r#"{"version": 2, "controller": {"fabric": {"transport": {}}, "options": {"reactor": {"linux": "epoll"}}}, "workers": [
            {"type": "router", "transports": [{"type": "web", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 8080},
                "options": {"debug": true}, "paths": {"/": {"type": "json", "value": 1}}}]},
            {"type": "container", "components": [{"type": "class", "classname": "a.B", "realm": "realm1", "transport":
                {"type": "rawsocket", "url": "ws://localhost:8080", "serializer": "json",
                 "endpoint": {"type": "tcp", "host": "localhost", "port": 8080}}}]}]}"#,
    );
    let said = err(&output);
    assert!(output.status.success(), "{said}");
    for expected in [
        "warning: controller.fabric: has no effect",
        "warning: controller.options.reactor: has no effect",
        "warning: workers[0].transports[0].options.debug: has no effect",
        "warning: workers[1].components[0].transport.url: has no effect: it is an address of WebSocket",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_port_with_zeros_in_front_is_told_to_lose_them() {
    let dir = TempDir::new();
    dir.write(
        ".jackfield/config.yaml",
        "version: 2\nworkers:\n- type: router\n  transports:\n  - type: stream.testee\n    endpoint: {type: tcp, port: 08080}\n",
    );
    let output = run(dir.path(), &["check"]);
    let said = err(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("config.yaml:6:") && said.contains("without zeros in front"), "{said}");
    assert!(!said.contains("without quotes"), "{said}");
}

/// What `check` writes to a terminal.
fn on_terminal(dir: &TempDir, env: &[(&str, &str)]) -> String {
    const PTY: &str =
        "import os, pty, sys\nstatus = pty.spawn(sys.argv[1:])\nsys.exit(os.waitstatus_to_exitcode(status))";
    let output = std::process::Command::new("python3")
        .args(["-c", PTY])
        .arg(jackfield())
        .arg("check")
        .current_dir(dir.path())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .envs(env.iter().copied())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    out(&output)
}

#[test]
fn check_has_colours_on_a_terminal_and_nowhere_else() {
    let dir = TempDir::new();
    dir.write(
        ".jackfield/config.yaml",
        "version: 2\ncontroller: {fabric: {}}\nworkers: [{type: nonsense}]\n",
    );
    let coloured = on_terminal(&dir, &[]);
    assert!(coloured.contains("\u{1b}["), "{coloured:?}");
    let plain = on_terminal(&dir, &[("NO_COLOR", "1")]);
    assert!(plain.contains("nonsense") && !plain.contains('\u{1b}'), "{plain:?}");
    let piped = err(&run(dir.path(), &["check"]));
    assert!(piped.contains("warning: controller.fabric") && !piped.contains('\u{1b}'), "{piped:?}");
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').expect("the end of a sequence").1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain, "they differ in nothing else");
}

#[test]
fn what_is_missing_hides_nothing_of_what_is_not_built() {
    let said = refused(
        r#"{"version": 2, "workers": [{"type": "router", "transports": [
            {"type": "web", "endpoint": {"type": "tcp", "port": 8080}, "paths": {"/": {"type": "static", "directory": "missing"}}},
            {"type": "flashpolicy", "endpoint": {"type": "tcp", "port": 8081}}]}]}"#,
    );
    assert!(said.contains("missing does not exist") && said.contains("is not built"), "{said}");
}

#[test]
fn a_directory_that_is_named_must_hold_a_configuration() {
    let dir = TempDir::new();
    let code = |args: &[&str]| {
        let output = run(dir.path(), args);
        (output.status.code(), out(&output) + &err(&output))
    };
    for command in ["start", "check"] {
        let (status, said) = code(&[command, "--dir", "wrong"]);
        assert_eq!(status, Some(78), "{said}");
        assert!(said.contains("wrong") && said.contains("jackfield init"), "{said}");
        assert!(!dir.path().join("wrong").exists(), "nothing is made");
    }
    dir.write("empty/readme", "");
    assert_eq!(code(&["start", "--dir", "empty"]).0, Some(78));
    dir.write(".jackfield/something", "");
    assert_eq!(code(&["start"]).0, Some(78), "somebody has put something there");
    assert_eq!(code(&["check"]).0, Some(78), "nothing is not valid");
    let file = dir.path().join(".jackfield/config.json");
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    assert_eq!(code(&["check"]).0, Some(78), "a link that leads nowhere");
    std::fs::remove_file(&file).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(fifo.success());
    let (status, said) = code(&["check"]);
    assert!(status == Some(78) && said.contains("no regular file"), "{said}");
    std::fs::remove_file(&file).unwrap();
    dir.write(".jackfield/config.yml", "version: 2\n");
    let (status, said) = code(&["check"]);
    assert!(status == Some(0) && said.contains("config.yml: valid"), "{said}");
}

#[test]
fn doctor_says_what_is_found_what_it_means_and_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new();
    let _there = UnixListener::bind(dir.path().join("app.sock")).unwrap();
    let addr = loopback();
    let backends = json!([{"type": "unix", "path": "../app.sock"}, {"type": "tcp", "host": addr, "port": 9, "timeout": 1}]);
    let relay = json!({"type": "stream.relay", "endpoint": {"type": "tcp", "port": 8080, "backlog": 60000}, "backends": backends});
    let config = json!({"version": 2, "workers": [{"type": "router", "transports": [relay]}]});
    dir.write(".jackfield/config.json", config.to_string());
    let set = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(dir.path().join(".jackfield"), permissions).unwrap();
    };
    set(0o700);
    let output = run(dir.path(), &["doctor"]);
    let text = out(&output);
    assert!(output.status.success(), "{text}{}", err(&output));
    for wanted in [
        "good   the configuration",
        "app.sock can be reached\n",
        &format!("hint   {addr}:9 can't be reached: "),
        "       start what is to listen there",
        "files",
        ": 0 wrong, ",
    ] {
        assert!(text.contains(wanted), "{wanted:?} in {text}");
    }
    let most: u32 = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    assert_eq!(text.contains("accept queues of 60000"), most < 60_000, "{text}");
    set(0o777);
    let output = run(dir.path(), &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let wrong: Vec<_> = found.iter().filter(|finding| finding["weight"] == "wrong").collect();
    let [finding] = wrong[..] else { panic!("{wrong:?}") };
    assert!(finding["advice"].as_str().unwrap().starts_with("chmod go-w "), "{finding}");
}

#[test]
fn without_a_node_the_absolute_path_is_named() {
    let dir = TempDir::new();
    let output = run(dir.path(), &["status"]);
    let path = dir.path().canonicalize().unwrap().join(".jackfield");
    let said = err(&output);
    assert!(said.contains(path.to_str().unwrap()) && said.contains("--dir"), "{said}");
}
