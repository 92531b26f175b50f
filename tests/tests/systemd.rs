//! The node as a service: what it says to its service manager, the sockets it is given, and those it leaves to be kept
//! when it crashes. The service manager is a datagram socket of the test; or another node.

use jackfield_tests::{DEADLINE, Node, TempDir, curl, jackfield, loopback, signal_pid, until, wait_for_end};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

/// The service manager's side.
struct Manager {
    socket: UnixDatagram,
    /// What it keeps, by name.
    store: BTreeMap<String, OwnedFd>,
    /// All assignments but those of the store, in order.
    said: Vec<String>,
}

impl Manager {
    fn new(dir: &Path) -> Self {
        let socket = UnixDatagram::bind(dir.join("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, store: BTreeMap::new(), said: Vec::new() }
    }

    /// Takes in the next message.
    fn receive(&mut self) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 4096];
        let into = &mut [IoSliceMut::new(&mut bytes)];
        let received = recvmsg(&self.socket, into, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
            .expect("a message of the node");
        let fds = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds.collect::<Vec<_>>()),
            _ => None,
        });
        let text = std::str::from_utf8(&bytes[..received.bytes]).unwrap();
        let name = || text.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap().to_owned();
        if text.starts_with("FDSTORE=1") {
            let [fd] = <[OwnedFd; 1]>::try_from(fds.unwrap()).unwrap();
            self.store.insert(name(), fd);
        } else if text.starts_with("FDSTOREREMOVE=1") {
            assert!(self.store.remove(&name()).is_some(), "{text}");
        } else {
            self.said.extend(text.lines().map(str::to_owned));
        }
    }

    /// Waits until the node says this, from the `from`th assignment on; the index behind it.
    fn wait(&mut self, from: usize, wanted: &str) -> usize {
        loop {
            if let Some(at) = self.said.iter().skip(from).position(|line| line.starts_with(wanted)) {
                return from + at + 1;
            }
            self.receive();
        }
    }
}

/// Starts the node of a directory with these sockets, by name, and a service manager.
fn start(dir: TempDir, addr: Ipv4Addr, fds: &[(&str, &OwnedFd)], env: &[(&str, &str)]) -> Node {
    let names: Vec<_> = fds.iter().map(|(name, _)| *name).collect();
    // They are inherited by the next process that starts; this process starts no other meanwhile.
    let inherited: Vec<_> = fds.iter().map(|(_, fd)| fcntl_dupfd_cloexec(fd, 50).unwrap()).collect();
    inherited.iter().for_each(|fd| fcntl_setfd(fd, FdFlags::empty()).unwrap());
    let numbers: Vec<_> = inherited.iter().map(|fd| fd.as_raw_fd().to_string()).collect();
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/exec_with_fds.py"));
    command.args([names.join(":"), numbers.join(",")]).arg(jackfield()).arg("start");
    let notify = dir.path().join("notify");
    let mut env = env.to_vec();
    env.push(("NOTIFY_SOCKET", notify.to_str().unwrap()));
    Node::run_as(command, dir, addr, &env)
}

fn config(addr: Ipv4Addr, processes: u16) -> String {
    json!({"version": 2, "workers": [{"type": "router", "processes": processes, "transports": [
        {"type": "web", "id": "site", "endpoint": {"type": "tcp", "interface": addr, "port": 8080, "shared": true},
         "paths": {"/": {"type": "json", "value": "here"}}},
        {"type": "stream.testee", "id": "echo", "endpoint": {"type": "unix", "path": "echo.sock"}}]}]})
    .to_string()
}

fn inodes(status: &Value) -> Vec<u64> {
    let endpoints = status["endpoints"].as_array().unwrap().iter();
    let listeners = endpoints.flat_map(|e| e["listeners"].as_array().unwrap());
    listeners.map(|listener| listener["inode"].as_u64().unwrap()).collect()
}

fn inode(fd: impl AsFd) -> u64 {
    rustix::fs::fstat(fd).unwrap().st_ino
}

