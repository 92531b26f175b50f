//! Servers and load balancers.

use super::{Answer, Peer, adapted, asked, ours, printed};
use jackfield_tests::{Nginx, TempDir, Wish, curl, loopback, self_signed, until};
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;

/// Servers that say their names, what they are asked for, and for whom; asked for its health each is well while it has a file.
fn servers(addr: Ipv4Addr) -> Nginx {
    let server = |(port, name): (u16, &str)| {
        format!(
            "server {{ listen {addr}:{port}; root DIR/www/{name}; location = /health {{ }}
               location / {{ return 200 '{name} $request_uri $http_x_site'; }} }}\n"
        )
    };
    let servers = [(9001, "one"), (9002, "two"), (9003, "spare")];
    let nginx = Nginx::start_with(addr, 9000, &servers.map(server).concat());
    for (_, name) in servers {
        fs::create_dir(nginx.root().join(name)).unwrap();
        set_well(&nginx, name, true);
    }
    nginx
}

fn set_well(servers: &Nginx, name: &str, is_well: bool) {
    let health = servers.root().join(name).join("health");
    if is_well { fs::write(health, "well").unwrap() } else { fs::remove_file(health).unwrap() }
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
    let _servers = servers(behind);
    let (backend, files) = (format!("http://{behind}:9001"), dir.path().join("web"));
    let text = adapted(
        printed("from-nginx.md", "nginx"),
        &[
            ("listen 8080", &format!("listen {peer}:8080")),
            ("http://127.0.0.1:9001", &backend),
            ("/srv/app/web", files.to_str().unwrap()),
        ],
    );
    let _nginx = Nginx::start_with(peer, 8081, &text);
    let node = ours("from-nginx.md", dir, &[("host: 127.0.0.1", &format!("host: {behind}"))]);
    compare(node.addr, peer, SAME);
    compare(node.addr, peer, &[("/inside/", "403"), ("/inside/page", "403")]);
}

#[test]
fn caddy() {
    let (peer, behind, dir) = (loopback(), loopback(), site());
    let _servers = servers(behind);
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
    let servers = servers(behind);
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
    set_well(&servers, "one", false);
    settle(&[("two", 12)]);
    set_well(&servers, "two", false);
    settle(&[("spare", 12)]);
    set_well(&servers, "one", true);
    settle(&[("one", 12)]);
}

#[test]
fn stunnel() {
    let (peer, behind, dir) = (loopback(), loopback(), TempDir::new());
    let _servers = servers(behind);
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
        assert_eq!(curl(&["-k", &format!("https://{addr}:8443/x")]), "one /x ");
    }
}
