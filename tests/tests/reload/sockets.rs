//! What becomes of sockets in a reload.

use super::*;

/// How many connections may wait there, as ss(8) shows it; absent: it doesn't.
fn accept_queue(addr: std::net::Ipv4Addr, port: u16) -> Option<u32> {
    let output = std::process::Command::new("ss").args(["-Hltn"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let at = format!("{addr}:{port}");
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|cells| cells.get(3) == Some(&at.as_str()))
        .and_then(|cells| cells.get(2)?.parse().ok())
}

#[test]
fn sockets_move_along_and_change_their_options_while_they_listen() {
    let shared = |worker: Value, shared: bool, processes: u16, more: Value| {
        let mut worker = worker;
        worker["processes"] = json!(processes);
        worker["transports"][0]["endpoint"]["shared"] = json!(shared);
        for (key, value) in more.as_object().unwrap() {
            worker["transports"][0]["endpoint"][key] = value.clone();
        }
        node_of(&[worker])
    };
    let first = || site("first", 8080, "x");
    let node = Node::start(&shared(first(), false, 1, json!({})));
    let before = node.ready();
    let one = inodes(&before)[0].1.clone();
    let options = json!({"backlog": 7, "user_timeout": 3000, "keepalive": 60, "nodelay": false});
    let status = node.reloaded(&shared(first(), false, 1, options));
    assert_eq!(inodes(&status)[0].1, one);
    assert_eq!(status["node"]["generation"], 2);
    assert_eq!(
        pids(&status, "first"),
        pids(&before, "first"),
        "what the kernel looks at replaces no process"
    );
    assert_eq!(accept_queue(node.addr, 8080), Some(7), "and is in effect");
    let status = node.reloaded(&shared(site("other", 8080, "x"), false, 1, json!({})));
    assert_eq!(inodes(&status)[0].1, one, "to another worker");
    let status = node.reloaded(&shared(first(), true, 3, json!({})));
    let three = inodes(&status)[0].1.clone();
    assert_eq!((three.len(), three[0]), (3, one[0]), "sharing");
    let pids_before = pids(&status, "first");
    let status = node.reloaded(&shared(first(), true, 2, json!({})));
    assert_eq!(pids(&status, "first"), pids_before[..2], "fewer processes, the others untouched");
    assert_eq!(inodes(&status)[0].1, three, "no queue is closed");
    let status = node.reloaded(&shared(first(), true, 4, json!({})));
    assert_eq!(pids(&status, "first")[..2], pids_before[..2], "more processes, the others untouched");
    assert_eq!(inodes(&status)[0].1[..3], three);
    let status = node.reloaded(&shared(first(), false, 2, json!({})));
    assert_eq!(inodes(&status)[0].1[..3], three, "no longer sharing");
    for _ in 0..100 {
        assert_eq!(node.get(8080), "\"x\"");
    }
    let log = node.stop();
    assert!(!log.iter().any(|line| line.contains("can't all be set")), "{log:#?}");
}

#[test]
fn the_access_to_a_unix_socket_changes_and_no_process_is_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let echo = |mode: &str| {
        node_of(&[json!({"type": "router", "id": "echo", "transports": [{"type": "stream.testee",
            "endpoint": {"type": "unix", "path": "echo.sock", "mode": mode}}]})])
    };
    let node = Node::start(&echo("0600"));
    let before = node.ready();
    let path = node.dir.path().join(".jackfield/echo.sock");
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let status = node.reloaded(&echo("0606"));
    assert_eq!(mode(), 0o606);
    assert_eq!(status["node"]["generation"], 2);
    assert_eq!(pids(&status, "echo"), pids(&before, "echo"), "who may connect is the kernel's business");
    node.stop();
}

#[test]
fn a_unix_socket_whose_name_was_removed_is_degraded_until_a_reload_makes_it_anew() {
    let echo = || {
        json!({"type": "router", "id": "echo", "transports": [{"type": "stream.testee",
            "endpoint": {"type": "unix", "path": "echo.sock", "mode": "0600"}}]})
    };
    let node = Node::start(&node_of(&[echo(), site("site", 8080, "x")]));
    let path = node.dir.path().join(".jackfield/echo.sock");
    let mut before = std::os::unix::net::UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let status = node.until("a degraded endpoint", |s| s["endpoints"][0]["state"] == "degraded");
    let reason = status["endpoints"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("echo.sock") && reason.contains("jackfield reload"), "{reason}");
    // A link in its place leads to nothing, and is in the way.
    let victim = node.dir.write("victim", "precious");
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    let text = node.refused(&node_of(&[echo(), site("site", 8080, "y")]));
    assert!(text.contains("symbolic link"), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&victim).unwrap().permissions());
    assert_eq!((std::fs::read_to_string(&victim).unwrap().as_str(), mode & 0o777), ("precious", 0o644));
    std::fs::remove_file(&path).unwrap();
    let status = node.reloaded(&node_of(&[echo(), site("site", 8080, "z")]));
    assert_eq!(status["endpoints"][0]["state"], "bound");
    use std::io::{Read as _, Write as _};
    let mut after = std::os::unix::net::UnixStream::connect(&path).unwrap();
    for client in [&mut after, &mut before] {
        client.write_all(b"hello").unwrap();
        let mut answer = [0; 5];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hello");
    }
    drop((before, after));
    node.stop();
    assert!(!path.exists());
}

#[test]
fn somebody_who_holds_the_lock_of_a_socket_holds_up_nobody_else() {
    let echo = json!({"type": "router", "id": "echo", "transports": [{"type": "stream.testee",
        "endpoint": {"type": "unix", "path": "echo.sock"}}]});
    let node = Node::start(&node_of(&[site("site", 8080, "x")]));
    let lock = std::fs::File::create(node.dir.path().join(".jackfield/echo.sock.lock")).unwrap();
    lock.lock().unwrap();
    node.dir.write(
        ".jackfield/config.json",
        node_of(&[site("site", 8080, "x"), echo]).replace("ADDR", &node.addr.to_string()),
    );
    let (answered, refusal) = std::thread::scope(|scope| {
        let reload = scope.spawn(|| node.run(&["reload"]));
        let mut answered = 0;
        while !reload.is_finished() {
            assert!(node.run(&["status"]).status.success());
            answered += 1;
        }
        (answered, reload.join().unwrap())
    });
    let said = text(&refusal);
    assert!(!refusal.status.success() && said.contains("echo.sock.lock"), "{said}");
    // It was waited for during two seconds, beside the loop: commands are answered in a small part of that.
    assert!(answered > 4, "{answered} commands answered meanwhile");
    drop(lock);
    let output = node.run(&["reload"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(std::os::unix::net::UnixStream::connect(node.dir.path().join(".jackfield/echo.sock")).is_ok());
    node.stop();
}