#[test]
fn sockets_survive_a_crash_of_the_controller_where_somebody_keeps_them() {
    let (dir, addr) = (TempDir::new(), loopback());
    dir.write(".jackfield/config.json", config(addr, 2));
    let mut manager = Manager::new(dir.path());
    let mut node = start(dir, addr, &[], &[]);
    manager.wait(0, "READY=1");
    let before = inodes(&node.ready());
    assert_eq!(before.len(), 3, "two of the web, one of the echo");
    until("the sockets kept", || {
        if manager.store.len() < 3 {
            manager.receive();
        }
        (manager.store.len() == 3).then_some(())
    });
    node.signal(Signal::KILL);
    node.wait();
    // Nobody accepts; whoever comes waits.
    let mut waiting: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect((addr, 8080)).expect("a queue");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let mut echo = UnixStream::connect(node.dir.path().join(".jackfield/echo.sock")).expect("a queue");
    let dir = std::mem::take(&mut node.dir);
    drop(node);
    let store: Vec<_> = manager.store.iter().map(|(name, fd)| (name.as_str(), fd)).collect();
    let node = start(dir, addr, &store, &[]);
    manager.said.clear();
    manager.wait(0, "READY=1");
    for stream in &mut waiting {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\"here\""), "{answer}");
    }
    let mut byte = [0];
    echo.write_all(b"x").unwrap();
    echo.read_exact(&mut byte).unwrap();
    drop((waiting, echo));
    let mut after = inodes(&node.ready());
    let mut before = before;
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after, "the same sockets");
    let log = node.stop();
    assert!(!log.iter().any(|line| line.contains("is passed over")), "{log:#?}");
    manager.wait(0, "STOPPING=1");
    until("nothing kept", || {
        if !manager.store.is_empty() {
            manager.receive();
        }
        manager.store.is_empty().then_some(())
    });
    assert!(TcpStream::connect((addr, 8080)).is_err(), "whoever comes after the end is refused");
}

#[test]
fn the_service_manager_hears_of_the_start_reloads_the_watchdog_and_the_end() {
    let (dir, addr) = (TempDir::new(), loopback());
    let path = dir.write(".jackfield/config.json", config(addr, 1));
    let mut manager = Manager::new(dir.path());
    let node = start(dir, addr, &[], &[("WATCHDOG_USEC", "200000")]);
    manager.wait(0, "STATUS=processes ready: 0 of 1");
    let at = manager.wait(0, "STATUS=processes ready: 1 of 1, generation 1");
    let at = manager.wait(at, "READY=1");
    let at = manager.wait(at, "WATCHDOG=1");
    let at = manager.wait(at, "WATCHDOG=1");
    std::fs::write(&path, config(addr, 2)).unwrap();
    node.signal(Signal::HUP);
    let at = manager.wait(at, "RELOADING=1");
    assert!(manager.said[at].starts_with("MONOTONIC_USEC="), "{:?}", manager.said);
    let at = manager.wait(at, "STATUS=processes ready: 2 of 2, generation 2");
    manager.wait(at, "READY=1");
    assert_eq!(manager.said.iter().filter(|line| *line == "READY=1").count(), 2);
    let at = manager.said.len();
    node.stop();
    let at = manager.wait(at, "STOPPING=1");
    assert!(!manager.said[at..].contains(&"READY=1".to_owned()));
}

