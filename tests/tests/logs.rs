//! The log: its sinks, what happens when one of them is slow, full or gone, and its levels.

use jackfield_tests::{DEADLINE, Lines, Node, TempDir, jackfield, loopback, run, signal_pid, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A node with these sinks and one guest, a shell script.
fn start(sinks: Value, script: &str) -> Node {
    let worker = json!({"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", script]});
    let config = json!({"version": 2, "controller": {"log": {"sinks": sinks}}, "workers": [worker]});
    Node::start(&config.to_string())
}

/// Writes a line for each line that is put into the file `orders`, then sleeps.
const OBEDIENT: &str = "mkfifo orders; while true; do cat orders; done";

fn say(node: &Node, text: &str) {
    let orders = node.dir.path().join(".jackfield/orders");
    until("the guest's ear", || orders.exists().then_some(()));
    fs::write(orders, format!("{text}\n")).unwrap();
}

/// The files that a log was written to, the oldest first.
fn files(path: &Path) -> Vec<PathBuf> {
    let rotated = (1..).map(|n| PathBuf::from(format!("{}.{n}", path.display())));
    let mut files: Vec<_> = rotated.take_while(|path| path.exists()).collect();
    files.reverse();
    files.push(path.to_owned());
    files
}

/// The records in JSON files.
fn records(path: &Path) -> impl Iterator<Item = Value> {
    let lines =
        files(path).into_iter().flat_map(|file| BufReader::new(fs::File::open(file).unwrap()).lines());
    lines.map(|line| serde_json::from_str(&line.unwrap()).expect("a whole record"))
}

fn sinks(status: &Value) -> &Vec<Value> {
    status["logs"]["sinks"].as_array().unwrap()
}

/// How many lines: a million by `JACKFIELD_FULL=1`.
fn lines_wanted() -> u64 {
    if std::env::var_os("JACKFIELD_FULL").is_some() { 1_000_000 } else { 100_000 }
}

const WRITER: &str = r#"
import mmap, os, signal
run = "%s-%d" % (os.environ["NAME"], os.getpid())
with open("counters/" + run, "w+b") as file:
    file.truncate(8)
    counter = mmap.mmap(file.fileno(), 8)
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
count = 0
while not stopping:
    text = b"".join(b"%s %d 0123456789012345678901234567890123456789\n" % (run.encode(), count + n) for n in range(100))
    while text:
        text = text[os.write(1, text):]
    count += 100
    counter[:] = count.to_bytes(8, "little")
"#;

/// How many lines each run of the guests has certainly written.
fn counters(dir: &Path) -> HashMap<String, u64> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let octets = fs::read(entry.path()).unwrap().try_into().unwrap_or_default();
            (entry.file_name().into_string().unwrap(), u64::from_le_bytes(octets))
        })
        .collect()
}

