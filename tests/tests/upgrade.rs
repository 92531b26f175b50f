//! `jackfield upgrade`: another image of the executable goes on in the same process, or the old one does.

use jackfield_tests::{Node, TempDir, curl, jackfield, signal_pid, until, wait_for_end};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn config(more: &[Value]) -> String {
    let front = json!({"type": "router", "id": "front", "processes": 2, "stop": {"drain_timeout": 1}, "transports": [
        {"type": "web", "id": "site", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true},
         "paths": {"/": {"type": "json", "value": "x"}, "files": {"type": "static", "directory": "files"}}},
        {"type": "stream.testee", "id": "echo", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081}},
        {"type": "web", "id": "unix", "endpoint": {"type": "unix", "path": "web.sock"},
         "paths": {"/": {"type": "json", "value": "x"}}}]});
    let workers = [&[front][..], more].concat();
    json!({"version": 2, "controller": {"id": "upgraded_node"}, "workers": workers}).to_string()
}

/// A node whose executable may be replaced.
fn start(more: &[Value]) -> (Node, PathBuf) {
    let dir = TempDir::new();
    dir.write(".jackfield/files/a", "a");
    let executable = dir.path().join("release");
    fs::copy(jackfield(), &executable).unwrap();
    (Node::start_executable(&executable, dir, &config(more)), executable)
}

/// The next release: the same, but another file.
fn release(path: &PathBuf) {
    let next = path.with_extension("next");
    fs::copy(jackfield(), &next).unwrap();
    fs::rename(&next, path).unwrap();
}

fn pids(status: &Value) -> Vec<u32> {
    let workers = status["workers"].as_array().unwrap().iter();
    let processes = workers.flat_map(|w| w["processes"].as_array().unwrap());
    processes.map(|p| u32::try_from(p["pid"].as_u64().unwrap()).unwrap()).collect()
}

fn inodes(status: &Value) -> Vec<Value> {
    status["endpoints"].as_array().unwrap().iter().map(|e| e["listeners"].clone()).collect()
}

