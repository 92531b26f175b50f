//! Certificates by ACME, against pebble: Let's Encrypt's server for tests.

use jackfield_tests::{
    Background, Node, Pebble, PebbleWish, TempDir, curl, documented, loopback, openssl, python, until,
    venv_python,
};
use rustix::process::geteuid;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// An hour: nothing is renewed meanwhile.
const HOUR: u32 = 3600;

fn section(pebble: &Pebble, domains: &str) -> String {
    let (directory, authority) = (pebble.directory(), pebble.authority());
    format!(
        r#"{{"domains": {domains}, "directory": "{directory}", "ca_certificates": ["{}"], "retry": 1}}"#,
        authority.display()
    )
}

/// A node whose two processes answer TLS at port 8443 with the certificate of this section, and metrics beside it.
fn config(section: &str) -> String {
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "processes": 2, "transports": [
            {{"type": "web", "paths": {{"/": {{"type": "json", "value": "hello"}}}}, "endpoint":
              {{"type": "tcp", "interface": "ADDR", "port": 8443, "shared": true, "tls": {{"acme": {section}}}}}}},
            {{"type": "web", "paths": {{"metrics": {{"type": "metrics"}}}},
              "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 9090}}}}]}}]}}"#
    )
}

/// The certificate that a new connection gets for this name, by `openssl x509 ARGS…`.
fn shown(addr: Ipv4Addr, port: u16, name: &str, args: &[&str]) -> String {
    let said = openssl(&["s_client", "-connect", &format!("{addr}:{port}"), "-servername", name], b"");
    openssl(&[&["x509", "-noout"], args].concat(), said.as_bytes()).replace(" = ", "=")
}

fn serial(addr: Ipv4Addr) -> String {
    shown(addr, 8443, "a.test", &["-serial"])
}

fn valid(status: &Value) -> bool {
    status["acme"][0]["state"] == "valid"
}

fn pids(status: &Value) -> Vec<&Value> {
    status["workers"][0]["processes"].as_array().unwrap().iter().map(|process| &process["pid"]).collect()
}

/// Waits until connections, to whichever process, get a certificate of pebble's other than the one with this serial number;
/// returns its own.
fn until_other(addr: Ipv4Addr, port: u16, name: &str, serial: &str) -> String {
    until("all processes to show it", || {
        let said: Vec<_> = (0..6).map(|_| shown(addr, port, name, &["-issuer", "-serial"])).collect();
        let new = said.iter().all(|said| said.contains("CN=Pebble") && !said.contains(serial));
        new.then(|| said[0].lines().find_map(|line| line.strip_prefix("serial=")).unwrap().to_owned())
    })
}

#[test]
fn a_certificate_comes_by_tls_and_is_renewed_while_processes_stay() {
    let mut pebble = Pebble::prepare(PebbleWish { http: 9, tls: 8443, valid: 18 });
    let node = Node::spawn(TempDir::new(), &config(&section(&pebble, r#"["a.test", "b.test"]"#)), &[]);
    node.ready();
    let first = shown(node.addr, 8443, "a.test", &["-serial", "-ext", "subjectAltName"]);
    assert!(first.contains("DNS:a.test, DNS:b.test"), "self-made, for the same names: {first}");
    let said = node.until("a failure", |status| status["acme"][0]["state"] == "failing");
    let reason = said["acme"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&pebble.directory()) && reason.contains("refused"), "{reason}");
    assert_eq!(said["acme"][0]["not_after"], Value::Null);

    pebble.run(node.addr);
    let there = node.until("a certificate", valid);
    assert_eq!(there["acme"][0]["domains"], serde_json::json!(["a.test", "b.test"]));
    let before = until_other(node.addr, 8443, "b.test", "none");
    let acme = node.dir.path().join(".jackfield/acme");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&acme), 0o700);
    let files: Vec<_> = acme.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() == 3 && files.iter().all(|file| mode(file) == 0o600), "{files:?}");

    // With a third of its life left it is renewed, each time anew.
    let expiry = there["acme"][0]["not_after"].as_i64().unwrap();
    node.until("another one", |status| status["acme"][0]["not_after"].as_i64() > Some(expiry));
    until_other(node.addr, 8443, "a.test", &before);
    let status = node.status().unwrap();
    assert_eq!(pids(&status), pids(&there), "no process was touched");
    let table = String::from_utf8(node.run(&["status"]).stdout).unwrap();
    assert!(table.contains("a.test b.test") && table.contains("valid"), "{table}");

    // Another image, and other processes, go on with it.
    for command in [&["upgrade"][..], &["worker", "restart", "worker001"]] {
        let output = node.run(command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let expiry = node.until("the certificate", valid)["acme"][0]["not_after"].as_i64();
        node.until("a renewal", |status| status["acme"][0]["not_after"].as_i64() > expiry);
    }
    node.stop();
}

#[test]
fn a_refused_order_leaves_the_certificate_that_there_is() {
    let mut pebble = Pebble::prepare(PebbleWish { http: 9, tls: 8443, valid: HOUR });
    let node = Node::spawn(TempDir::new(), &config(&section(&pebble, r#"["a.test"]"#)), &[]);
    pebble.run(node.addr);
    node.until("a certificate", valid);
    let before = until_other(node.addr, 8443, "a.test", "none");
    let (root, connect) = (pebble.root(), format!("::{}:8443", node.addr));
    let verified = ["--cacert", root.to_str().unwrap(), "--connect-to", &connect, "https://a.test:8443/"];
    assert_eq!(curl(&verified), "\"hello\"");
    let asks = config(&section(&pebble, r#"["a.test", "refused.test"]"#));
    node.dir.write(".jackfield/config.json", asks.replace("ADDR", &node.addr.to_string()));
    assert!(node.run(&["reload"]).status.success());
    let status = node.until("failures", |status| status["acme"][0]["failures"].as_u64() >= Some(2));
    let reason = status["acme"][0]["reason"].as_str().unwrap();
    assert!(status["acme"][0]["state"] == "failing" && reason.contains("refused.test"), "{reason}");
    assert_eq!(serial(node.addr), format!("serial={before}\n"));
    let page = python("metrics.py", &[&format!("http://{}:9090/metrics", node.addr), "domain=a.test"]);
    let page: Value = serde_json::from_str(&page).unwrap();
    assert!(page["jackfield_acme_failures"].as_f64() >= Some(2.0), "{page:#}");
    // What was right before is right again at once, and asks nobody.
    let asks = config(&section(&pebble, r#"["a.test"]"#));
    node.dir.write(".jackfield/config.json", asks.replace("ADDR", &node.addr.to_string()));
    assert!(node.run(&["reload"]).status.success());
    node.until("the certificate", valid);
    assert_eq!(serial(node.addr), format!("serial={before}\n"));
    node.stop();
}

/// The configuration of docs/tls.md, but for the directory.
#[test]
fn a_challenge_comes_by_http_where_the_node_listens_at_port_80() {
    if !geteuid().is_root() {
        return eprintln!("needs root, for ports 80 and 443");
    }
    // Nobody could be asked by TLS.
    let mut pebble = Pebble::prepare(PebbleWish { http: 80, tls: 9, valid: HOUR });
    let config = documented("tls.md", "## Certificates by ACME")
        .replace("type: tcp\n", "type: tcp\n          interface: ADDR\n");
    let more = format!(
        r#"directory: "{}", ca_certificates: ["{}"], retry: 1, domains:"#,
        pebble.directory(),
        pebble.authority().display()
    );
    let node = Node::spawn(TempDir::new(), &config.replace("domains:", &more), &[]);
    pebble.run(node.addr);
    node.until("a certificate", valid);
    let root = pebble.root();
    until_other(node.addr, 443, "www.example.org", "none");
    let connect = format!("::{}:", node.addr);
    let led = ["--cacert", root.to_str().unwrap(), "-L", "--connect-to", &connect, "http://www.example.org/"];
    assert_eq!(curl(&led), "\"hello\"");
    // A token that nobody looks for is none.
    let code = ["-o", "/dev/null", "-w", "%{http_code}"];
    let url = format!("http://{}/.well-known/acme-challenge/guessed", node.addr);
    assert_eq!(curl(&[&code[..], &[&url]].concat()), "302");
    node.stop();
}

/// Pebble as Debian has it knows nothing of renewal information: a directory before it does.
#[test]
fn a_certificate_is_renewed_when_the_directory_says() {
    let mut pebble = Pebble::prepare(PebbleWish { http: 9, tls: 8443, valid: HOUR });
    let addr = loopback();
    pebble.run(addr);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/acme_ari.py");
    let mut server = Command::new(venv_python());
    server
        .arg(script)
        .arg(pebble.directory())
        .arg(pebble.authority())
        .args([&pebble.addr.to_string(), "14001"]);
    let server = Background::spawn(&mut server);
    let (_, seen) = server.out.wait(0, "ready");
    let section = section(&pebble, r#"["a.test"]"#);
    let plain = format!("http://{}:14001/dir", pebble.addr);
    let dir = TempDir::new();
    let config = config(&section.replace(&pebble.directory(), &plain)).replace("ADDR", &addr.to_string());
    dir.write(".jackfield/config.json", config);
    let node = Node::launch(dir, addr, &[], &[]);
    let (first, seen) = server.out.wait(seen, ".");
    let (second, _) = server.out.wait(seen, ".");
    assert_ne!(first, second, "the first was renewed at once");
    let status = node.until("the second", |status| {
        valid(status)
            && status["acme"][0]["next"].as_i64()
                > status["acme"][0]["not_after"].as_i64().map(|end| end - 3000)
    });
    let (next, end) =
        (status["acme"][0]["next"].as_i64().unwrap(), status["acme"][0]["not_after"].as_i64().unwrap());
    assert!((1150..=1850).contains(&(next - (end - i64::from(HOUR)))), "within the window: {status:#}");
    node.stop();
}