#[test]
fn not_a_line_of_four_guests_is_missing_across_restarts_rotations_and_kills() {
    let dir = TempDir::new();
    dir.write(".jackfield/writer.py", WRITER);
    fs::create_dir(dir.path().join(".jackfield/counters")).unwrap();
    let guest = |name: &str| {
        json!({"type": "guest", "id": name, "executable": "python3", "arguments": ["writer.py"],
               "restart": {"backoff": 0.01, "max_restarts": 1000}, "options": {"env": {"vars": {"NAME": name}}}})
    };
    let names = ["one", "two", "three", "four"];
    let config = json!({"version": 2,
        "controller": {"log": {"sinks": [
            {"type": "file", "path": "logs/node.log", "format": "json", "max_size": 1 << 21, "keep": 10000}]}},
        "workers": names.map(guest)});
    let node = Node::start_in(dir, &config.to_string());
    let counters_dir = node.dir.path().join(".jackfield/counters");
    let (wanted, mut kills) = (lines_wanted(), 0);
    for round in 0.. {
        let total: u64 = counters(&counters_dir).values().sum();
        if total >= wanted && round >= 4 {
            break;
        }
        let name = names[round % 4];
        if round % 2 == 0 {
            let restarted = node.run(&["worker", "restart", name]);
            assert!(restarted.status.success(), "{}", String::from_utf8_lossy(&restarted.stderr));
        } else {
            let pid = |s: &Value| s["workers"][round % 4]["processes"][0]["pid"].as_u64();
            let victim = pid(&node.ready()).unwrap();
            signal_pid(u32::try_from(victim).unwrap(), Signal::KILL);
            kills += 1;
            node.until("its successor", |s| pid(s).is_some_and(|pid| pid != victim));
        }
        let before: u64 = counters(&counters_dir).values().sum();
        until("more lines", || {
            (counters(&counters_dir).values().sum::<u64>() > before + wanted / 20).then_some(())
        });
    }
    let status = node.until("everything written", |s| sinks(s)[0]["waiting"].as_u64().unwrap() < 100_000);
    assert_eq!(status["logs"]["dropped"], 0, "{:#}", status["logs"]);
    let path = node.dir.path().join(".jackfield/logs/node.log");
    let stopped = node.run(&["stop"]);
    assert!(stopped.status.success());
    let mut seen: HashMap<String, u64> = HashMap::new();
    let (mut torn, mut total) = (0, 0);
    for record in records(&path) {
        let message = record["message"].as_str().unwrap();
        let Some((run, rest)) =
            message.split_once(' ').filter(|(run, _)| names.iter().any(|n| run.starts_with(n)))
        else {
            continue;
        };
        let number = rest.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        let next = seen.entry(run.to_owned()).or_default();
        if !message.ends_with("0123456789") {
            // The last line of a guest that was killed in the middle of a write.
            torn += 1;
            continue;
        }
        assert_eq!(number, Some(*next), "the next line of {run}");
        *next += 1;
        total += 1;
    }
    for (run, written) in counters(&counters_dir) {
        let logged = seen.get(&run).copied().unwrap_or_default();
        assert!(logged >= written, "{run} wrote {written} lines, {logged} are in the log");
    }
    assert!(torn <= kills, "{torn} torn lines, {kills} kills");
    assert!(files(&path).len() > 2, "it was rotated");
    println!("{total} lines, {} runs, {kills} kills, {} files: 0 missing", seen.len(), files(&path).len());
}

#[test]
fn a_file_is_made_anew_with_its_directory_and_what_was_lost_is_only_what_was_removed() {
    let node = start(json!([{"type": "file", "path": "logs/node.log"}]), OBEDIENT);
    let path = node.dir.path().join(".jackfield/logs/node.log");
    let text = || fs::read_to_string(&path).unwrap_or_default();
    until("the start in the file", || text().contains("every worker is ready").then_some(()));
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    say(&node, "first");
    until("the next line in a new file", || text().contains("info  app[0]         first").then_some(()));
    fs::rename(&path, path.with_extension("moved")).unwrap();
    say(&node, "second");
    until("another new file", || text().contains("second").then_some(()));
    assert!(!text().contains("first"));
    assert!(fs::read_to_string(path.with_extension("moved")).unwrap().contains("first"));
    assert_eq!(node.status().unwrap()["logs"]["dropped"], 0);
    node.stop();
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost_when_it_has_room_again() {
    let dir = TempDir::new();
    let path = dir.path().join("node.log");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let config = json!({"version": 2, "controller": {"log": {"sinks": [
        {"type": "terminal"}, {"type": "file", "path": path, "format": "json"}]}},
        "workers": [{"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", OBEDIENT]}]});
    let node = Node::start_in(dir, &config.to_string());
    node.log.wait(0, "No space left on device");
    say(&node, "while it is full");
    let status = node.until("the trouble", |s| sinks(s)[1]["trouble"].is_string());
    assert!(sinks(&status)[1]["waiting"].as_u64().unwrap() > 0, "{status:#}");
    assert_eq!(status["logs"]["dropped"], 0);
    let table = String::from_utf8(node.run(&["status"]).stdout).unwrap();
    assert!(table.contains("log sink file") && table.contains("No space left"), "{table}");
    fs::remove_file(node.dir.path().join("node.log")).unwrap();
    node.log.wait(0, "works again");
    let messages: Vec<_> =
        records(&node.dir.path().join("node.log")).map(|record| record["message"].clone()).collect();
    assert!(messages[0].as_str().unwrap().contains("starts"), "from the beginning: {messages:?}");
    assert!(messages.iter().any(|message| message == "while it is full"));
    node.stop();
}

