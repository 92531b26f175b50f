//! The unit of docs/operations.md under a systemd that runs: a manager of the test's own, in a mount namespace of its own.

use jackfield_tests::{TempDir, curl, jackfield, loopback, signal_pid, until, wait_for_end};
use rustix::process::{Signal, geteuid};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// What this manager can't do, or what the test can't have: another user, units of a system, a /tmp without the node.
const LEFT_OUT: [&str; 7] =
    ["Wants=", "After=", "User=", "ProtectHome=", "ProtectKernelTunables=", "PrivateTmp=", "WantedBy="];

/// A service manager of the test's own.
struct Manager {
    dir: TempDir,
    child: Child,
}

impl Manager {
    fn start() -> Self {
        let dir = TempDir::new();
        fs::create_dir(dir.path().join("run")).unwrap();
        let mut command = Command::new("unshare");
        if !geteuid().is_root() {
            command.arg("--map-root-user");
        }
        // It looks whether the system was booted with systemd.
        let script = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec \"$@\"";
        command.args(["--mount", "sh", "-c", script, "sh", "/lib/systemd/systemd", "--user"]);
        command.arg("--unit=basic.target").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = environment(&mut command, dir.path()).spawn().expect("unshare(1) and systemd");
        let manager = Self { dir, child };
        until("the service manager", || manager.control(&["list-units"]).status.success().then_some(()));
        manager
    }

    fn control(&self, args: &[&str]) -> Output {
        environment(Command::new("systemctl").arg("--user").args(args), self.dir.path()).output().unwrap()
    }

    fn does(&self, args: &[&str]) {
        let output = self.control(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    /// A property of the node's unit.
    fn property(&self, name: &str) -> String {
        let output = self.control(&["show", "--value", "--property", name, "jackfield.service"]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn controller(&self) -> u32 {
        self.property("MainPID").parse().unwrap()
    }

    fn write_unit(&self, name: &str, text: &str) {
        self.dir.write(&format!("config/systemd/user/{name}"), text);
        self.does(&["daemon-reload"]);
    }

    fn write_config(&self, text: &str) {
        self.dir.write("node/.jackfield/config.json", text);
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.control(&["stop", "jackfield.socket", "jackfield.service"]);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn environment<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    command
        .env("HOME", dir)
        .env("XDG_RUNTIME_DIR", dir.join("run"))
        .env("XDG_CONFIG_HOME", dir.join("config"));
    command
        .env("SYSTEMD_LOG_TARGET", "console")
        .env_remove("NOTIFY_SOCKET")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
}

/// The unit as the page has it, but for what is left out, for this node.
fn unit(dir: &Path) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let begin = page.find("    [Unit]\n    Description=Jackfield node\n").expect("the unit");
    let lines = page[begin..].lines().map_while(|line| match line.is_empty() {
        true => Some(""),
        false => line.strip_prefix("    "),
    });
    let kept: Vec<_> = lines.filter(|line| !LEFT_OUT.iter().any(|key| line.starts_with(key))).collect();
    let text = kept.join("\n") + "\n";
    assert!(text.contains("WatchdogSec=10") && text.contains("ReadWritePaths=/srv/node"), "{text}");
    text.replace("/usr/local/bin/jackfield", jackfield().to_str().unwrap())
        .replace("/srv/node", dir.join("node").to_str().unwrap())
        .replace("WatchdogSec=10", "WatchdogSec=3")
}

fn config(addr: Ipv4Addr, value: &str) -> String {
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "processes": 2, "transports": [{{"type": "web",
            "endpoint": {{"type": "tcp", "interface": "{addr}", "port": 8080, "shared": true}},
            "paths": {{"/": {{"type": "json", "value": "{value}"}}}}}}]}}]}}"#
    )
}

fn asks(addr: Ipv4Addr) -> TcpStream {
    let mut stream = TcpStream::connect((addr, 8080)).expect("a queue");
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

fn is_answered(mut stream: TcpStream) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Processes whose parent this one is.
fn children(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap().flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap());
    lists.collect::<String>().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn the_unit_of_the_page_runs_under_systemd() {
    let (manager, addr) = (Manager::start(), loopback());
    let url = format!("http://{addr}:8080/");
    manager.write_config(&config(addr, "one"));
    manager.write_unit("jackfield.service", &unit(manager.dir.path()));

    // It is active when it serves, and says how it is.
    manager.does(&["start", "jackfield.service"]);
    assert_eq!(curl(&[&url]), "\"one\"");
    assert_eq!(manager.property("StatusText"), "processes ready: 2 of 2, generation 1");
    until("the sockets to be kept", || (manager.property("NFileDescriptorStore") == "2").then_some(()));

    // A reload does what it says, or fails.
    manager.write_config(&config(addr, "two"));
    manager.does(&["reload", "jackfield.service"]);
    assert_eq!(curl(&[&url]), "\"two\"");
    manager.write_config("{");
    assert!(!manager.control(&["reload", "jackfield.service"]).status.success());
    assert_eq!(curl(&[&url]), "\"two\"");
    manager.write_config(&config(addr, "three"));

    // Whoever comes while the controller is dead waits for the next one. Its workers die with it, and with them what they
    // have accepted until then.
    let killed = manager.controller();
    let workers = children(killed);
    assert!(workers.len() >= 2, "{workers:?}");
    signal_pid(killed, Signal::KILL);
    assert!([killed].iter().chain(&workers).all(|pid| wait_for_end(*pid)));
    let waiting: Vec<_> = (0..20).map(|_| asks(addr)).collect();
    waiting.into_iter().for_each(is_answered);
    assert_eq!(manager.property("NRestarts"), "1");

    // One that hangs is killed and replaced.
    let hanging =
        until("the next controller", || Some(manager.controller()).filter(|pid| ![0, killed].contains(pid)));
    until("it to be ready", || (manager.property("ActiveState") == "active").then_some(()));
    signal_pid(hanging, Signal::STOP);
    until("the watchdog", || (manager.property("NRestarts") == "2").then_some(()));
    is_answered(asks(addr));

    // A stop is a clean end, and leaves no socket.
    until("the last start", || (manager.property("ActiveState") == "active").then_some(()));
    manager.does(&["stop", "jackfield.service"]);
    assert_eq!(
        (manager.property("Result").as_str(), manager.property("ExecMainStatus").as_str()),
        ("success", "0")
    );
    TcpStream::connect((addr, 8080)).expect_err("a port that nobody listens at");

    // Started by its first client, on systemd's socket.
    manager.write_unit("jackfield.socket", &format!("[Socket]\nListenStream={addr}:8080\n"));
    manager.does(&["start", "jackfield.socket"]);
    is_answered(asks(addr));
    until("the start", || (manager.property("ActiveState") == "active").then_some(()));

    // A wrong configuration is no reason to try again.
    manager.does(&["stop", "jackfield.socket", "jackfield.service"]);
    manager.write_config("{");
    assert!(!manager.control(&["start", "jackfield.service"]).status.success());
    assert_eq!(manager.property("ExecMainStatus"), "78");
    assert_eq!(manager.property("ActiveState"), "failed");
}
