//! What processes may do: who they are, what they may use, what they are kept from.

use jackfield_tests::{Node, TempDir, curl, jackfield, run, signal_pid, until, wait_for_end};
use rustix::process::{Signal, geteuid};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// A value of /proc/PID/status.
fn proc_status(pid: u64, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{key} in {text}")).trim().to_owned()
}

fn pids(status: &Value) -> Vec<u64> {
    let processes = status["workers"][0]["processes"].as_array().unwrap();
    processes.iter().map(|process| process["pid"].as_u64().unwrap()).collect()
}

#[test]
fn workers_of_another_user_never_have_more_rights() {
    const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router", "user": "nobody", "sandbox": false,
        "transports": [{"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 80},
            "paths": {"/": {"type": "json", "value": "served"}}}]}]}"#;
    if !geteuid().is_root() {
        let dir = TempDir::new();
        dir.write(".jackfield/config.json", CONFIG.replace("ADDR", "127.0.0.1").replace("80}", "8080}"));
        let output = run(dir.path(), &["start"]);
        assert_eq!(output.status.code(), Some(78));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("workers[0]: user: only a node that is started as root"), "{text}");
        return;
    }
    let node = Node::start(CONFIG);
    let pid = pids(&node.ready())[0];
    let nobody = "65534\t65534\t65534\t65534";
    assert_eq!((proc_status(pid, "Uid").as_str(), proc_status(pid, "Gid").as_str()), (nobody, nobody));
    assert_eq!(proc_status(pid, "Groups"), "65534");
    for set in ["CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&proc_status(pid, set), 16), Ok(0), "{set}");
    }
    // A port below 1024, which the controller has bound.
    assert_eq!(curl(&[&format!("http://{}/", node.addr)]), "\"served\"");
    // It is looked after as any other, and ends with its controller as any other.
    signal_pid(pid as u32, Signal::KILL);
    let status = node.until("another process", |status| {
        let process = &status["workers"][0]["processes"][0];
        process["state"] == "ready" && process["pid"] != pid
    });
    // Another image looks up who that is once more.
    let output = node.run(&["upgrade"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(proc_status(pids(&node.ready())[0], "Uid"), nobody);
    node.signal(Signal::KILL);
    assert!(wait_for_end(pids(&status)[0] as u32), "the worker outlives its controller");
}

#[test]
fn a_user_that_does_not_exist_is_an_error_at_start() {
    let dir = TempDir::new();
    let worker = r#"{"type": "router", "KEY": "no such name"}"#;
    for (key, what) in [("user", "user"), ("group", "group")] {
        let config = format!(r#"{{"version": 2, "workers": [{}]}}"#, worker.replace("KEY", key));
        dir.write(".jackfield/config.json", config);
        let output = run(dir.path(), &["start"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{text}");
        let expected = format!("workers[0].{key}: there is no {what} \"no such name\"");
        assert!(text.contains("config.json:1:") && text.contains(&expected), "{text}");
    }
}

#[test]
fn memory_is_limited_by_what_the_system_has_for_it() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "limits": {"memory": 268435456, "cpu": 0.5},
        "transports": [{"type": "stream.testee",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}}]}]}"#,
    );
    let pid = pids(&node.ready())[0];
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let data = limits.lines().find(|line| line.starts_with("Max data size")).unwrap();
    let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let own = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().to_owned();
    if own.contains("worker001-") {
        let limit = |file: &str| fs::read_to_string(format!("/sys/fs/cgroup{own}/{file}")).unwrap();
        assert_eq!((limit("memory.max").trim(), limit("cpu.max").trim()), ("268435456", "50000 100000"));
        assert!(data.contains("unlimited"), "{data}");
    } else {
        assert!(data.contains("268435456            268435456"), "{data}");
        node.log.wait(0, "limits.memory counts data only (RLIMIT_DATA), limits.cpu has no effect: ");
    }
    node.stop();
}

const SITE: &str = r#"{"version": 2, "workers": [{"type": "router", "processes": 2, SANDBOX
    "transports": [{"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
        "paths": {"/": {"type": "static", "directory": "../web/current"}}}]}]}"#;

