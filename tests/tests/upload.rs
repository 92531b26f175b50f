//! `upload`: files in chunks, as Resumable.js and Flow.js send them, by curl, with workers that die and disks that fill.

use jackfield_tests::{DEADLINE, Node, TempDir, curl, signal_pid, until};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

fn config(processes: u32, temp: &Path, options: &str) -> String {
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "sandbox": true, "processes": {processes},
            "restart": {{"backoff": 0.1}}, "transports": [{{"type": "web",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}},
            "paths": {{"/": {{"type": "none"}}, "upload": {{"type": "upload", "realm": "realm1", "role": "anonymous",
                "directory": "done", "temp_directory": "{}", "form_fields": {{
                    "file_name": "resumableFilename", "mime_type": "resumableType",
                    "total_size": "resumableTotalSize", "chunk_number": "resumableChunkNumber",
                    "chunk_size": "resumableChunkSize", "total_chunks": "resumableTotalChunks",
                    "identifier": "resumableIdentifier", "content": "file"}},
                "options": {{{options}}}}}}}}}]}}]}}"#,
        temp.display()
    )
}

fn node(processes: u32, options: &str) -> Node {
    let dir = TempDir::new();
    let temp = dir.path().join(".jackfield/temp");
    for path in [&temp, &dir.path().join(".jackfield/done")] {
        fs::create_dir_all(path).unwrap();
    }
    Node::start_in(dir, &config(processes, &temp, options))
}

fn done(node: &Node, name: &str) -> PathBuf {
    node.dir.path().join(".jackfield/done").join(name)
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).unwrap().next().is_none()
}

/// A file that is sent in chunks.
struct Sent<'a> {
    node: &'a Node,
    name: &'a str,
    bytes: &'a [u8],
    size: usize,
}

impl Sent<'_> {
    fn count(&self) -> usize {
        (self.bytes.len() / self.size).max(1)
    }

    /// The fields of a chunk, of which the first has number 1.
    fn fields(&self, number: usize) -> [String; 5] {
        [
            format!("resumableFilename={}", self.name),
            format!("resumableTotalSize={}", self.bytes.len()),
            format!("resumableChunkNumber={number}"),
            format!("resumableChunkSize={}", self.size),
            format!("resumableTotalChunks={}", self.count()),
        ]
    }

    fn url(&self) -> String {
        format!("http://{}:8080/upload", self.node.addr)
    }

    /// Sends a chunk, as a form, and gives back the status of the answer.
    fn send(&self, number: usize) -> String {
        let start = (number - 1) * self.size;
        let end = if number == self.count() { self.bytes.len() } else { start + self.size };
        let file = self.node.dir.path().join(format!("{}-{number}", self.name));
        fs::write(&file, &self.bytes[start..end]).unwrap();
        let fields = self.fields(number).map(|field| ["-F".to_owned(), field]);
        let content = format!("file=@{}", file.display());
        let (format, url) = ("%{http_code}", self.url());
        let args = fields.as_flattened().iter().map(String::as_str);
        let said =
            curl(&args.chain(["-F", &content, "-o", "/dev/null", "-w", format, &url]).collect::<Vec<_>>());
        fs::remove_file(file).unwrap();
        said
    }

    /// Whether a chunk is there.
    fn ask(&self, number: usize) -> String {
        let url = format!("{}?{}", self.url(), self.fields(number).join("&"));
        curl(&["-o", "/dev/null", "-w", "%{http_code}", &url])
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count as u32).map(|n| (n ^ (n >> 7) ^ (n >> 13)) as u8).collect()
}

