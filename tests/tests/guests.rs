//! Programs that are not ours: their sockets, what they say, what they write, and their end.

use jackfield_tests::{Node, TempDir, curl, example, loopback, run, signal_pid, until, wait_for_end};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A node with one guest that is a Python script, with more attributes and options; `ADDR` stands for its address.
fn python(script: &str, worker: Value, options: Value) -> Node {
    let node = spawn_python(script, worker, options);
    node.ready();
    node
}

fn spawn_python(script: &str, mut worker: Value, mut options: Value) -> Node {
    let dir = TempDir::new();
    dir.write("work/guest.py", script);
    options["workdir"] = "../work".into();
    worker["type"] = "guest".into();
    worker["id"] = "app".into();
    worker["executable"] = "python3".into();
    worker["arguments"] = json!(["guest.py"]);
    worker["options"] = options;
    Node::spawn(dir, &json!({"version": 2, "workers": [worker]}).to_string(), &[])
}

fn process(status: &Value, index: usize) -> &Value {
    &status["workers"][0]["processes"][index]
}

fn pid(status: &Value, index: usize) -> u32 {
    u32::try_from(process(status, index)["pid"].as_u64().unwrap()).unwrap()
}

/// The messages of the guest's records, with their levels.
fn records(node: &Node) -> Vec<(String, String)> {
    let output = node.run(&["logs", "--json", "--worker", "app"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    records.map(|record| (word(&record["level"]), word(&record["message"]))).collect()
}

fn get(addr: Ipv4Addr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((addr, 8080))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 512];
    let count = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..count]).into_owned())
}

/// Starts an example with its address in HOST.
fn start_example(name: &str) -> Node {
    let (dir, addr) = (example(name), loopback());
    let node = Node::launch(dir, addr, &[], &[("HOST", &addr.to_string())]);
    node.ready();
    node
}