/// A node whose standard error goes into a pipe that nobody reads, with a guest that writes for ever.
#[test]
fn a_terminal_that_does_not_read_costs_records_and_stops_nobody() {
    let dir = TempDir::new();
    let script =
        "i=0; while true; do i=$((i+1)); head -c 60000 /dev/zero | tr '\\0' x; echo; echo $i >count; done";
    let config = json!({"version": 2,
        "workers": [{"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", script]}]});
    dir.write(".jackfield/config.json", config.to_string());
    let mut child = Command::new(jackfield())
        .arg("start")
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = || -> Option<Value> {
        let output = run(dir.path(), &["status", "--json"]);
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    };
    let dropped = until("records dropped", || {
        status().and_then(|s| s["logs"]["dropped"].as_u64().filter(|dropped| *dropped > 0))
    });
    let count =
        || fs::read_to_string(dir.path().join(".jackfield/count")).unwrap().trim().parse::<u64>().ok();
    let before = until("a number", count);
    until("the guest going on", || (count()? > before + 100).then_some(()));
    assert!(status().unwrap()["logs"]["dropped"].as_u64().unwrap() > dropped);
    // A reader comes: it is told what it has missed.
    let log = Lines::follow(child.stderr.take().unwrap());
    log.wait(0, "log records are missing here");
    signal_pid(child.id(), Signal::TERM);
    assert!(child.wait().unwrap().success());
}

