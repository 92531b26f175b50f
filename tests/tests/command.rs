//! Who may command a node: not what it has started itself, however that is wrapped up.

use jackfield_tests::{Node, TempDir, curl, jackfield, loopback, until};
use rustix::process::geteuid;
use serde_json::{Value, json};
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn node_of(workers: &[Value], options: Value) -> String {
    json!({"version": 2, "controller": {"options": options}, "workers": workers}).to_string()
}

fn echo() -> Value {
    json!({"type": "router", "id": "echo", "transports": [{"type": "stream.testee",
        "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081}}]})
}

/// Commands that a shell runs on the node of the directory above its own, as itself, and as a daemon that has left its
/// parent and its session.
fn commands(executable: &str) -> String {
    let command = format!("{executable} --dir ../.jackfield");
    format!(
        "{command} status >/dev/null 2>a.txt; echo $? >a.code; \
         {command} upgrade --executable /bin/true >/dev/null 2>b.txt; echo $? >b.code; \
         ( setsid {command} reload >/dev/null 2>c.txt; echo $? >c.code ) & wait"
    )
}

/// What became of the commands.
fn results(dir: &TempDir, place: &str) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(dir.path().join(place).join(name)).ok();
    let done = |name: &str| {
        until("the end of a command", || read(&format!("{name}.code")).filter(|code| code.ends_with('\n')))
    };
    ["a", "b", "c"].map(|name| format!("{}{}", done(name), read(&format!("{name}.txt")).unwrap())).into()
}

#[test]
fn a_guest_may_not_command_the_node_that_has_started_it() {
    let dir = TempDir::new();
    dir.write("work/guest.sh", commands(jackfield().to_str().unwrap()) + "; exec sleep 1000");
    let guest = json!({"type": "guest", "id": "app", "executable": "sh", "arguments": ["guest.sh"],
        "options": {"workdir": "../work"}});
    let node = Node::start_in(dir, &node_of(&[guest, echo()], json!({})));
    for result in results(&node.dir, "work") {
        assert!(result.starts_with("1\n") && result.contains("belongs to worker app"), "{result}");
    }
    node.log.wait(0, "a command was refused");
    assert!(node.run(&["status"]).status.success(), "the node's user may");
    node.stop();
}

#[test]
fn a_script_may_not_command_the_node_confined_or_not() {
    for sandbox in [true, false] {
        let dir = TempDir::new();
        let script =
            format!("printf 'Content-Type: text/plain\\n\\n'; {}", commands(jackfield().to_str().unwrap()));
        dir.write("cgi/script", script);
        let worker = json!({"type": "router", "id": "web", "sandbox": sandbox, "transports": [{"type": "web",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "paths": {"/": {"type": "cgi", "directory": "../cgi", "processor": "/bin/sh"}}}]});
        let node = Node::start_in(dir, &node_of(&[worker, echo()], json!({})));
        curl(&[&format!("http://{}:8080/script", node.addr)]);
        for result in results(&node.dir, "cgi") {
            assert!(result.starts_with("1\n") && result.contains("belongs to worker web"), "{result}");
        }
        node.stop();
    }
}

#[test]
fn commands_that_change_anything_can_be_limited() {
    let node = Node::start(&node_of(&[echo()], json!({"changes_by": "nobody"})));
    assert!(node.run(&["status"]).status.success() && node.run(&["logs", "-n", "1"]).status.success());
    for args in
        [&["stop"][..], &["reload"], &["upgrade"], &["worker", "restart"], &["logs", "level", "debug"]]
    {
        let output = node.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(
            text(&output).contains("\"controller.options.changes_by\" is \"nobody\""),
            "{}",
            text(&output)
        );
    }
    // A signal still may.
    node.stop();
    if geteuid().is_root() {
        let node = Node::start(&node_of(&[echo()], json!({"changes_by": "root"})));
        assert!(node.run(&["worker", "restart"]).status.success(), "root may");
        node.stop();
    }
}

/// In a container the controller may be the first process, which is given everybody's orphans.
#[test]
fn an_operators_command_that_the_first_process_has_adopted_is_obeyed() {
    if !geteuid().is_root() {
        // Making a namespace of processes takes root.
        return;
    }
    let dir = TempDir::new();
    let addr = loopback();
    dir.write(".jackfield/config.json", node_of(&[echo()], json!({})).replace("ADDR", &addr.to_string()));
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(jackfield()).arg("start");
    let node = Node::run_as(command, dir, addr, &[]);
    node.log.wait(0, "every worker is ready");
    let children = format!("/proc/{0}/task/{0}/children", node.pid());
    let controller = std::fs::read_to_string(children).unwrap().trim().to_owned();
    let inside = |script: String| {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &controller, "--pid", "--mount", "sh", "-c", &script])
            .current_dir(node.dir.path());
        assert!(command.status().unwrap().success());
    };
    let (jackfield, out) = (jackfield().display().to_string(), node.dir.path().join("out"));
    let wd = node.dir.path().display().to_string();
    // The shell that has started it ends at once; then it is the controller's.
    inside(format!(
        "cd {wd}; ( while kill -0 $$; do :; done 2>/dev/null; {jackfield} worker restart >out.txt 2>&1; echo $? >out ) &"
    ));
    let code =
        until("the end of the command", || std::fs::read_to_string(&out).ok().filter(|c| c.ends_with('\n')));
    let said = std::fs::read_to_string(node.dir.path().join("out.txt")).unwrap();
    assert_eq!(code, "0\n", "{said}");
    inside(format!("cd {wd}; {jackfield} status >/dev/null"));
}

/// Processor time that a process has used, in seconds.
fn used(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: &str| field.parse::<f64>().unwrap();
    (ticks(fields[11]) + ticks(fields[12])) / rustix::param::clock_ticks_per_second() as f64
}

/// Ends a flood, also when a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs commands on a node while others do this again and again; the part of a processor that the controller used.
fn under_flood(node: &Node, flood: impl Fn() + Sync) -> f64 {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    flood();
                }
            });
        }
        let _stop = Stop(&stop);
        // The first one may come while there is still an allowance.
        assert!(node.run(&["status"]).status.success());
        let (begin, before) = (Instant::now(), used(node.pid()));
        let mut commands = 0;
        while commands < 5 || begin.elapsed() < Duration::from_secs(2) {
            let output = node.run(&["status"]);
            assert!(output.status.success(), "{}", text(&output));
            commands += 1;
        }
        (used(node.pid()) - before) / begin.elapsed().as_secs_f64()
    })
}

