//! Components over restarts of their routers, and of their own process.

use super::{copy, directory, router, start};
use jackfield_tests::{TempDir, python, signal_pid};
use rustix::process::Signal;
use std::path::Path;

const PROGRAM: &str = r#"
from autobahn.twisted.wamp import ApplicationSession


class App(ApplicationSession):
    def onJoin(self, details):
        return self.register(lambda a, b: a + b, "com.add")
"#;

const COMPONENT: &str = r#"{"type": "class", "classname": "app.App", "realm": "realm1"}"#;

#[test]
fn components_join_again_when_their_router_was_replaced_and_when_their_process_has_died() {
    let dir = directory(PROGRAM, &router(COMPONENT));
    dir.write("expect.json", r#"{"calls": [{"procedure": "com.add", "args": [2, 3], "result": 5}]}"#);
    let node = start(dir);
    node.ready();
    let works = || {
        let said = python("node_check.py", &[node.dir.path().to_str().unwrap(), &node.addr.to_string()]);
        assert_eq!(said.trim_end(), "ok");
    };
    works();
    let restarted = node.run(&["worker", "restart", "worker001"]);
    assert!(restarted.status.success(), "{}", String::from_utf8_lossy(&restarted.stderr));
    let (_, from) = node.log.wait(0, "has lost its router");
    let (_, from) = node.log.wait(from, "component component001 has joined");
    works();
    let status = node.ready();
    let pid = status["workers"][1]["processes"][0]["pid"].as_u64().unwrap();
    signal_pid(u32::try_from(pid).unwrap(), Signal::KILL);
    node.log.wait(from, "component component001 has joined");
    works();
    let log = node.stop();
    assert!(!log.iter().any(|line| line.contains(" error ")), "{log:#?}");
}

#[test]
fn a_client_that_comes_before_its_authenticator_waits_for_it() {
    let dir = TempDir::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("nodes/auth-ticket-dynamic"), dir.path());
    let program = std::fs::read_to_string(dir.path().join("app.py")).unwrap();
    dir.write("app.py", format!("import time\n\ntime.sleep(4)\n{program}"));
    let node = start(dir);
    node.log.wait(0, "worker001[0]   ready after");
    let said = python("node_check.py", &[node.dir.path().to_str().unwrap(), &node.addr.to_string()]);
    assert_eq!(said.trim_end(), "ok");
    node.stop();
}

#[test]
fn a_reload_that_changes_nothing_leaves_components_alone() {
    let node = start(directory(PROGRAM, &router(COMPONENT)));
    let before = node.ready();
    let reloaded = node.run(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let after = node.ready();
    for worker in 0..2 {
        let pid = |status: &serde_json::Value| status["workers"][worker]["processes"][0]["pid"].clone();
        assert_eq!(pid(&before), pid(&after), "worker {worker}");
    }
    node.stop();
}