/// Fields of a datagram for the journal.
fn fields(mut octets: &[u8]) -> HashMap<String, String> {
    let mut fields = HashMap::new();
    while !octets.is_empty() {
        let end = octets.iter().position(|octet| *octet == b'\n').unwrap();
        let line = String::from_utf8(octets[..end].to_vec()).unwrap();
        octets = &octets[end + 1..];
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => {
                let (length, rest) = octets.split_first_chunk::<8>().unwrap();
                let (value, rest) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
                octets = &rest[1..];
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
    let mut octets = vec![0; 1 << 18];
    let mut into = [std::io::IoSliceMut::new(&mut octets)];
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
            octets.clear();
            file.read_to_end(&mut octets).unwrap();
            assert_eq!(received.bytes, 0);
        }
        None => octets.truncate(received.bytes),
    }
    fields(&octets)
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
    let mut octets = 0;
    while octets < 300_000 {
        let message = journal_record(&socket)["MESSAGE"].clone();
        octets += if message.starts_with("xxx") { message.len() } else { 0 };
    }
    assert_eq!(octets, 300_000, "a long line, in parts");
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
    let mut octets = [0; 1024];
    let count = unix.recv(&mut octets).unwrap();
    is_it(std::str::from_utf8(&octets[..count]).unwrap());
    let count = udp.recv(&mut octets).unwrap();
    is_it(std::str::from_utf8(&octets[..count]).unwrap());
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

#[test]
fn levels_are_those_of_the_worker_and_change_while_it_runs() {
    let node = Node::start(
        r#"{"version": 2, "controller": {"log": {"level": "warn"}}, "workers": [
            {"type": "router", "id": "front", "log_level": "debug", "processes": 2},
            {"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", "trap : USR1; while true; do sleep 0.01; echo out; echo err >&2; done"]}]}"#,
    );
    node.log.wait(0, "err");
    let log = node.log.all();
    assert!(log.iter().any(|line| line.contains("front[0]") && line.contains("ready after")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("controller ")), "{log:#?}");
    assert!(!log.iter().any(|line| line.ends_with(" out")), "{log:#?}");
    let status = node.status().unwrap();
    assert_eq!(
        (&status["workers"][0]["log_level"], &status["workers"][1]["log_level"]),
        (&"debug".into(), &"warn".into())
    );
    let level = |args: &[&str]| {
        let output = node.run(&[&["logs", "level"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    level(&["info", "app", "controller"]);
    node.log.wait(log.len(), " out");
    node.log.wait(log.len(), "`jackfield logs level info`: app, controller");
    // A native worker hears of it, too: its word about draining is `info`.
    level(&["error", "front"]);
    let here = node.log.all().len();
    assert!(node.run(&["worker", "stop", "front"]).status.success());
    node.run(&["worker", "start", "front"]);
    level(&["info", "front"]);
    assert!(node.run(&["worker", "stop", "front"]).status.success());
    node.log.wait(here, "draining");
    let drained =
        node.log.all()[here..].iter().filter(|line| line.contains("draining; connections open")).count();
    assert_eq!(drained, 2, "only those of the second stop");
    let unknown = node.run(&["logs", "level", "info", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    node.stop();
}

#[test]
fn a_reload_changes_sinks_and_levels_and_no_process() {
    let dir = TempDir::new();
    // What it writes to standard error comes behind what it has written before.
    let script = "mkfifo orders; while true; do cat orders; echo obeyed >&2; done";
    let config = |sinks: Value, level: &str| {
        json!({"version": 2, "controller": {"log": {"sinks": sinks}}, "workers": [{"type": "guest", "id": "app",
            "log_level": level, "executable": "sh", "arguments": ["-c", script]}]})
        .to_string()
    };
    let (one, two) = (json!({"type": "file", "path": "one.log"}), json!({"type": "file", "path": "two.log"}));
    let terminal = json!({"type": "terminal"});
    let node = Node::start_in(dir, &config(json!([terminal, one]), "info"));
    let before = node.ready()["workers"][0]["processes"][0]["pid"].clone();
    say(&node, "to the first");
    node.log.wait(0, "to the first");
    node.dir.write(".jackfield/config.json", config(json!([two, terminal]), "warn"));
    let reloaded = node.run(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let status = node.ready();
    assert_eq!(status["workers"][0]["processes"][0]["pid"], before);
    assert_eq!(status["workers"][0]["log_level"], "warn");
    let targets: Vec<_> = sinks(&status).iter().map(|sink| sink["target"].as_str().unwrap()).collect();
    assert!(targets[0].ends_with("two.log") && targets[1].is_empty(), "{targets:?}");
    let seen = node.log.all().len();
    say(&node, "below the level");
    node.log.wait(seen, "obeyed");
    assert!(node.run(&["logs", "level", "info", "app"]).status.success());
    say(&node, "to the second");
    let read =
        |name: &str| fs::read_to_string(node.dir.path().join(".jackfield").join(name)).unwrap_or_default();
    until("the line in the second file", || read("two.log").contains("to the second").then_some(()));
    assert!(read("one.log").contains("to the first") && !read("one.log").contains("to the second"));
    assert!(!read("two.log").contains("below the level"));
    node.stop();
}

#[test]
fn a_detached_node_writes_its_whole_log_to_a_file() {
    let dir = TempDir::new();
    dir.write(".jackfield/config.json", r#"{"version": 2, "workers": [{"type": "router"}]}"#);
    let started = run(dir.path(), &["start", "--detach"]);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    assert!(run(dir.path(), &["stop"]).status.success());
    let log = fs::read_to_string(dir.path().join(".jackfield/node.log")).unwrap();
    assert!(
        log.contains("node ") && log.contains("every worker is ready") && log.contains("stopped"),
        "{log}"
    );
    assert!(!log.contains('\x1b'), "{log}");
}

#[test]
fn crossbars_options_of_the_log_are_understood() {
    let dir = TempDir::new();
    dir.write(".crossbar/config.json", r#"{"version": 2, "workers": [{"type": "router"}]}"#);
    let logs = dir.path().join("logs");
    let args =
        ["--logtofile", "--logdir", logs.to_str().unwrap(), "--loglevel", "debug", "--logformat", "standard"];
    let node = Node::launch(dir, loopback(), &args, &[]);
    node.ready();
    until("the log", || {
        let log = fs::read_to_string(logs.join("node.log")).ok()?;
        (log.contains(" debug ") && log.contains("spawned")).then_some(())
    });
    assert_eq!(node.stop(), [""; 0], "nothing on the terminal");
}