#[test]
fn given_sockets_are_used_by_address_by_name_and_by_place() {
    let (dir, addr) = (TempDir::new(), loopback());
    let transport = |id: &str, endpoint: Value| json!({"type": "web", "id": id, "endpoint": endpoint, "paths": {"/": {"type": "json", "value": id}}});
    let twisted = |text: &str| json!({"type": "twisted", "server_string": text});
    let config = json!({"version": 2, "workers": [{"type": "router", "transports": [
        transport("by_address", json!({"type": "tcp", "interface": addr, "port": 8080})),
        transport("by_name", twisted("systemd:domain=INET:name=api")),
        transport("by_place", twisted("systemd:domain=UNIX:index=2")),
        transport("by_path", json!({"type": "unix", "path": "../given.sock"}))]}]});
    dir.write(".jackfield/config.json", config.to_string());
    let path = |name: &str| dir.path().canonicalize().unwrap().join(name);
    let sockets: Vec<OwnedFd> = vec![
        TcpListener::bind((addr, 8080)).unwrap().into(),
        TcpListener::bind((addr, 0)).unwrap().into(),
        UnixListener::bind(path("place.sock")).unwrap().into(),
        UnixListener::bind(path("given.sock")).unwrap().into(),
        File::open("/dev/null").unwrap().into(),
        TcpListener::bind((addr, 9999)).unwrap().into(),
    ];
    let port = TcpListener::from(sockets[1].try_clone().unwrap()).local_addr().unwrap().port();
    let mut manager = Manager::new(dir.path());
    let names = ["front", "api", "place", "path", "null", "unused"];
    let node = start(dir, addr, &names.into_iter().zip(&sockets).collect::<Vec<_>>(), &[]);
    manager.wait(0, "READY=1");
    let status = node.ready();
    assert_eq!(inodes(&status), sockets[..4].iter().map(inode).collect::<Vec<_>>());
    assert_eq!(curl(&[&format!("http://{addr}:8080/")]), "\"by_address\"");
    assert_eq!(curl(&[&format!("http://{addr}:{port}/")]), "\"by_name\"");
    assert_eq!(status["endpoints"][1]["address"], format!("tcp://{addr}:{port}"));
    let over = |name: &str| {
        let path = node.dir.path().join(name);
        curl(&["--unix-socket", path.to_str().unwrap(), "http://x/"])
    };
    assert_eq!((over("place.sock"), over("given.sock")), ("\"by_place\"".into(), "\"by_path\"".into()));
    node.log.wait(0, "(\"null\") is passed over");
    node.log.wait(0, &format!("no endpoint uses the socket \"unused\" on tcp://{addr}:9999"));
    // They are kept by whoever has bound them.
    assert!(manager.store.is_empty());
    let reloaded = node.run(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    assert_eq!(inodes(&node.ready()), inodes(&status));
    let given = node.dir.path().join("given.sock");
    let mut node = node;
    node.signal(Signal::TERM);
    assert!(node.wait().success());
    assert!(given.exists(), "it belongs to somebody else");
    assert!(TcpStream::connect((addr, 8080)).is_ok(), "and waits for the next node");
}

#[test]
fn a_socket_that_was_not_given_is_an_error_that_names_those_that_were() {
    let (dir, addr) = (TempDir::new(), loopback());
    let config = r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "stream.testee",
        "endpoint": {"type": "twisted", "server_string": "systemd:domain=INET:name=web"}}]}]}"#;
    dir.write(".jackfield/config.json", config);
    let socket: OwnedFd = TcpListener::bind((addr, 0)).unwrap().into();
    let _manager = Manager::new(dir.path());
    let mut node = start(dir, addr, &[("other", &socket)], &[]);
    assert_eq!(node.wait().code(), Some(1));
    let (line, _) = node.log.wait(0, "it was given: other");
    assert!(line.contains("config.json:2:"), "{line}");
}

#[test]
fn a_node_is_a_guest_of_a_node() {
    let dir = TempDir::new();
    let (outer, inner) = (loopback(), loopback());
    dir.write("inner/config.json", config(inner, 2).replace(r#""shared":true"#, r#""shared":false"#));
    let config = json!({"version": 2, "workers": [{"type": "guest", "id": "node", "executable": jackfield(),
        "arguments": ["start", "--dir", "../inner"], "ready": "notify", "watchdog": 5,
        "listen": [{"name": "web", "endpoint": {"type": "tcp", "interface": inner, "port": 8080}}]}]});
    dir.write(".jackfield/config.json", config.to_string());
    let node = Node::launch(dir, outer, &[], &[]);
    let url = format!("http://{inner}:8080/");
    let status = node.ready();
    let guest = |status: &Value| status["workers"][0]["processes"][0].clone();
    assert_eq!(guest(&status)["status"], "processes ready: 2 of 2, generation 1");
    assert_eq!(curl(&[&url]), "\"here\"");
    let given = inodes(&status);
    let of_inner = node.run(&["status", "--json", "--dir", "inner"]);
    let of_inner: Value = serde_json::from_slice(&of_inner.stdout).unwrap();
    assert_eq!(inodes(&of_inner)[0], given[0], "the inner node serves on the outer node's socket");
    let workers: Vec<_> =
        of_inner["workers"][0]["processes"].as_array().unwrap().iter().map(|p| p["pid"].clone()).collect();
    // The inner controller crashes: its successor goes on with the same socket.
    let killed = u32::try_from(guest(&status)["pid"].as_u64().unwrap()).unwrap();
    signal_pid(killed, Signal::KILL);
    assert!(wait_for_end(killed));
    assert_eq!(curl(&[&url]), "\"here\"");
    for worker in workers {
        assert!(wait_for_end(u32::try_from(worker.as_u64().unwrap()).unwrap()));
    }
    let status = node.until("the successor", |s| guest(s)["restarts"] == 1 && guest(s)["state"] == "ready");
    assert_eq!(inodes(&status), given);
    let log = node.stop();
    assert!(log.iter().any(|line| line.contains("is stopping, as it says")), "{log:#?}");
}
