//! Servers and load balancers.

use super::{Answer, Peer, adapted, asked, ours, printed};
use jackfield_tests::{TempDir, Wish, curl, loopback, self_signed, until};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A server that says its name, the path, and for whom it is asked; asked for its health it is well or not.
fn server(addr: Ipv4Addr, port: u16, name: &'static str) -> Arc<AtomicBool> {
    let is_well = Arc::new(AtomicBool::new(true));
    let (listener, well) = (TcpListener::bind((addr, port)).unwrap(), Arc::clone(&is_well));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, well) = (stream.unwrap(), Arc::clone(&well));
            thread::spawn(move || {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                let field = |line: &String| Some(line.to_lowercase().strip_prefix("x-site: ")?.to_owned());
                let site = head.iter().find_map(field).unwrap_or_default();
                let is_down = path == "/health" && !well.load(Ordering::Relaxed);
                let status = if is_down { "503 Service Unavailable" } else { "200 OK" };
                let content = format!("{name} {path} {site}");
                let length = content.len();
                let head =
                    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all((head + &content).as_bytes());
            });
        }
    });
    is_well
}

fn site() -> TempDir {
    let dir = TempDir::new();
    dir.write("web/index.html", "the page");
    dir.write("web/inside/index.html", "inside");
    dir
}

/// What the node and the other program say to the same requests.
fn compare(node: Ipv4Addr, other: Ipv4Addr, requests: &[(&str, &str)]) {
    for (path, status) in requests {
        let of = |addr: Ipv4Addr| asked(&format!("http://{addr}:8080{path}"), &["--path-as-is"]);
        let (node, other) = (of(node), of(other));
        assert_eq!((node.status.as_str(), other.status.as_str()), (*status, *status), "{path}");
        // Pages about failures are everybody's own.
        let same = |answer: Answer| match status.as_bytes()[0] {
            b'2' => answer,
            _ => Answer { content: String::new(), ..answer },
        };
        assert_eq!(same(node), same(other), "{path}");
    }
}

const SAME: &[(&str, &str)] =
    &[("/", "200"), ("/none", "404"), ("/app/", "200"), ("/app/a%20b/c?d=e&f", "200"), ("/old/page", "301")];

#[test]
fn nginx() {
    let (peer, behind, dir) = (loopback(), loopback(), site());
    server(behind, 9001, "app");
    let (backend, files) = (format!("http://{behind}:9001"), dir.path().join("web"));
    let servers = adapted(
        printed("from-nginx.md", "nginx"),
        &[
            ("listen 8080", &format!("listen {peer}:8080")),
            ("http://127.0.0.1:9001", &backend),
            ("/srv/app/web", files.to_str().unwrap()),
        ],
    );
    let _nginx = jackfield_tests::Nginx::start_with(peer, 8081, &servers);
    let node = ours("from-nginx.md", dir, &[("host: 127.0.0.1", &format!("host: {behind}"))]);
    compare(node.addr, peer, SAME);
    compare(node.addr, peer, &[("/inside/", "403"), ("/inside/page", "403")]);
}

#[test]
fn caddy() {
    let (peer, behind, dir) = (loopback(), loopback(), site());
    server(behind, 9001, "app");
    let text = adapted(
        printed("from-caddy.md", "caddyfile"),
        &[
            (":8080 {", &format!("http://:8080 {{\n bind {peer}")),
            ("127.0.0.1:9001", &format!("{behind}:9001")),
            ("/srv/app/web", dir.path().join("web").to_str().unwrap()),
        ],
    );
    let file = dir.write("Caddyfile", text);
    let (file, home) = (file.to_str().unwrap(), dir.path().to_str().unwrap());
    let args = ["run", "--config", file, "--adapter", "caddyfile"];
    let caddy =
        Peer::start("caddy", &args, &[("HOME", home), ("XDG_DATA_HOME", home), ("XDG_CONFIG_HOME", home)]);
    caddy.listens(peer, 8080);
    let node = ours("from-caddy.md", dir, &[("host: 127.0.0.1", &format!("host: {behind}"))]);
    compare(node.addr, peer, SAME);
}

#[test]
fn haproxy() {
    let (peer, behind, dir) = (loopback(), loopback(), TempDir::new());
    let servers =
        [(9001, "one"), (9002, "two"), (9003, "spare")].map(|(port, name)| server(behind, port, name));
    let text = printed("from-haproxy.md", "haproxy");
    let text =
        adapted(text, &[("bind :8080", &format!("bind {peer}:8080")), ("127.0.0.1", &behind.to_string())]);
    let file = dir.write("haproxy.cfg", text);
    let haproxy = Peer::start("/usr/sbin/haproxy", &["-db", "-f", file.to_str().unwrap()], &[]);
    haproxy.listens(peer, 8080);
    let node = ours("from-haproxy.md", dir, &[("host: 127.0.0.1", &format!("host: {behind}"))]);
    let who = |addr: Ipv4Addr| {
        let mut counts = BTreeMap::new();
        for _ in 0..12 {
            let answer = curl(&[&format!("http://{addr}:8080/")]);
            *counts.entry(answer.split(' ').next().unwrap().to_owned()).or_insert(0) += 1;
        }
        counts
    };
    let counts = |counts: &[(&str, i32)]| -> BTreeMap<_, _> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    };
    let settle = |expected: &[(&str, i32)]| {
        let expected = counts(expected);
        for addr in [peer, node.addr] {
            until("the servers that are well", || (who(addr) == expected).then_some(()));
        }
    };
    settle(&[("one", 8), ("two", 4)]);
    servers[0].store(false, Ordering::Relaxed);
    settle(&[("two", 12)]);
    servers[1].store(false, Ordering::Relaxed);
    settle(&[("spare", 12)]);
    servers[0].store(true, Ordering::Relaxed);
    settle(&[("one", 12)]);
}

#[test]
fn stunnel() {
    let (peer, behind, dir) = (loopback(), loopback(), TempDir::new());
    server(behind, 9001, "app");
    let (certificate, key) = self_signed(Wish::default());
    for home in ["", ".jackfield/"] {
        dir.write(&format!("{home}server.crt"), &certificate);
        jackfield_tests::owner_only(&dir.write(&format!("{home}server.key"), &key));
    }
    let at = |name: &str| dir.path().join(name).display().to_string();
    let text = adapted(
        printed("from-stunnel.md", "ini"),
        &[
            ("accept = 8443", &format!("accept = {peer}:8443")),
            ("127.0.0.1", &behind.to_string()),
            ("= server.crt", &format!("= {}", at("server.crt"))),
            ("= server.key", &format!("= {}", at("server.key"))),
        ],
    );
    let file = dir.write("stunnel.conf", text);
    let stunnel = Peer::start("stunnel4", &[file.to_str().unwrap()], &[]);
    stunnel.listens(peer, 8443);
    let node = ours("from-stunnel.md", dir, &[("host: 127.0.0.1", &format!("host: {behind}"))]);
    for addr in [peer, node.addr] {
        assert_eq!(curl(&["-k", &format!("https://{addr}:8443/x")]), "app /x ");
    }
}
