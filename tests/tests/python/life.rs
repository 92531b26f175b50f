//! Components over restarts of their routers, and of their own process.

use super::{copy, directory, router, start};
use jackfield_tests::{Node, TempDir, curl, python, signal_pid};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(60);

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
fn a_component_joins_again_whose_router_is_replaced_while_it_waits_in_on_join() {
    for framework in ["twisted", "asyncio"] {
        let future = match framework {
            "twisted" => "from twisted.internet.defer import Deferred as Future",
            _ => "from asyncio import Future",
        };
        let program = format!(
            r#"
from autobahn.{framework}.wamp import ApplicationSession
{future}


class App(ApplicationSession):
    async def onJoin(self, details):
        await self.register(lambda: Future(), "com.never")
        print("it waits", flush=True)
        await self.call("com.never")
"#
        );
        let node = start(directory(&program, &router(COMPONENT)));
        node.ready();
        let (_, from) = node.log.wait(0, "it waits");
        let restarted = node.run(&["worker", "restart", "worker001"]);
        assert!(restarted.status.success(), "{}", String::from_utf8_lossy(&restarted.stderr));
        let (_, from) = node.log.wait(from, "component component001 has lost its router");
        node.log.wait(from, "it waits");
        node.log.wait(from, "component component001 has joined");
        let log = node.stop();
        assert!(!log.iter().any(|line| line.contains(" error ")), "{log:#?}");
    }
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

fn pid(status: &serde_json::Value, worker: usize) -> &serde_json::Value {
    &status["workers"][worker]["processes"][0]["pid"]
}

fn reload(node: &Node) {
    let reloaded = node.run(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
}

#[test]
fn a_reload_that_changes_nothing_leaves_components_alone() {
    let node = start(directory(PROGRAM, &router(COMPONENT)));
    let before = node.ready();
    reload(&node);
    let after = node.ready();
    for worker in 0..2 {
        assert_eq!(pid(&before, worker), pid(&after, worker), "worker {worker}");
    }
    node.stop();
}

#[test]
fn a_reload_that_changes_a_component_beside_a_router_replaces_its_process() {
    let program = format!("{PROGRAM}\n\nclass Other(App):\n    pass\n");
    let node = start(directory(&program, &router(COMPONENT)));
    let mut before = node.ready();
    let other = COMPONENT.replace("app.App", "app.Other");
    let extra = COMPONENT.replace("\"realm\"", "\"extra\": {\"word\": \"new\"}, \"realm\"");
    for component in [other, extra] {
        let text = format!(r#"{{"version": 2, "workers": [{}]}}"#, router(&component));
        node.dir.write(".crossbar/config.json", &text);
        reload(&node);
        let after = node.ready();
        assert_ne!(pid(&before, 1), pid(&after, 1), "{component}");
        before = after;
    }
    node.stop();
}

const STOPS: &str = r#"
from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError


class App(ApplicationSession):
    async def onJoin(self, details):
        try:
            await self.config.controller.call("crossbar.shutdown")
        except ApplicationError as refused:
            print("refused:", *refused.args, flush=True)
"#;

#[test]
fn a_component_that_the_controller_is_exposed_to_stops_the_node() {
    let workers = router(COMPONENT).replace(r#""pythonpath""#, r#""expose_controller": true, "pythonpath""#);
    let mut node = start(directory(STOPS, &workers));
    let status = node.wait();
    assert!(status.success(), "{status:?}: {:#?}", node.log.all());
}

#[test]
fn a_component_whose_node_nobody_may_command_is_told_that_it_goes_on() {
    let workers = router(COMPONENT).replace(r#""pythonpath""#, r#""expose_controller": true, "pythonpath""#);
    let dir = directory(STOPS, &workers);
    let text = format!(
        r#"{{"version": 2, "controller": {{"options": {{"changes_by": "nobody"}}}}, "workers": [{workers}]}}"#
    );
    dir.write(".crossbar/config.json", &text);
    let node = start(dir);
    let (line, _) = node.log.wait(0, "refused: the node");
    assert!(line.contains("can't be stopped") && line.contains("changes_by"), "{line}");
    node.ready();
    node.stop();
}

const SLOW: &str = r#"
import os
import time

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

GO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "go")


def application(environ, start_response):
    print("it runs", flush=True)
    while not os.path.exists(GO):
        time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"whole"]


class Slow(Resource):
    isLeaf = True

    def __init__(self, extra):
        super().__init__()

    def render_GET(self, request):
        print("it runs", flush=True)
        self.look(request)
        return NOT_DONE_YET

    def look(self, request):
        if os.path.exists(GO):
            request.write(b"whole")
            request.finish()
        else:
            from twisted.internet import reactor

            reactor.callLater(0.05, self.look, request)
"#;

#[test]
fn a_request_that_runs_when_its_python_service_is_to_end_is_answered() {
    for service in [
        r#"{"type": "wsgi", "module": "app", "object": "application"}"#,
        r#"{"type": "resource", "classname": "app.Slow", "extra": {}}"#,
    ] {
        let transport =
            r#"{"type": "web", "endpoint": {"type": "tcp", "interface": "${ADDR}", "port": 8080}"#;
        let workers = format!(
            r#"{{"type": "router", "options": {{"pythonpath": [".."]}},
                "transports": [{transport}, "paths": {{"/": {service}}}}}]}}"#
        );
        let node = start(directory(SLOW, &workers));
        let before = node.ready();
        let url = format!("http://{}:8080/", node.addr);
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| curl(&[&url]));
            node.log.wait(0, "it runs");
            let restarting = scope.spawn(|| node.run(&["worker", "restart", "worker001-python"]));
            node.until("the end to be asked for", |status| {
                let process = &status["workers"][1]["processes"][0];
                process["pid"] == *pid(&before, 1) && process["state"] == "draining"
            });
            node.dir.write("go", "");
            assert_eq!(answer.join().unwrap(), "whole", "{service}");
            assert!(restarting.join().unwrap().status.success(), "{service}");
        });
        // Its successor has the same socket, which is nobody else's.
        assert_eq!(curl(&[&url]), "whole", "{service}");
        let socket = node.dir.path().join(".crossbar/run/python-worker001-0.sock");
        assert_eq!(fs::metadata(socket).unwrap().permissions().mode() & 0o777, 0o600, "{service}");
        node.stop();
    }
}

