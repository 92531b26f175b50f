//! `jackfield upgrade` of a node with Python in it.

use super::{directory, router};
use jackfield_tests::{Node, jackfield, loopback, python, venv_python};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = r#"
from autobahn.twisted.wamp import ApplicationSession


class Adds(ApplicationSession):
    def onJoin(self, details):
        return self.register(lambda a, b: a + b, "com.add")


class Multiplies(ApplicationSession):
    def onJoin(self, details):
        return self.register(lambda a, b: a * b, "com.multiply")


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"a page"]
"#;

const EXPECTED: &str = r#"{"calls": [{"procedure": "com.add", "args": [2, 3], "result": 5},
    {"procedure": "com.multiply", "args": [2, 3], "result": 6}], "http": [{"path": "/", "contains": "a page"}]}"#;

fn pids(status: &Value) -> Vec<u64> {
    let workers = status["workers"].as_array().unwrap().iter();
    workers.map(|worker| worker["processes"][0]["pid"].as_u64().unwrap()).collect()
}

#[test]
fn components_and_services_go_on_by_hosts_of_the_next_release() {
    let web = r#""transports": [{"type": "web", "endpoint": {"type": "tcp", "interface": "${ADDR}", "port": 8080},
        "paths": {"ws": {"type": "websocket"}, "/": {"type": "wsgi", "module": "app", "object": "application"}}},
        {"type": "rawsocket", "endpoint": {"type": "unix", "path": "router.sock"}}]"#;
    let beside = router(r#"{"type": "class", "classname": "app.Adds", "realm": "realm1"}"#)
        .replace(r#""transports": [{"type": "websocket", "endpoint": {"type": "tcp", "interface": "${ADDR}", "port": 8080}}]"#, web);
    let container = r#"{"type": "container", "options": {"pythonpath": [".."]}, "components": [
        {"type": "class", "classname": "app.Multiplies", "realm": "realm1", "transport": {"type": "rawsocket",
            "serializer": "cbor", "endpoint": {"type": "unix", "path": "router.sock"}}}]}"#;
    let (dir, addr) = (directory(PROGRAM, &format!("{beside}, {container}")), loopback());
    dir.write("expect.json", EXPECTED);
    let executable = dir.path().join("release");
    fs::copy(jackfield(), &executable).unwrap();
    let mut command = Command::new(&executable);
    command.args(["start", "--dir", ".crossbar"]);
    let environment = venv_python().parent().and_then(Path::parent).unwrap().to_string_lossy().into_owned();
    let node =
        Node::run_as(command, dir, addr, &[("ADDR", &addr.to_string()), ("VIRTUAL_ENV", &environment)]);
    let works = || {
        let said = python("node_check.py", &[node.dir.path().to_str().unwrap(), &addr.to_string()]);
        assert_eq!(said.trim_end(), "ok");
    };
    let before = node.ready();
    works();
    let next = executable.with_extension("next");
    fs::copy(jackfield(), &next).unwrap();
    fs::rename(&next, &executable).unwrap();
    let output = node.run(&["upgrade"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let after = node.ready();
    assert_eq!(after["node"]["generation"], 1);
    assert!(pids(&before).iter().all(|pid| !pids(&after).contains(pid)), "{before:#}\n{after:#}");
    works();
    let log = node.stop();
    assert!(!log.iter().any(|line| line.contains(" error ")), "{log:#?}");
}