/// Connects again and again while `work` is done; panics at the first answer that is none.
fn under_load(addr: Ipv4Addr, work: impl FnOnce()) {
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let answer = get(addr).expect("an answer");
                    assert!(answer.contains("200 OK") && answer.contains("hello"), "{answer}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    work();
    stop.store(true, Ordering::Relaxed);
    let counts: Vec<u32> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn the_python_example_serves_on_its_sockets_and_says_what_it_does() {
    let node = start_example("guest-python");
    assert!(curl(&[&format!("http://{}:8080/", node.addr)]).starts_with("hello from python"));
    let status = node.until("what the guests say", |s| {
        (0..2).all(|n| process(s, n)["status"].as_str().is_some_and(|t| t.ends_with("requests served")))
    });
    assert_eq!(status["workers"][0]["type"], "guest");
    let endpoint = &status["endpoints"][0];
    assert_eq!((&endpoint["worker"], &endpoint["transport"]), (&"hello".into(), &"web".into()));
    assert_eq!(
        (&endpoint["kind"], &endpoint["shared"], &endpoint["state"]),
        (&"guest".into(), &true.into(), &"bound".into())
    );
    assert_eq!(endpoint["listeners"].as_array().unwrap().len(), 2, "a socket for each process");
    assert!(text(&node.run(&["status"])).contains("requests served"));
    let top = text(&node.run(&["top", "-n", "1", "--interval", "0.1"]));
    assert!(top.contains("CPU%") && top.contains("hello") && top.contains("ACCEPTED/S"), "{top}");
    node.stop();
}

#[test]
fn nobody_is_refused_while_the_python_example_is_restarted() {
    let node = start_example("guest-python");
    let before = node.ready();
    under_load(node.addr, || {
        for _ in 0..3 {
            let restarted = node.run(&["worker", "restart"]);
            assert!(restarted.status.success(), "{}", text(&restarted));
        }
    });
    let after = node.ready();
    assert_eq!(before["endpoints"][0]["listeners"], after["endpoints"][0]["listeners"], "the same sockets");
    assert!(pid(&before, 0) != pid(&after, 0) && pid(&before, 1) != pid(&after, 1));
    node.stop();
}

#[test]
fn nobody_is_refused_while_the_node_js_example_is_restarted_and_killed() {
    let node = start_example("guest-node");
    under_load(node.addr, || {
        let restarted = node.run(&["worker", "restart"]);
        assert!(restarted.status.success(), "{}", text(&restarted));
    });
    let killed = pid(&node.ready(), 0);
    signal_pid(killed, Signal::KILL);
    let status =
        node.until("the successor", |s| process(s, 0)["state"] == "ready" && process(s, 0)["restarts"] == 1);
    assert_eq!(process(&status, 0)["last_exit"]["signal"], "SIGKILL");
    assert!(curl(&[&format!("http://{}:8080/", node.addr)]).starts_with("hello from node"));
    node.stop();
}

#[test]
fn the_script_example_reads_json_and_its_two_outputs_have_levels() {
    let dir = example("guest-script");
    let config = dir.path().join(".jackfield/config.yaml");
    let eager = std::fs::read_to_string(&config).unwrap().replace("every_s: 60", "every_s: 0.05");
    std::fs::write(&config, eager.replace("warn_percent: 90", "warn_percent: 0")).unwrap();
    let node = Node::launch(dir, loopback(), &[], &[]);
    node.log.wait(0, "watching /, warning from 0 %");
    let (line, _) = node.log.wait(0, "% full");
    assert!(line.contains(" warn ") && line.contains("disk[0]"), "{line}");
    node.stop();
}

const LISTENER: &str = r#"
import os, signal, socket, sys
print("fds", os.environ["LISTEN_FDS"], os.environ["LISTEN_FDNAMES"], int(os.environ["LISTEN_PID"]) == os.getpid())
extra = [fd for fd in os.listdir("/proc/self/fd") if int(fd) > 4 and os.path.exists(f"/proc/self/fd/{fd}")]
print("open", extra)
tcp, unix = socket.socket(fileno=3), socket.socket(fileno=4)
print("sockets", tcp.getsockname(), unix.getsockname(), tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
print("env", sorted(name for name in os.environ if name in ("COLOR", "HOME", "PATH", "PYTHONUNBUFFERED", "JACKFIELD_STAGE")))
print("cwd", os.getcwd())
print("stdin", repr(sys.stdin.read()))
for listener in (tcp, unix):
    connection, _ = listener.accept()
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
    connection.close()
signal.pause()
"#;

#[test]
fn sockets_come_by_number_and_name_and_nothing_else_comes_along() {
    let node = python(
        LISTENER,
        json!({"listen": [
            {"name": "front", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}},
            {"name": "back.sock", "endpoint": {"type": "unix", "path": "back.sock"}}]}),
        json!({"env": {"inherit": ["PATH"], "vars": {"COLOR": "blue"}}}),
    );
    node.log.wait(0, "fds 2 front:back.sock True");
    node.log.wait(0, "open []");
    let (line, _) = node.log.wait(0, "sockets");
    assert!(line.contains(&format!("('{}', 8080)", node.addr)) && line.ends_with("back.sock 1"), "{line}");
    node.log.wait(0, "env ['COLOR', 'PATH', 'PYTHONUNBUFFERED']");
    let (line, _) = node.log.wait(0, "cwd");
    assert!(line.ends_with("/work"), "{line}");
    node.log.wait(0, "stdin ''");
    assert!(get(node.addr).unwrap().ends_with("hello"));
    let mut unix =
        std::os::unix::net::UnixStream::connect(node.dir.path().join(".jackfield/back.sock")).unwrap();
    let mut answer = String::new();
    unix.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hello"));
    drop(unix);
    node.stop();
}

#[test]
fn a_connection_waits_for_the_successor_of_a_killed_guest() {
    let script = r#"
import os, socket
listener = socket.socket(fileno=3)
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello %d" % os.getpid())
    connection.close()
"#;
    let node = python(
        script,
        json!({"restart": {"backoff": 0.01}, "listen": [
            {"name": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}}]}),
        json!({}),
    );
    for _ in 0..3 {
        let killed = pid(&node.ready(), 0);
        signal_pid(killed, Signal::KILL);
        // Until it has ended it may still accept.
        assert!(wait_for_end(killed));
        let answer = get(node.addr).unwrap();
        assert!(answer.contains("hello"), "{answer}");
        node.until("another process", |s| process(s, 0)["state"] == "ready" && pid(s, 0) != killed);
    }
    node.stop();
}

/// Starts a grandchild that leaves everything by which it could be known but its parents.
const DAEMON: &str = r#"
import os, subprocess, sys, time
code = "import os, sys, time; os.setsid(); sys.stdout.write('daemon %d\\n' % os.getpid()); sys.stdout.flush(); time.sleep(1000)"
middle = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], env={}, start_new_session=False)"
subprocess.run([sys.executable, "-c", middle, code], start_new_session=True, env={})
time.sleep(1000)
"#;