const READS: &str = r#"
def application(environ, start_response):
    content = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(len(content)).encode()]
"#;

#[test]
fn uploads_that_are_slow_hold_no_thread_of_a_wsgi_application() {
    let service = r#"{"type": "wsgi", "module": "app", "object": "application", "maxthreads": 1}"#;
    let transport = r#"{"type": "web", "endpoint": {"type": "tcp", "interface": "${ADDR}", "port": 8080}"#;
    let workers = format!(
        r#"{{"type": "router", "options": {{"pythonpath": [".."]}},
            "transports": [{transport}, "paths": {{"/": {service}}}}}]}}"#
    );
    let node = start(directory(READS, &workers));
    node.ready();
    let url = format!("http://{}:8080/", node.addr);
    let begin = |head: &str, first: &[u8]| {
        let mut stream = std::net::TcpStream::connect((node.addr, 8080)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(first).unwrap();
        stream
    };
    let mut long = begin("Content-Length: 200000", &[b'x'; 100_000]);
    let mut chunked = begin("Transfer-Encoding: chunked", b"5\r\nhello\r\n");
    assert_eq!(curl(&[&url]), "0");
    assert_eq!(curl(&["--data-binary", "twelve bytes", &url]), "12");
    long.write_all(&[b'x'; 100_000]).unwrap();
    chunked.write_all(b"7\r\n, world\r\n0\r\n\r\n").unwrap();
    for (mut stream, length) in [(long, "200000"), (chunked, "12")] {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(length), "{answer}");
    }
    node.stop();
}
