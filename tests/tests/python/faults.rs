//! What goes wrong in Python is said once, by name, with what to do.

use super::{directory, router, start};
use jackfield_tests::Node;
use std::os::unix::fs::PermissionsExt as _;

const BOTH: &str = r#"
from autobahn.twisted.wamp import ApplicationSession


class Raises(ApplicationSession):
    def onJoin(self, details):
        raise RuntimeError("as it is meant to")


class Blocks(ApplicationSession):
    def onJoin(self, details):
        def block():
            import time
            time.sleep(2)

        from twisted.internet import reactor
        reactor.callLater(1.5, block)
"#;

fn component(class: &str) -> String {
    format!(r#"{{"type": "class", "id": "mine", "classname": "{class}", "realm": "realm1"}}"#)
}

fn node(class: &str) -> Node {
    start(directory(BOTH, &router(&component(class))))
}

#[test]
fn a_missing_module_is_named_with_the_interpreter_and_the_command_that_installs_it() {
    let node = node("nosuchmodule.App");
    let (line, _) = node.log.wait(0, "component mine: there is no module \"nosuchmodule\" for ");
    assert!(line.contains("-m pip install nosuchmodule"), "{line}");
}

#[test]
fn a_missing_class_is_named_with_the_file() {
    let node = node("app.NoSuchClass");
    let (line, _) = node.log.wait(0, "component mine: the module \"app\" (");
    assert!(line.contains("app.py) has no \"NoSuchClass\""), "{line}");
}

#[test]
fn a_missing_interpreter_is_an_error_of_the_start() {
    let workers =
        router(&component("app.Raises")).replace(r#""pythonpath""#, r#""python": "python9", "pythonpath""#);
    let mut node = start(directory(BOTH, &workers));
    assert_eq!(node.wait().code(), Some(78), "{:#?}", node.log.all());
    node.log.wait(0, "python: there is no program \"python9\"");
}

#[test]
fn on_asyncio_an_exception_late_in_on_join_is_seen_before_the_component_counts_as_joined() {
    let program = r#"
import asyncio
from autobahn.asyncio.wamp import ApplicationSession


class Raises(ApplicationSession):
    async def onJoin(self, details):
        await self.register(lambda: None, "com.there")
        await asyncio.sleep(0.1)
        raise RuntimeError("as it is meant to")
"#;
    let node = start(directory(program, &router(&component("app.Raises"))));
    node.log.wait(0, "component mine: while firing onJoin:");
    node.until("the worker to be given up", |status| status["workers"][1]["state"] == "failed");
    let log = node.log.all();
    assert!(
        !log.iter().any(|line| line.contains("has joined") || line.contains("never retrieved")),
        "{log:#?}"
    );
}

#[test]
fn an_exception_in_on_join_is_one_record_with_the_name_of_the_component() {
    let node = node("app.Raises");
    node.log.wait(0, "component mine: while firing onJoin:");
    let output = node.run(&["logs", "--json", "-n", "100"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let record = text.lines().find(|line| line.contains("component mine: while firing onJoin")).unwrap();
    assert!(
        record.contains("RuntimeError: as it is meant to") && record.contains("\"level\":\"error\""),
        "{record}"
    );
    node.until("the worker to be given up", |status| status["workers"][1]["state"] == "failed");
}

#[test]
fn a_router_that_does_not_speak_wamp_there_is_named_with_its_answer() {
    for framework in ["twisted", "asyncio"] {
        let program = format!("from autobahn.{framework}.wamp import ApplicationSession as App\n");
        let transport = r#"{"type": "websocket", "url": "ws://localhost:8081/no/such/path",
            "endpoint": {"type": "tcp", "host": "${ADDR}", "port": 8081}}"#;
        let container = format!(
            r#"{{"type": "container", "options": {{"pythonpath": [".."], "connect_timeout": 1}}, "components": [
                {{"type": "class", "id": "mine", "classname": "app.App", "realm": "realm1", "transport": {transport}}}]}}"#
        );
        let web = r#"{"type": "router", "transports": [{"type": "web", "paths": {},
            "endpoint": {"type": "tcp", "interface": "${ADDR}", "port": 8081}}]}"#;
        let node = start(directory(&program, &format!("{web}, {container}")));
        let (line, _) = node
            .log
            .wait(0, "component mine has failed: can't reach its router for 1 s: ws://localhost:8081/");
        assert!(line.contains("404"), "{line}");
    }
}

#[test]
fn a_blocked_loop_is_said_with_the_component_that_blocks_it() {
    let workers = router(&component("app.Blocks")).replace(r#""options""#, r#""watchdog": 0.5, "options""#);
    let node = start(directory(BOTH, &workers));
    node.ready();
    let (_, from) = node.log.wait(0, "has blocked the loop for");
    node.log.wait(0, "time.sleep(2)");
    node.log.wait(from, "the loop goes on, after it was blocked for");
    node.stop();
}

#[test]
fn nobody_else_can_open_the_socket_of_the_components() {
    let node = start(directory(
        "from autobahn.twisted.wamp import ApplicationSession as App\n",
        &router(&component("app.App")),
    ));
    node.ready();
    let socket = node.dir.path().join(".crossbar/run/python-worker001.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    node.stop();
}
