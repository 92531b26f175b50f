//! TLS of connecting endpoints: a relay in front of echoes that have TLS.

use jackfield_tests::{Authority, DEADLINE, Node, TempDir, Wish, self_signed, until, write_pair};
use std::io::{Read, Write};
use std::net::TcpStream;

/// One transport that listens with TLS for each certificate, and one relay to it for each way to connect.
struct Case {
    /// Name of the backend's certificate.
    server: &'static str,
    /// What the relay's `tls` says.
    tls: &'static str,
    /// How it ends: an echo, or these words in the log.
    fails: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case { server: "good", tls: r#""hostname": "good.test", "ca_certificates": ["ca.crt"]"#, fails: None },
    Case { server: "good", tls: r#""ca_certificates": ["ca.crt"]"#, fails: None },
    Case {
        server: "good",
        tls: r#""hostname": "good.test", "ca_certificates": ["ca.crt"], "versions": ["1.2"]"#,
        fails: None,
    },
    Case {
        server: "good",
        tls: r#""hostname": "other.test", "ca_certificates": ["ca.crt"]"#,
        fails: Some("for another host: expected other.test, it says"),
    },
    Case {
        server: "expired",
        tls: r#""hostname": "good.test", "ca_certificates": ["ca.crt"]"#,
        fails: Some("certificate has expired"),
    },
    Case {
        server: "revoked",
        tls: r#""hostname": "good.test", "ca_certificates": ["ca.crt"], "crls": ["crl.pem"]"#,
        fails: Some("certificate is revoked"),
    },
    Case {
        server: "stranger",
        tls: r#""hostname": "good.test", "ca_certificates": ["ca.crt"]"#,
        fails: Some("issued by nobody we trust"),
    },
    Case {
        server: "selfsigned",
        tls: r#""hostname": "good.test", "ca_certificates": ["ca.crt"]"#,
        fails: Some("self-signed"),
    },
    Case {
        server: "selfsigned",
        tls: r#""hostname": "good.test", "ca_certificates": ["selfsigned.crt"]"#,
        fails: None,
    },
    Case {
        server: "mutual",
        tls: r#""hostname": "good.test", "ca_certificates": ["ca.crt"], "versions": ["1.2"]"#,
        fails: Some("the peer requires a certificate of ours"),
    },
    Case {
        server: "mutual",
        tls: r#""hostname": "good.test", "ca_certificates": ["ca.crt"], "key": "client.key", "certificate": "client.crt""#,
        fails: None,
    },
];

#[test]
fn backends_are_verified_and_refused_by_name() {
    let dir = TempDir::new();
    let (authority, stranger) = (Authority::new("authority"), Authority::new("stranger"));
    let addr = jackfield_tests::loopback();
    let (names, address) = (["good.test"], addr.to_string());
    let wish = Wish { names: &[names[0], &address], common_name: "good", ..Wish::default() };
    dir.write(".jackfield/ca.crt", authority.pem());
    dir.write(".jackfield/crl.pem", authority.revoke(&[5]));
    for name in ["good", "mutual", "client"] {
        authority.write(&dir, name, wish);
    }
    authority.write(&dir, "expired", Wish { expired: true, ..wish });
    authority.write(&dir, "revoked", Wish { serial: 5, ..wish });
    stranger.write(&dir, "stranger", wish);
    let (certificate, key) = self_signed(wish);
    write_pair(&dir, "selfsigned", &certificate, &key);

    let mut transports = Vec::new();
    for (port, Case { server, tls, .. }) in (8000..).step_by(2).zip(CASES) {
        let mutual = if *server == "mutual" { r#", "ca_certificates": ["ca.crt"]"# } else { "" };
        transports.push(format!(
            r#"{{"type": "stream.testee", "endpoint": {{"type": "tcp", "interface": "{addr}", "port": {port},
                "tls": {{"key": "{server}.key", "certificate": "{server}.crt"{mutual}}}}}}}"#
        ));
        transports.push(format!(
            r#"{{"type": "stream.relay", "endpoint": {{"type": "tcp", "interface": "{addr}", "port": {}}},
                "backends": [{{"type": "tcp", "host": "{addr}", "port": {port}, "tls": {{{tls}}}}}]}}"#,
            port + 1
        ));
    }
    let config = format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{}]}}]}}"#,
        transports.join(",\n")
    );
    dir.write(".jackfield/config.json", config);
    let node = Node::launch(dir, addr, &[], &[]);
    node.ready();
    for (port, case) in (8001..).step_by(2).zip(CASES) {
        let before = node.log.all().len();
        let mut client = TcpStream::connect((addr, port)).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        // More than all buffers on the way hold.
        let sent: Vec<u8> = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut got = Vec::new();
        std::thread::scope(|scope| {
            let mut writer = client.try_clone().unwrap();
            let sent = &sent;
            scope.spawn(move || {
                let _ = writer.write_all(sent); // a relay without a backend closes
                let _ = writer.shutdown(std::net::Shutdown::Write);
            });
            let _ = client.read_to_end(&mut got);
        });
        match case.fails {
            None => {
                assert!(got == sent, "{}: {} bytes came back\n{:#?}", case.tls, got.len(), node.log.all())
            }
            Some(reason) => {
                assert!(got.is_empty());
                let (line, _) = node.log.wait(before, "no backend could be reached");
                assert!(line.contains(reason), "{line}");
            }
        }
    }
    node.stop();
}

/// A backend on a Unix socket, with TLS and client certificates; and what a relay connects with is renewed while it runs.
#[test]
fn a_unix_backend_and_renewed_files() {
    let dir = TempDir::new();
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let wish = Wish { names: &["good.test"], common_name: "good", ..Wish::default() };
    for name in ["server", "client"] {
        first.write(&dir, name, wish);
    }
    dir.write(".jackfield/ca.crt", first.pem());
    dir.write(".jackfield/clients.crt", first.pem());
    let node = Node::start_in(
        dir,
        r#"{"version": 2, "workers": [{"type": "router", "transports": [
          {"type": "stream.testee", "endpoint": {"type": "unix", "path": "s", "tls":
            {"key": "server.key", "certificate": "server.crt", "ca_certificates": ["clients.crt"]}}},
          {"type": "stream.relay", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
           "backends": [{"type": "unix", "path": "s", "tls": {"hostname": "good.test", "ca_certificates": ["ca.crt"],
                         "key": "client.key", "certificate": "client.crt"}}]}]}]}"#,
    );
    let connect = || {
        let mut stream = TcpStream::connect((node.addr, 8080)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut got = [0; 5];
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut got).map(|()| got)
    };
    assert_eq!(&connect().unwrap(), b"hello");
    // A process serves with the new files a moment after the controller has said so.
    // The server's certificate is of another authority, which the relay learns of later.
    let before = node.log.all().len();
    second.write(&node.dir, "server", wish);
    let (_, before) = node.log.wait(before, "new connections use");
    until("a refusal", || connect().err());
    let (line, before) = node.log.wait(before, "no backend could be reached");
    assert!(line.contains("issued by nobody we trust"), "{line}");
    node.dir.write(".jackfield/ca.crt", second.pem());
    let (_, before) = node.log.wait(before, "new connections use");
    until("a connection", || connect().ok().filter(|got| got == b"hello"));
    // So is the client's, and the server learns of that.
    second.write(&node.dir, "client", wish);
    let (_, before) = node.log.wait(before, "new connections use");
    until("a refusal", || connect().err());
    node.dir.write(".jackfield/clients.crt", second.pem());
    node.log.wait(before, "new connections use");
    until("a connection", || connect().ok().filter(|got| got == b"hello"));
    node.stop();
}