#[test]
fn a_flood_of_control_connections_locks_nobody_out_and_costs_little() {
    let node = Node::start(&node_of(&[echo()], json!({})));
    let path = node.dir.path().join(".jackfield/run/control.sock");
    let silent: Vec<_> = (0..300).map(|_| UnixStream::connect(&path)).collect();
    assert!(node.run(&["status"]).status.success(), "beside those that say nothing");
    let part = under_flood(&node, || {
        let mut garbage = [0; 512];
        garbage[511] = b'\n';
        if let Ok(mut stream) = UnixStream::connect(&path) {
            let _ = stream.write_all(&garbage);
        }
    });
    assert!(part < 0.7, "the controller used {part:.2} of a processor");
    drop(silent);
    node.stop();
}

#[test]
fn a_flood_of_notifications_costs_little_and_keeps_the_node_from_nothing() {
    let guest = json!({"type": "guest", "id": "app", "executable": "python3", "ready": "notify", "arguments": ["-c",
        "import os, signal, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); \
         s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:]); s.send(b'READY=1'); signal.pause()"]});
    let node = Node::start(&node_of(&[guest, echo()], json!({})));
    // As anybody finds it.
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
    // Other tests have theirs, which do without the flood.
    let inodes: Vec<_> = std::fs::read_dir(format!("/proc/{}/fd", node.pid()))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok()?.to_str().map(str::to_owned))
        .collect();
    let name = sockets.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let name = fields.last()?.strip_prefix('@')?;
        let is_ours = inodes.contains(&format!("socket:[{}]", fields[6]));
        (is_ours && name.starts_with("jackfield-notify-")).then(|| name.to_owned())
    });
    let address = SocketAddr::from_abstract_name(name.unwrap()).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    // One that waits for room is a flood, too.
    sender.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let part = under_flood(&node, || {
        let _ = sender.send_to_addr(b"STATUS=flooded", &address);
    });
    assert!(part < 0.5, "the controller used {part:.2} of a processor");
    assert_ne!(node.ready()["workers"][0]["processes"][0]["status"], "flooded", "a stranger is not heard");
    node.stop();
}