fn daemon(node: &Node, from: usize) -> (u32, usize) {
    let (line, next) = node.log.wait(from, "daemon ");
    (line.rsplit(' ').next().unwrap().parse().unwrap(), next)
}

#[test]
fn a_daemonized_grandchild_ends_with_its_guest() {
    let node = python(DAEMON, json!({"restart": {"backoff": 0.01}}), json!({}));
    let (first, next) = daemon(&node, 0);
    signal_pid(pid(&node.ready(), 0), Signal::KILL);
    assert!(wait_for_end(first), "it outlives a killed guest");
    let (second, next) = daemon(&node, next);
    assert!(node.run(&["worker", "stop"]).status.success());
    assert!(wait_for_end(second), "it outlives a guest that was stopped");
    assert!(node.run(&["worker", "start"]).status.success());
    let (third, _) = daemon(&node, next);
    let mut node = node;
    node.signal(Signal::KILL);
    node.wait();
    assert!(wait_for_end(third), "it outlives the controller");
}

fn keeper(node: &Node) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid(&node.ready(), 0))).unwrap();
    let keeper = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
    assert_ne!(keeper, node.pid());
    keeper
}

#[test]
fn a_daemonized_grandchild_ends_when_its_keeper_is_killed() {
    let node = python(DAEMON, json!({"restart": {"backoff": 0.01}}), json!({}));
    let (first, next) = daemon(&node, 0);
    let guest = pid(&node.ready(), 0);
    signal_pid(keeper(&node), Signal::KILL);
    assert!(wait_for_end(guest) && wait_for_end(first));
    let (second, _) = daemon(&node, next);
    node.until("the successor", |s| process(s, 0)["state"] == "ready" && process(s, 0)["restarts"] == 1);
    node.stop();
    assert!(wait_for_end(second));
}

#[test]
fn a_stopped_keeper_is_no_obstacle() {
    let node = python("import time\ntime.sleep(1000)", json!({}), json!({}));
    let pid = pid(&node.ready(), 0);
    signal_pid(keeper(&node), Signal::STOP);
    node.stop();
    assert!(wait_for_end(pid));
}

#[test]
fn what_does_not_end_is_killed_with_both_time_limits() {
    let script = r#"
import signal, time
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
print("here", flush=True)
while True: time.sleep(1)
"#;
    let node = python(script, json!({"stop": {"drain_timeout": 0.2, "kill_timeout": 0.2}}), json!({}));
    node.log.wait(0, "here");
    let guest = pid(&node.ready(), 0);
    let log = node.stop();
    assert!(wait_for_end(guest));
    assert_eq!(log.iter().filter(|line| line.ends_with("asked")).count(), 2, "{log:#?}");
    assert!(log.iter().any(|line| line.contains("SIGKILL")), "{log:#?}");
}

#[test]
fn output_is_read_to_the_very_end() {
    let script = r#"
import os, signal, sys
def end(*_):
    os.write(1, b"x" * 70000 + b"\n")
    os.write(2, b"\xff\x00binary\n\ncrlf\r\n")
    os.write(1, b"last words without an end")
    os._exit(3)
signal.signal(signal.SIGTERM, end)
print("here", flush=True)
signal.pause()
"#;
    let node = python(script, json!({"restart": {"policy": "never"}}), json!({}));
    node.log.wait(0, "here");
    assert!(node.run(&["worker", "stop"]).status.success());
    let records = records(&node);
    let said = |level: &str| -> Vec<&str> {
        let of_level = records.iter().filter(|(l, message)| l == level && !message.starts_with("exited"));
        of_level.map(|(_, message)| message.as_str()).collect()
    };
    let out = said("info");
    let long: String = out.iter().filter(|line| line.starts_with('x')).copied().collect();
    assert_eq!(long.len(), 70_000, "a long line comes in parts");
    assert_eq!(out.last(), Some(&"last words without an end"));
    assert_eq!(said("warn"), ["\\xff\u{0}binary", "", "crlf"]);
    let status = node.status().unwrap();
    assert_eq!(process(&status, 0)["last_exit"]["code"], 3);
    assert_eq!(process(&status, 0)["last_exit"]["stderr"][2], "crlf");
    node.stop();
}

