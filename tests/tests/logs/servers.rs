//! The journal, and syslog servers.

use super::*;
use jackfield_shared::short_path::ShortPath;
use jackfield_tests::{DEADLINE, Node, TempDir, loopback};
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Fields of a datagram for the journal.
fn fields(mut bytes: &[u8]) -> HashMap<String, String> {
    let mut fields = HashMap::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let line = String::from_utf8(bytes[..end].to_vec()).unwrap();
        bytes = &bytes[end + 1..];
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => {
                let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
                let (value, rest) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
                bytes = &rest[1..];
                (line, String::from_utf8(value.to_vec()).unwrap())
            }
        };
        fields.insert(name, value);
    }
    fields
}

/// The next record that the journal gets: in the datagram, or in the file that comes with it.
fn journal_record(socket: &UnixDatagram) -> HashMap<String, String> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; 1 << 18];
    let mut into = [std::io::IoSliceMut::new(&mut bytes)];
    let received = recvmsg(socket, &mut into, &mut ancillary, RecvFlags::CMSG_CLOEXEC).expect("a record");
    let fds = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    match fds {
        Some(fd) => {
            let fd: OwnedFd = fd;
            let seals = rustix::fs::fcntl_get_seals(&fd).unwrap();
            assert!(seals.contains(rustix::fs::SealFlags::WRITE), "{seals:?}");
            let mut file = fs::File::from(fd);
            std::io::Seek::rewind(&mut file).unwrap();
            bytes.clear();
            file.read_to_end(&mut bytes).unwrap();
            assert_eq!(received.bytes, 0);
        }
        None => bytes.truncate(received.bytes),
    }
    fields(&bytes)
}

fn journal(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Records until one has this message.
fn until_message(journal: &UnixDatagram, message: &str) -> HashMap<String, String> {
    loop {
        let record = journal_record(journal);
        if record["MESSAGE"] == message {
            return record;
        }
    }
}

#[test]
fn the_journal_gets_every_record_also_when_it_comes_late_or_comes_back() {
    let dir = TempDir::new();
    let path = dir.path().join("journal");
    let long = "head -c 300000 /dev/zero | tr '\\0' x; echo";
    let config = json!({"version": 2, "controller": {"log": {"sinks": [
        {"type": "terminal"}, {"type": "journald", "socket": path, "identifier": "here"}]}},
        "workers": [{"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", format!("echo begin; {long}; {OBEDIENT}")]}]});
    let node = Node::start_in(dir, &config.to_string());
    node.log.wait(0, "log sink journald");
    let socket = journal(&node.dir.path().join("journal"));
    let first = journal_record(&socket);
    assert!(first["MESSAGE"].contains("starts") && first["SYSLOG_IDENTIFIER"] == "here", "{first:?}");
    assert_eq!((first["PRIORITY"].as_str(), first.get("JACKFIELD_WORKER")), ("6", None));
    let begin = until_message(&socket, "begin");
    assert_eq!((begin["JACKFIELD_WORKER"].as_str(), begin["JACKFIELD_PROCESS"].as_str()), ("app", "0"));
    let mut bytes = 0;
    while bytes < 300_000 {
        let message = journal_record(&socket)["MESSAGE"].clone();
        bytes += if message.starts_with("xxx") { message.len() } else { 0 };
    }
    assert_eq!(bytes, 300_000, "a long line, in parts");
    drop(socket);
    fs::remove_file(node.dir.path().join("journal")).unwrap();
    say(&node, "nobody listens");
    node.until("the trouble", |s| sinks(s)[1]["trouble"].is_string());
    let socket = journal(&node.dir.path().join("journal"));
    until_message(&socket, "nobody listens");
    say(&node, "somebody listens");
    until_message(&socket, "somebody listens");
    assert_eq!(node.status().unwrap()["logs"]["dropped"], 0);
    drop(socket);
    node.stop();
}

#[test]
fn sockets_at_paths_that_are_too_long_for_an_address_get_their_records() {
    let dir = TempDir::new();
    let deep = dir.path().join("a-directory-with-a-long-name/".repeat(5));
    fs::create_dir_all(&deep).unwrap();
    let bind = |name: &str| {
        let path = deep.join(name);
        assert!(path.as_os_str().len() > 107, "{}", path.display());
        journal(ShortPath::new(&path).unwrap().as_path())
    };
    let (native, syslog) = (bind("journal"), bind("log"));
    let config = json!({"version": 2, "controller": {"log": {"sinks": [{"type": "terminal"},
        {"type": "journald", "socket": deep.join("journal")},
        {"type": "syslog", "address": format!("unix://{}", deep.join("log").display())}]}},
        "workers": [{"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", format!("echo begin; {OBEDIENT}")]}]});
    let node = Node::start_in(dir, &config.to_string());
    until_message(&native, "begin");
    let mut bytes = [0; 4096];
    let mut says = String::new();
    while !says.ends_with("begin") {
        let count = syslog.recv(&mut bytes).unwrap();
        says = String::from_utf8_lossy(&bytes[..count]).into_owned();
    }
    assert!(sinks(&node.status().unwrap()).iter().all(|sink| sink["trouble"].is_null()));
    node.stop();
}

#[test]
fn syslog_over_each_transport() {
    let dir = TempDir::new();
    let addr = loopback();
    let unix = journal(&dir.path().join("log"));
    let udp = UdpSocket::bind((addr, 5514)).unwrap();
    udp.set_read_timeout(Some(DEADLINE)).unwrap();
    let tcp = TcpListener::bind((addr, 5514)).unwrap();
    let sink = |address: String| json!({"type": "syslog", "address": address, "level": "warn", "facility": "local3"});
    let script = format!("echo never; echo 'to syslog' >&2; {OBEDIENT} >&2");
    let config = json!({"version": 2, "controller": {"log": {"sinks": [
        sink(format!("unix://{}/log", dir.path().display())), sink(format!("udp://{addr}:5514")),
        sink(format!("tcp://{addr}:5514"))]}},
        "workers": [{"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", script]}]});
    let node = Node::start_in(dir, &config.to_string());
    let is_it = |message: &str| {
        assert!(message.starts_with("<156>1 2"), "local3, warning: {message}");
        assert!(message.contains(" jackfield ") && message.contains(" app[0] - "), "{message}");
        assert!(message.ends_with("to syslog"), "{message}");
    };
    let mut bytes = [0; 1024];
    let count = unix.recv(&mut bytes).unwrap();
    is_it(std::str::from_utf8(&bytes[..count]).unwrap());
    let count = udp.recv(&mut bytes).unwrap();
    is_it(std::str::from_utf8(&bytes[..count]).unwrap());
    let frame = |stream: &mut BufReader<std::net::TcpStream>| {
        let mut length = Vec::new();
        stream.read_until(b' ', &mut length).unwrap();
        let length: usize = std::str::from_utf8(&length).unwrap().trim().parse().unwrap();
        let mut message = vec![0; length];
        stream.read_exact(&mut message).unwrap();
        String::from_utf8(message).unwrap()
    };
    let accept = || {
        let (stream, _) = tcp.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        BufReader::new(stream)
    };
    let mut stream = accept();
    is_it(&frame(&mut stream));
    // The server goes away and comes back: what is logged then comes by a new connection.
    drop(stream);
    say(&node, "after the server's return");
    assert!(frame(&mut accept()).ends_with("after the server's return"));
    node.stop();
}