fn image(pid: u32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/exe")).unwrap()
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn works(node: &Node) {
    assert_eq!(curl(&[&format!("http://{}:8080/", node.addr)]), "\"x\"");
    let socket = node.dir.path().join(".jackfield/web.sock");
    assert_eq!(curl(&["--unix-socket", socket.to_str().unwrap(), "http://x/"]), "\"x\"");
}

/// Nothing has changed, and another upgrade would work.
fn refused(node: &Node, executable: &str, expected: &str) {
    let before = node.ready();
    let output = node.run(&["upgrade", "--executable", executable]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("nothing was changed") && text(&output).contains(expected),
        "{}",
        text(&output)
    );
    let after = node.ready();
    assert_eq!((pids(&before), inodes(&before)), (pids(&after), inodes(&after)));
    works(node);
}

#[test]
fn another_image_goes_on_with_everything() {
    let guest = json!({"type": "guest", "id": "guest", "executable": "sh",
        "arguments": ["-c", "trap 'echo line; exit 0' TERM; printf 'half a '; while :; do sleep 0.05; done"]});
    let (mut node, executable) = start(&[guest]);
    let before = node.ready();
    let mut open = TcpStream::connect((node.addr, 8081)).unwrap();
    open.set_read_timeout(Some(jackfield_tests::DEADLINE)).unwrap();
    let mut echo = |byte: u8| {
        let mut got = [0];
        open.write_all(&[byte]).unwrap();
        open.read_exact(&mut got).map(|()| assert_eq!(got, [byte]))
    };
    echo(b'a').unwrap();
    signal_pid(pids(&before)[0], Signal::KILL);
    let before = node.until("its successor", |s| {
        let first = &s["workers"][0]["processes"][0];
        first["state"] == "ready" && first["restarts"] == 1
    });
    node.log.wait(0, "every worker is ready");
    let used = descriptors(node.pid());
    release(&executable);
    let output = node.run(&["upgrade"]);
    assert!(output.status.success(), "{}", text(&output));
    let after = node.ready();
    let pid = node.pid();
    assert_eq!(image(pid), executable, "the controller runs the new file");
    for new in &pids(&after)[..2] {
        assert_eq!(image(*new), executable);
        assert!(!pids(&before).contains(new));
    }
    assert_eq!((&after["node"]["id"], &after["node"]["pid"]), (&"upgraded_node".into(), &pid.into()));
    assert_eq!(inodes(&before), inodes(&after));
    assert!(after["node"]["uptime_s"].as_f64() > before["node"]["uptime_s"].as_f64());
    assert_eq!(after["node"]["generation"], 1);
    assert_eq!(after["workers"][0]["processes"][0]["restarts"], 1);
    node.log.wait(0, "half a line");
    let log = text(&node.run(&["logs", "-n", "1000"]));
    assert!(log.contains("node upgraded_node starts") && log.contains("upgraded from release"), "{log}");
    works(&node);
    assert!(descriptors(pid) <= used + 1, "{used} → {}", descriptors(pid));

    // It looks after its processes as the one before.
    let victim = pids(&after)[1];
    signal_pid(victim, Signal::KILL);
    assert!(wait_for_end(victim));
    node.until("a successor", |s| s["workers"][0]["processes"][1]["restarts"] == 1);
    node.ready();
    release(&executable);
    node.signal(Signal::USR2);
    until("the second upgrade", || {
        let log = node.log.all();
        (log.iter().filter(|line| line.contains("upgraded from release")).count() == 2).then_some(())
    });
    works(&node);
    node.signal(Signal::TERM);
    assert!(node.wait().success());
    for file in ["web.sock", "run/node.pid", "run/control.sock"] {
        assert!(!node.dir.path().join(".jackfield").join(file).exists(), "{file} is cleaned up");
    }
}

#[test]
fn what_drains_goes_on_to_drain() {
    let echo = |id: &str, port: u16| {
        json!({"type": "router", "id": id, "stop": {"drain_timeout": 4}, "transports": [
            {"type": "stream.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": port}}]})
    };
    let (node, executable) = start(&[echo("leaving", 8090)]);
    let mut open = TcpStream::connect((node.addr, 8090)).unwrap();
    open.set_read_timeout(Some(jackfield_tests::DEADLINE)).unwrap();
    let before = node.until("the connection", |s| s["endpoints"][3]["connections"]["open"] == 1);
    let leaving = pids(&before)[2];
    node.dir.write(".jackfield/config.json", config(&[]).replace("ADDR", &node.addr.to_string()));
    assert!(node.run(&["reload"]).status.success());
    release(&executable);
    let output = node.run(&["upgrade"]);
    assert!(output.status.success(), "{}", text(&output));
    let after = node.status().unwrap();
    assert_eq!(after["node"]["generation"], 2);
    assert_eq!(after["workers"][1]["id"], "leaving");
    assert_eq!(after["workers"][1]["processes"][0]["state"], "draining");
    open.write_all(b"a").unwrap();
    let mut byte = [0];
    open.read_exact(&mut byte).unwrap();
    assert!(matches!(open.read(&mut byte), Ok(0) | Err(_)), "closed at the deadline");
    assert!(wait_for_end(leaving));
    node.ready();
    node.stop();
}