#[test]
fn outputs_can_be_dropped_and_closed() {
    let dir = TempDir::new();
    let script = "echo never seen; [ -e /proc/$$/fd/2 ] || : >closed; [ /proc/$$/fd/1 -ef /dev/null ] && : >dropped; \
                  while true; do sleep 1; done";
    let worker = json!({"type": "guest", "executable": "sh", "arguments": ["-c", script],
        "options": {"stdout": "drop", "stderr": "close"}});
    let node = Node::start_in(dir, &json!({"version": 2, "workers": [worker]}).to_string());
    for file in ["closed", "dropped"] {
        until(file, || node.dir.path().join(".jackfield").join(file).exists().then_some(()));
    }
    assert!(!node.stop().iter().any(|line| line.contains("never seen")));
}

/// Tells the name of its socket, then does what it reads: a message for each line.
const NOTIFIER: &str = r#"
import os, socket, sys
address = os.environ["NOTIFY_SOCKET"]
print("socket", address, os.environ.get("WATCHDOG_USEC"), os.environ.get("WATCHDOG_PID") == str(os.getpid()), flush=True)
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for line in open("orders"):
    to.sendto(line.rstrip("\n").replace("|", "\n").encode(), "\0" + address[1:])
"#;

fn notifier(worker: Value) -> Node {
    let mut worker = worker;
    worker["ready"] = "notify".into();
    let dir = TempDir::new();
    dir.write("work/guest.py", NOTIFIER);
    // Both ends of a pipe with a name open when there is somebody at the other.
    let fifo = dir.path().join("work/orders");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    worker["type"] = "guest".into();
    worker["id"] = "app".into();
    worker["executable"] = "python3".into();
    worker["arguments"] = json!(["guest.py"]);
    worker["options"] = json!({"workdir": "../work"});
    Node::spawn(dir, &json!({"version": 2, "workers": [worker]}).to_string(), &[])
}

fn orders(node: &Node) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(node.dir.path().join("work/orders")).unwrap()
}

#[test]
fn a_guest_is_ready_when_it_says_so_and_nobody_else_can() {
    let node = notifier(json!({}));
    let (line, _) = node.log.wait(0, "socket @");
    assert!(line.ends_with("10000000 True"), "{line}");
    let name = line.split("socket @").nth(1).unwrap().split(' ').next().unwrap();
    let stranger = UnixDatagram::unbound().unwrap();
    stranger.send_to_addr(b"READY=1", &SocketAddr::from_abstract_name(name).unwrap()).unwrap();
    let mut orders = orders(&node);
    orders.write_all(b"STATUS=warming up\n").unwrap();
    // What it says now comes behind what the stranger has said.
    let status = node.until("its word", |s| process(s, 0)["status"] == "warming up");
    assert_eq!(process(&status, 0)["state"], "starting");
    orders.write_all(b"READY=1|STATUS=serving\n").unwrap();
    let status = node.ready();
    assert_eq!(process(&status, 0)["status"], "serving");
    node.stop();
}

#[test]
fn a_guest_that_has_begun_to_say_that_it_is_alive_is_replaced_when_it_stops() {
    let node = notifier(json!({"watchdog": 0.3, "restart": {"backoff": 0.01}}));
    let mut orders_ = orders(&node);
    orders_.write_all(b"READY=1\n").unwrap();
    let first = pid(&node.ready(), 0);
    node.run(&["status"]);
    orders_.write_all(b"WATCHDOG=1\n").unwrap();
    node.log.wait(0, "did not answer");
    assert!(wait_for_end(first));
    let mut orders_ = orders(&node);
    orders_.write_all(b"READY=1\nWATCHDOG=trigger\n").unwrap();
    node.log.wait(0, "WATCHDOG=trigger");
    node.until("the third", |s| process(s, 0)["restarts"] == 2);
    node.stop();
}