#[test]
fn chunks_come_in_any_order_to_any_process_at_once() {
    let node = node(4, r#""file_permissions": "0600""#);
    let big = bytes(5_300_000);
    let sent = Sent { node: &node, name: "big.bin", bytes: &big, size: 500_000 };
    assert_eq!(sent.count(), 10);
    assert_eq!(sent.ask(3), "204");
    assert_eq!(sent.send(3), "200");
    assert_eq!(sent.ask(3), "200");
    std::thread::scope(|scope| {
        for number in [10, 9, 8, 7, 3, 6, 5, 4, 2] {
            let sent = &sent;
            scope.spawn(move || assert_eq!(sent.send(number), "200"));
        }
    });
    assert!(is_empty(&node.dir.path().join(".jackfield/done")), "nothing that is not whole is to be seen");
    assert_eq!(sent.send(1), "200");
    let path = done(&node, "big.bin");
    assert!(fs::read(&path).unwrap() == big);
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777,
        0o600
    );
    assert!(is_empty(&node.dir.path().join(".jackfield/temp")));
    node.log.wait(0, "\"big.bin\" is uploaded, 5300000 bytes");
    // As plain content, with the fields in the query; another file takes the place of the first.
    let small = Sent { bytes: b"small", ..sent };
    let url = format!("{}?{}", small.url(), small.fields(1).join("&"));
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let plain = ["-H", "Content-Type: application/octet-stream", "--data-binary", "small"];
        assert_eq!(curl(&[&plain[..], &[version, "-w", "%{http_code}", &url]].concat()), "200");
    }
    assert_eq!(fs::read(&path).unwrap(), b"small");
    node.stop();
}

#[test]
fn a_killed_worker_costs_the_chunk_that_it_received_and_no_other() {
    let node = node(1, "");
    let file = bytes(100_000);
    let sent = Sent { node: &node, name: "a.bin", bytes: &file, size: 10_000 };
    for number in [1, 2, 4, 10] {
        assert_eq!(sent.send(number), "200");
    }
    let mut client = TcpStream::connect((node.addr, 8080)).unwrap();
    let query = sent.fields(3).join("&");
    write!(client, "POST /upload?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n").unwrap();
    client.write_all(&file[20_000..25_000]).unwrap();
    let temp = node.dir.path().join(".jackfield/temp");
    until("the chunk's beginning", || {
        let mut names =
            fs::read_dir(&temp).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.any(|name| name.starts_with(".part-")).then_some(())
    });
    let worker = node.status().unwrap()["workers"][0]["processes"][0]["pid"].as_u64().unwrap();
    signal_pid(worker.try_into().unwrap(), Signal::KILL);
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    assert!(rest.is_empty());
    for (number, status) in [(1, "200"), (2, "200"), (3, "204"), (4, "200"), (5, "204"), (10, "200")] {
        assert_eq!(sent.ask(number), status, "{number}");
    }
    for number in [3, 5, 6, 7, 8, 9] {
        assert_eq!(sent.send(number), "200");
    }
    assert!(fs::read(done(&node, "a.bin")).unwrap() == file);
    node.stop();
}