#[test]
fn what_can_not_take_over_is_found_out_before() {
    let (node, executable) = start(&[]);
    let write = |name: &str, content: &str| {
        let path = node.dir.write(name, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    refused(&node, "/bin/true", "is it a jackfield?");
    refused(&node, "/bin/false", "is it a jackfield?");
    refused(&node, "/no/such/file", "/no/such/file: No such file");
    refused(&node, &write("text", "not a program"), "can't be executed");
    refused(&node, &write("script", "#!/bin/sh\nexit 0\n"), "script");
    refused(&node, &write("half", &"\x7fELF".repeat(1000)), "can't be executed");
    refused(&node, "/tmp", "can't be executed");
    fs::remove_file(&executable).unwrap();
    let output = node.run(&["upgrade"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains(executable.to_str().unwrap()), "where it was: {}", text(&output));
    release(&executable);
    let output = node.run(&["upgrade"]);
    assert!(output.status.success(), "{}", text(&output));
    works(&node);
    node.stop();
}

#[test]
fn what_is_only_tried_gets_no_keys() {
    let (dir, _authority) = jackfield_tests::prepared();
    let key = fs::read_to_string(dir.path().join(".jackfield/server.key")).unwrap();
    let worker = format!(
        r#"{{"type": "router", "id": "secure", "transports": [{{"type": "stream.testee",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8443, "tls": {{{}}}}}}}]}}"#,
        jackfield_tests::SERVER
    );
    dir.write(".jackfield/files/a", "a");
    let node = Node::start_in(dir, &config(&[serde_json::from_str(&worker).unwrap()]));
    // What is tried with `__trial` as its argument keeps what it is told in a file of that name.
    let tee = until("tee", || {
        let paths = std::env::var("PATH").unwrap();
        std::env::split_paths(&paths).map(|dir| dir.join("tee")).find(|file| file.is_file())
    });
    let output = node.run(&["upgrade", "--executable", tee.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let told = fs::read_to_string(node.dir.path().join("__trial")).unwrap();
    assert!(told.contains("upgraded_node"), "{told}");
    let line = key.lines().nth(1).unwrap();
    assert!(line.len() > 20 && !told.contains(line) && !told.contains("PRIVATE KEY"));
    let told: Value = serde_json::from_str(&told).unwrap();
    for worker in told["workers"].as_array().unwrap() {
        assert_eq!((&worker["ticket_keys"], &worker["exact"]), (&Value::Null, &Value::Null), "{worker}");
    }
    assert_eq!(told["configuration"]["exact"], Value::Null);
    node.stop();
}

#[test]
fn an_image_that_fails_gives_back_what_it_has_got() {
    let tool = json!({"type": "guest", "id": "guest", "executable": "files/tool", "arguments": ["1000"]});
    let dir = TempDir::new();
    let executable = dir.path().join("release");
    fs::copy(jackfield(), &executable).unwrap();
    dir.write(".jackfield/files/a", "a");
    let path = dir.path().join(".jackfield/files/tool");
    fs::copy("/bin/sleep", &path).unwrap();
    let node = Node::start_executable(&executable, dir, &config(&[tool]));
    let before = node.ready();
    // A start is over when programs have run for a moment.
    node.log.wait(0, "every worker is ready");
    // The new image finds out that a guest's program is gone when it has taken over.
    fs::rename(&path, path.with_extension("away")).unwrap();
    release(&executable);
    let output = node.run(&["upgrade"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("can't take over") && text(&output).contains("back to release"),
        "{}",
        text(&output)
    );
    let after = node.ready();
    assert_eq!((pids(&before), inodes(&before)), (pids(&after), inodes(&after)));
    assert_ne!(image(node.pid()), executable, "the file that was replaced");
    works(&node);
    fs::rename(path.with_extension("away"), &path).unwrap();
    let output = node.run(&["upgrade"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(image(node.pid()), executable);
    works(&node);
    node.stop();
}

#[test]
fn when_new_workers_fail_the_old_release_goes_on() {
    // Its second process ends before it is ready.
    let program = "import os, socket, time
os.mkdir('once')
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', os.environ['NOTIFY_SOCKET'].replace('@', chr(0)))
time.sleep(1000)";
    let once = json!({"type": "guest", "id": "once", "executable": "python3", "arguments": ["-c", program],
        "ready": "notify", "stop": {"drain_timeout": 1},
        "listen": [{"name": "sock", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8090}}]});
    let (node, executable) = start(&[once]);
    let before = node.ready();
    release(&executable);
    let output = node.run(&["upgrade"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("once[0]") && text(&output).contains("back to release"),
        "{}",
        text(&output)
    );
    let after = node.ready();
    assert_eq!((pids(&before)[2], inodes(&before)), (pids(&after)[2], inodes(&after)));
    for pid in [&[node.pid()], &pids(&after)[..2]].concat() {
        assert_ne!(image(pid), executable, "the file that was replaced");
    }
    works(&node);
    node.stop();
}