#[test]
fn workers_are_confined_unless_it_is_switched_off() {
    for (sandbox, confined) in [("", true), (r#""sandbox": true,"#, true), (r#""sandbox": false,"#, false)] {
        let dir = TempDir::new();
        dir.write("web/current/index.html", "page");
        let node = Node::start_in(dir, &SITE.replace("SANDBOX", sandbox));
        for pid in pids(&node.ready()) {
            let expected = if confined { ("1", "2") } else { ("0", "0") };
            let found = (proc_status(pid, "NoNewPrivs"), proc_status(pid, "Seccomp"));
            assert_eq!((found.0.as_str(), found.1.as_str()), expected, "{sandbox}");
            let effective = u64::from_str_radix(&proc_status(pid, "CapEff"), 16).unwrap();
            // CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH are 1 and 2.
            assert!(!confined || effective & !0b110 == 0, "{effective:x}");
        }
        assert_eq!(curl(&[&format!("http://{}:8080/", node.addr)]), "page");
        node.stop();
    }
}

fn switch(web: &Path, version: &str) {
    symlink(version, web.join("next")).unwrap();
    fs::rename(web.join("next"), web.join("current")).unwrap();
}

/// The usual way to bring out a new version of a site; a confined process may not read what it was not confined to.
#[test]
fn a_site_that_is_replaced_is_served_without_a_gap() {
    let dir = TempDir::new();
    let web = dir.path().join("web");
    for version in ["one", "two", "three"] {
        dir.write(&format!("web/{version}/index.html"), version);
    }
    switch(&web, "one");
    let node = Node::start_in(dir, &SITE.replace("SANDBOX", ""));
    let web = node.dir.path().join("web");
    let url = format!("http://{}:8080/", node.addr);
    let get = || {
        let body = curl(&["--write-out", "\n%{http_code}", &url]);
        let (body, status) = body.rsplit_once('\n').unwrap();
        assert_eq!(status, "200", "{body}");
        body.to_owned()
    };
    assert_eq!(get(), "one");
    for (before, version) in [("one", "two"), ("two", "three")] {
        let pids_before = pids(&node.ready());
        switch(&web, version);
        // Each process serves the one or the other; then all of them the new one.
        until("the new version from all processes", || {
            let served = get();
            assert!(served == before || served == version, "{served}");
            let status = node.status()?;
            let replaced = pids(&status).iter().all(|pid| !pids_before.contains(pid));
            (served == version && replaced).then_some(())
        });
        assert_eq!(get(), version);
    }
    node.log.wait(0, "it is replaced: ");
    node.stop();
}

/// A configuration with a guest and a script that both say which descriptors they have.
const CURIOUS: &str = r#"{"version": 2, "workers": [
    {"type": "router", "id": "web", "transports": [{"type": "web",
        "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
        "paths": {"/": {"type": "cgi", "directory": "../cgi", "processor": "/bin/sh"}}}]},
    {"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", "ls -l /proc/$$/fd; exec sleep 1000"]}]}"#;

#[test]
fn nothing_that_the_node_was_started_with_reaches_anybody() {
    let dir = TempDir::new();
    dir.write("cgi/script", "printf 'Content-Type: text/plain\\n\\n'; ls -l /proc/$$/fd");
    let addr = jackfield_tests::loopback();
    dir.write(".jackfield/config.json", CURIOUS.replace("ADDR", &addr.to_string()));
    dir.write("inherited", "");
    let mut command = Command::new("sh");
    command.args(["-c", "exec 7<inherited; exec \"$0\" start"]).arg(jackfield());
    let node = Node::run_as(command, dir, addr, &[]);
    let status = node.ready();
    let of_script = curl(&[&format!("http://{}:8080/script", node.addr)]);
    assert!(of_script.contains("-> ") && !of_script.contains("inherited"), "{of_script}");
    assert!(!node.log.all().iter().any(|line| line.contains("inherited")), "{:#?}", node.log.all());
    let workers = status["workers"].as_array().unwrap().iter();
    let pids = workers.map(|worker| worker["processes"][0]["pid"].as_u64().unwrap());
    for pid in pids.chain([node.pid().into()]) {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let names: Vec<_> = open.filter_map(|fd| fs::read_link(fd.path()).ok()).collect();
        assert!(
            !names.is_empty() && !names.iter().any(|name| name.ends_with("inherited")),
            "{pid}: {names:?}"
        );
    }
    node.stop();
}