#[test]
fn what_is_not_wanted_is_refused_and_leaves_nothing_behind() {
    let node = node(1, r#""max_file_size": 1000, "file_types": [".txt"]"#);
    let sent = Sent { node: &node, name: "a.txt", bytes: &[b'x'; 100], size: 100 };
    for (name, status) in [
        ("a.exe", "415"),
        ("../a.txt", "400"),
        ("x..%2fa.txt", "200"),
        ("sub/a.txt", "400"),
        (".a.txt", "400"),
        ("C:\\a.txt", "400"),
    ] {
        let fields =
            sent.fields(1).map(|field| field.replace("a.txt", name)).map(|field| ["-F".to_owned(), field]);
        let mut args: Vec<_> = fields.as_flattened().iter().map(String::as_str).collect();
        let content = "x".repeat(100);
        let content = format!("file={content}");
        let url = sent.url();
        args.extend(["-F", &content, "-o", "/dev/null", "-w", "%{http_code}", &url]);
        assert_eq!(curl(&args), status, "{name}");
    }
    // A name is taken as it is, and is not decoded twice.
    assert!(done(&node, "x..%2fa.txt").exists());
    assert_eq!(Sent { bytes: &[b'x'; 1001], size: 2000, ..sent }.send(1), "413");
    let url = sent.url();
    let query = format!("{url}?{}", sent.fields(1).join("&"));
    for (args, status) in [
        (vec!["-d", "short", query.as_str()], "400"),
        (vec!["-d", "x=1", url.as_str()], "400"),
        (vec!["-X", "PUT", "-d", "x", query.as_str()], "405"),
        (vec!["-X", "OPTIONS", query.as_str()], "204"),
        (vec![url.as_str()], "400"),
        (vec!["-F", "file=x", url.as_str()], "400"),
        (vec!["-H", "Content-Type: multipart/form-data; boundary=x", "-d", "no form", query.as_str()], "400"),
        (vec!["-H", "Content-Type: multipart/mixed; boundary=x", "-d", "no form", query.as_str()], "415"),
        (vec!["-d", "x", &query.replace("/upload", "/upload/deeper")], "404"),
    ] {
        let said = curl(&[&args[..], &["-o", "/dev/null", "-w", "%{http_code}"]].concat());
        assert_eq!(said, status, "{args:?}");
    }
    assert!(is_empty(&node.dir.path().join(".jackfield/temp")));
    assert!(fs::read_dir(node.dir.path().join(".jackfield")).unwrap().count() <= 5, "nothing outside");
    node.stop();
}

#[test]
fn one_byte_at_a_time_is_a_form_too() {
    let node = node(1, "");
    let sent = Sent { node: &node, name: "a.txt", bytes: b"0123456789", size: 100 };
    let mut form = String::new();
    for field in sent.fields(1) {
        let (name, value) = field.split_once('=').unwrap();
        form += &format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    form += "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n0123456789\r\n--XX--\r\n";
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: {}\r\n\r\n",
        form.len()
    );
    let mut client = TcpStream::connect((node.addr, 8080)).unwrap();
    client.set_nodelay(true).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    for byte in (head + &form).bytes() {
        client.write_all(&[byte]).unwrap();
    }
    let mut status = [0; 15];
    client.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    assert_eq!(fs::read(done(&node, "a.txt")).unwrap(), b"0123456789");
    drop(client);
    node.stop();
}

#[test]
fn what_nobody_goes_on_with_is_removed() {
    let node = node(1, r#""incomplete_timeout": 1"#);
    let sent = Sent { node: &node, name: "a.txt", bytes: &bytes(100), size: 10 };
    assert_eq!(sent.send(1), "200");
    node.log.wait(0, "1 incomplete uploads removed");
    assert!(is_empty(&node.dir.path().join(".jackfield/temp")));
    assert_eq!(sent.ask(1), "204");
    node.stop();
}

/// A file system of its own with little room, while it is in scope.
struct Small(TempDir);

impl Small {
    fn new() -> Option<Self> {
        let dir = TempDir::new();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path()).status();
        mount.is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn on_a_full_disk_what_was_sent_before_stays() {
    let Some(small) = Small::new() else {
        eprintln!("only root may mount a small file system: not tried");
        return;
    };
    let dir = TempDir::new();
    fs::create_dir_all(dir.path().join(".jackfield/done")).unwrap();
    let temp = small.0.path().join("temp");
    fs::create_dir(&temp).unwrap();
    let node = Node::start_in(dir, &config(1, &temp, ""));
    let file = bytes(600_000);
    let sent = Sent { node: &node, name: "a.bin", bytes: &file, size: 100_000 };
    for number in [1, 2, 3] {
        assert_eq!(sent.send(number), "200");
    }
    let filler = small.0.path().join("filler");
    let mut other = fs::File::create(&filler).unwrap();
    while other.write_all(&[0; 4096]).is_ok() {}
    assert_eq!(sent.send(4), "507");
    node.log.wait(0, "No space left on device");
    assert_eq!((sent.ask(3).as_str(), sent.ask(4).as_str()), ("200", "204"));
    fs::remove_file(&filler).unwrap();
    drop(other);
    for number in [4, 5, 6] {
        assert_eq!(sent.send(number), "200");
    }
    // It went to another file system at the end.
    assert!(fs::read(done(&node, "a.bin")).unwrap() == file);
    assert_eq!(fs::read_dir(node.dir.path().join(".jackfield/done")).unwrap().count(), 1);
    node.stop();
    drop(small);
}