#[test]
fn a_guest_without_sockets_is_stopped_before_its_successor_starts() {
    let script = r#"
import fcntl, signal, sys
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("locked", flush=True)
signal.pause()
"#;
    let node = python(script, json!({}), json!({}));
    let (_, next) = node.log.wait(0, "locked");
    let before = pid(&node.ready(), 0);
    let restarted = node.run(&["worker", "restart"]);
    assert!(restarted.status.success(), "{}", text(&restarted));
    node.log.wait(next, "locked");
    assert_ne!(pid(&node.ready(), 0), before);
    node.stop();
}

#[test]
fn a_guest_is_restarted_when_a_file_changes() {
    let dir = TempDir::new();
    dir.write(
        "work/guest.py",
        "import signal, settings\nprint('value', settings.VALUE, flush=True)\nsignal.pause()",
    );
    dir.write("work/settings.py", "VALUE = 1");
    let node = Node::spawn(
        dir,
        r#"{"version": 2, "workers": [{"type": "guest", "id": "app", "executable": "python3",
            "arguments": ["-B", "guest.py"], "options": {"workdir": "../work",
            "watch": {"directories": ["../work"], "action": "restart", "timeout": 0.1}}}]}"#,
        &[],
    );
    let (_, next) = node.log.wait(0, "value 1");
    node.ready();
    node.dir.write("work/settings.py", "VALUE = 'another'");
    node.log.wait(next, "settings.py has changed");
    node.log.wait(next, "value another");
    node.stop();
}

#[test]
fn what_can_not_be_started_is_refused_with_its_place() {
    for (attribute, value, place) in [
        ("executable", r#""no-such-program""#, "executable: there is no program \"no-such-program\""),
        ("options", r#"{"workdir": "missing"}"#, "options: workdir: "),
    ] {
        let dir = TempDir::new();
        let mut worker = json!({"type": "guest", "executable": "sh"});
        worker[attribute] = serde_json::from_str(value).unwrap();
        dir.write(".jackfield/config.json", json!({"version": 2, "workers": [worker]}).to_string());
        let output = run(dir.path(), &["start"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(place), "{}", text(&output));
    }
}

#[test]
fn a_program_that_can_not_be_executed_fails_with_the_reason() {
    let dir = TempDir::new();
    let script = dir.write("work/guest", "#!/no/such/interpreter\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let node = Node::spawn(
        dir,
        r#"{"version": 2, "workers": [{"type": "guest", "id": "app", "executable": "guest",
            "restart": {"policy": "never"}, "options": {"workdir": "../work"}}]}"#,
        &[],
    );
    let status = node.until("the failure", |s| s["workers"][0]["state"] == "failed");
    let reason = status["workers"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("work/guest") && reason.contains("No such file"), "{reason}");
    assert!(!reason.contains("ready"), "{reason}");
    node.stop();
}

#[test]
fn the_end_of_a_guest_is_not_the_end_of_the_node() {
    let node = Node::spawn(
        TempDir::new(),
        r#"{"version": 2, "controller": {"options": {"shutdown": ["shutdown_on_worker_exit"]}}, "workers": [
            {"type": "router"},
            {"type": "guest", "executable": "sh", "arguments": ["-c", "exit 1"], "restart": {"policy": "never"}}]}"#,
        &[],
    );
    node.until("the end of the guest, and the other", |s| {
        (&s["workers"][0]["state"], &s["workers"][1]["state"]) == (&"ready".into(), &"failed".into())
    });
    node.stop();
}

#[test]
fn hostile_programs_do_no_harm() {
    let flood = "import os\nwhile True: os.write(1, b'x' * 4096)";
    let node = python(flood, json!({"processes": 2}), json!({}));
    let node_is_alive = |node: &Node| assert!(node.status().is_some());
    node_is_alive(&node);
    node.log.wait(0, "xxxx");
    node_is_alive(&node);
    assert!(Path::new(&format!("/proc/{}", node.pid())).exists());
    node.stop();
}