#[test]
fn processes_that_hold_keys_leave_no_core_and_let_nobody_look_into_them() {
    let dir = TempDir::new();
    dir.write("cgi/script", "");
    let addr = jackfield_tests::loopback();
    dir.write(".jackfield/config.json", CURIOUS.replace("ADDR", &addr.to_string()));
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -c 1000; exec \"$0\" start"]).arg(jackfield());
    let node = Node::run_as(command, dir, addr, &[]);
    let status = node.ready();
    let soft = |pid: u64| {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line =
            limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap().to_owned();
        line.split_whitespace().next().unwrap().to_owned()
    };
    let pid = |worker: usize| status["workers"][worker]["processes"][0]["pid"].as_u64().unwrap();
    assert_eq!([soft(node.pid().into()), soft(pid(0))], ["0", "0"]);
    assert_ne!(soft(pid(1)), "0", "what guests do with their memory is theirs");
    node.stop();
    if geteuid().is_root() {
        let node = Node::start(
            r#"{"version": 2, "workers": [{"type": "router", "user": "nobody", "transports": [{"type": "stream.testee",
                "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}}]}]}"#,
        );
        let pid = pids(&node.ready())[0];
        use std::os::unix::fs::MetadataExt as _;
        // What can't be looked into belongs to root there (proc(5)).
        assert_eq!(fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid(), 0);
        assert!(proc_status(pid, "Uid").starts_with("65534"));
        node.stop();
    }
}

/// A directory of users (nsswitch.conf(5)) that is asked and never answers.
const SILENT: &str = r#"
#include <nss.h>
#include <pwd.h>
#include <unistd.h>

enum nss_status _nss_silent_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, int *error)
{
    for (;;)
        pause();
}
"#;

/// A node that looks users up in the usual files, and then in a directory that is silent: in a mount namespace of its own.
fn with_silent_directory(dir: &TempDir) -> Command {
    let source = dir.write("silent.c", SILENT);
    let library = dir.path().join("libnss_silent.so.2");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(built.unwrap().success());
    let switch = dir.write("nsswitch.conf", "passwd: files silent\ngroup: files\nhosts: files\n");
    let mut command = Command::new("unshare");
    if !geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let script = "mount --bind \"$1\" /etc/nsswitch.conf && shift && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(switch).env("LD_LIBRARY_PATH", dir.path());
    command.arg(jackfield()).arg("start");
    command
}

#[test]
fn a_silent_directory_of_users_holds_up_no_command() {
    const CONFIG: &str = r#"{"version": 2, "controller": {"options": {"lookup_timeout": 2}},
        "workers": [{"type": "router"USER, "transports": [{"type": "web",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "paths": {"/": {"type": "json", "value": 1}}}]}]}"#;
    let late = "workers[0].user: there was no answer within 2 s";
    let (dir, addr) = (TempDir::new(), jackfield_tests::loopback());
    let config = |user: &str| CONFIG.replace("ADDR", &addr.to_string()).replace("USER", user);
    dir.write(".jackfield/config.json", config(r#", "user": "somebody""#));
    let output = with_silent_directory(&dir).current_dir(dir.path()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains(late), "{text}");

    dir.write(".jackfield/config.json", config(""));
    let command = with_silent_directory(&dir);
    let node = Node::run_as(command, dir, addr, &[]);
    node.ready();
    node.dir.write(".jackfield/config.json", config(r#", "user": "somebody""#));
    std::thread::scope(|scope| {
        let reload = scope.spawn(|| node.run(&["reload"]));
        let mut answers = 0;
        while !reload.is_finished() {
            assert!(node.status().is_some(), "the node answers meanwhile");
            answers += 1;
        }
        let output = reload.join().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && text.contains("nothing was changed") && text.contains(late),
            "{text}"
        );
        assert!(answers > 3, "{answers} answers in 2 s");
    });
    assert_eq!(curl(&[&format!("http://{addr}:8080/")]), "1");
    node.stop();
}
