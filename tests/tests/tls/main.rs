//! TLS on listening endpoints, against openssl and curl.

mod renewal;

use jackfield_tests::{
    Authority, LOCALHOST, Node, SERVER, TempDir, Wish, argument, curl, loopback, new_key, openssl,
    owner_only, prepared, python_with, until, write_pair,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};

/// A transport with an echo on a port of ADDR.
fn echo(port: u16, tls: &str) -> String {
    format!(
        r#"{{"type": "stream.testee", "debug": true, "endpoint": {{"type": "tcp", "interface": "ADDR", "port": {port},
            "tls": {{{tls}}}}}}}"#
    )
}

fn node(transports: &[String], processes: u16) -> String {
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "processes": {processes}, "transports": [{}]}}]}}"#,
        transports.join(", ")
    )
}

fn debug(dir: TempDir, config: &str) -> Node {
    let node = Node::spawn(dir, config, &["--log-level", "debug"]);
    node.ready();
    node
}

/// `openssl s_client`, which sends a line; what it says.
fn s_client(addr: Ipv4Addr, port: u16, args: &[&str]) -> String {
    let to = format!("{addr}:{port}");
    let first = ["s_client", "-connect", &to, "-servername", "localhost"];
    openssl(&[&first, args].concat(), b"hello\n")
}

/// `openssl s_client` that stays.
struct Client {
    child: std::process::Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Client {
    fn connect(addr: Ipv4Addr, port: u16, args: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &format!("{addr}:{port}"), "-servername", "localhost"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn echo(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut got = String::new();
        self.out.read_line(&mut got).unwrap();
        assert_eq!(got.trim_end(), line);
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn versions_keys_and_ciphers() {
    let (dir, authority) = prepared();
    let rsa = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-quiet"], b"");
    let keys = [
        ("rsa", rsa),
        ("p256", new_key(&rcgen::PKCS_ECDSA_P256_SHA256)),
        ("p384", new_key(&rcgen::PKCS_ECDSA_P384_SHA384)),
        ("ed25519", new_key(&rcgen::PKCS_ED25519)),
    ];
    let mut transports = Vec::new();
    for (index, (name, key)) in keys.iter().enumerate() {
        authority.write(&dir, name, Wish { key: Some(key), ..LOCALHOST });
        transports
            .push(echo(8441 + index as u16, &format!(r#""key": "{name}.key", "certificate": "{name}.crt""#)));
    }
    // PKCS#1 and SEC1, as older tools write them.
    for (name, converted) in [("rsa", "pkcs1"), ("p256", "sec1")] {
        let (from, to) =
            (argument(&dir, &format!("{name}.key")), argument(&dir, &format!("{converted}.key")));
        openssl(&["pkey", "-in", &from, "-traditional", "-out", &to], b"");
        let text = std::fs::read_to_string(&to).unwrap();
        assert!(text.contains("BEGIN RSA PRIVATE KEY") || text.contains("BEGIN EC PRIVATE KEY"), "{text}");
        let port = if name == "rsa" { 8445 } else { 8446 };
        transports.push(echo(port, &format!(r#""key": "{converted}.key", "certificate": "{name}.crt""#)));
    }
    transports.push(echo(8447, &format!(r#"{SERVER}, "versions": ["1.2"]"#)));
    transports.push(echo(8448, &format!(r#"{SERVER}, "versions": ["1.3"]"#)));
    let ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:TLS_AES_128_GCM_SHA256";
    transports.push(echo(8449, &format!(r#"{SERVER}, "ciphers": "{ciphers}""#)));
    let node = Node::start_in(dir, &node(&transports, 1));
    let ca = argument(&node.dir, "ca.crt");
    let verified = ["-CAfile", &ca, "-verify_return_error"];
    for port in 8441..=8446 {
        for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let said = s_client(node.addr, port, &[&verified[..], &[version]].concat());
            assert!(
                said.contains(name) && said.contains("Verify return code: 0"),
                "{port} {version}: {said}"
            );
        }
    }
    for (port, version, cipher) in [
        (8447, "-tls1_2", Some("TLSv1.2")),
        (8447, "-tls1_3", None),
        (8448, "-tls1_3", Some("TLSv1.3")),
        (8448, "-tls1_2", None),
        (8449, "-tls1_2", Some("ECDHE-ECDSA-CHACHA20-POLY1305")),
        (8449, "-tls1_3", Some("TLS_AES_128_GCM_SHA256")),
    ] {
        let said = s_client(node.addr, port, &[version]);
        match cipher {
            Some(cipher) => {
                assert!(said.contains(&format!("Cipher is {cipher}")) || said.contains(cipher), "{said}")
            }
            None => assert!(said.contains("alert protocol version"), "{port} {version}: {said}"),
        }
    }
    let status = node.status().unwrap();
    assert!(status["endpoints"].as_array().unwrap().iter().all(|endpoint| endpoint["tls"] == true));
    node.stop();
}

#[test]
fn a_certificate_of_version_1_is_served_with_a_warning() {
    let (dir, _) = prepared();
    let [key, request, certificate] = ["v1.key", "v1.csr", "v1.crt"].map(|file| argument(&dir, file));
    std::fs::write(&key, new_key(&rcgen::PKCS_ECDSA_P256_SHA256)).unwrap();
    owner_only(key.as_ref());
    openssl(&["req", "-new", "-key", &key, "-subj", "/CN=localhost", "-out", &request], b"");
    openssl(&["x509", "-req", "-in", &request, "-signkey", &key, "-days", "2", "-out", &certificate], b"");
    assert!(openssl(&["x509", "-in", &certificate, "-noout", "-text"], b"").contains("Version: 1"));
    let node = Node::start_in(dir, &node(&[echo(8441, r#""key": "v1.key", "certificate": "v1.crt""#)], 1));
    let (warning, _) = node.log.wait(0, "is of X.509 version 1");
    assert!(warning.contains("v1.crt") && warning.contains("config.json:"), "{warning}");
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = s_client(node.addr, 8441, &[version, "-CAfile", &certificate, "-verify_return_error"]);
        assert!(said.contains(name) && said.contains("Verify return code: 0"), "{version}: {said}");
    }
    // A key that is another's is found out all the same.
    node.dir.write(
        ".jackfield/config.json",
        self::node(&[echo(8441, r#""key": "server.key", "certificate": "v1.crt""#)], 1)
            .replace("ADDR", &node.addr.to_string()),
    );
    let output = node.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("does not belong to the certificate"), "{said}");
    node.stop();
}

#[test]
fn client_certificates() {
    let (dir, authority) = prepared();
    let stranger = Authority::new("somebody else");
    let client = Wish { names: &["client"], common_name: "client", ..LOCALHOST };
    authority.write(&dir, "client", client);
    authority.write(&dir, "revoked", Wish { serial: 77, ..client });
    authority.write(&dir, "expired", Wish { expired: true, ..client });
    stranger.write(&dir, "stranger", client);
    dir.write(".jackfield/crl.pem", authority.revoke(&[77]));
    let tls = format!(r#"{SERVER}, "ca_certificates": ["ca.crt"], "crls": ["crl.pem"]"#);
    let optional = format!(r#"{tls}, "client_auth": "optional""#);
    let node = debug(dir, &node(&[echo(8441, &tls), echo(8442, &optional)], 1));
    let pair =
        |name: &str| [format!("{name}.crt"), format!("{name}.key")].map(|file| argument(&node.dir, &file));
    for version in ["-tls1_2", "-tls1_3"] {
        let mut seen = 0;
        let [certificate, key] = pair("client");
        for port in [8441, 8442] {
            let before = node.log.all().len();
            s_client(node.addr, port, &[version, "-cert", &certificate, "-key", &key]);
            seen = node.log.wait(before, "received 6 bytes").1;
        }
        s_client(node.addr, 8442, &[version]);
        seen = node.log.wait(seen, "received 6 bytes").1;
        s_client(node.addr, 8441, &[version]);
        seen = node.log.wait(seen, "shows no certificate, and one is required").1;
        for (name, reason) in [
            ("revoked", "certificate is revoked"),
            ("expired", "certificate has expired"),
            ("stranger", "issued by nobody we trust"),
        ] {
            let [certificate, key] = pair(name);
            for port in [8441, 8442] {
                s_client(node.addr, port, &[version, "-cert", &certificate, "-key", &key]);
                seen = node.log.wait(seen, reason).1;
            }
        }
    }
    let failed =
        |transport: usize| node.status().unwrap()["endpoints"][transport]["connections"]["failed"].clone();
    assert_eq!((failed(0), failed(1)), (8.into(), 6.into()));
    node.stop();
}

#[test]
fn certificates_are_chosen_by_name() {
    let (dir, authority) = prepared();
    for (name, names) in
        [("one", &["one.test"][..]), ("wild", &["*.wild.test"]), ("exact", &["exact.wild.test"])]
    {
        authority.write(&dir, name, Wish { names, common_name: name, ..LOCALHOST });
    }
    let more = ["one", "wild", "exact"].map(|n| format!(r#"{{"key": "{n}.key", "certificate": "{n}.crt"}}"#));
    let tls = format!(r#"{SERVER}, "certificates": [{}]"#, more.join(", "));
    let node = Node::start_in(dir, &node(&[echo(8441, &tls)], 1));
    for (name, subject) in [
        ("localhost", "localhost"),
        ("unknown.test", "localhost"),
        ("one.test", "one"),
        ("ONE.test", "one"),
        ("a.wild.test", "wild"),
        ("a.b.wild.test", "localhost"),
        ("exact.wild.test", "exact"),
    ] {
        let to = format!("{}:8441", node.addr);
        let said = openssl(&["s_client", "-connect", &to, "-servername", name], b"");
        assert!(said.replace("CN = ", "CN=").contains(&format!("subject=CN={subject}")), "{name}: {said}");
    }
    node.stop();
}

#[test]
fn sessions_are_resumed_by_every_process_but_at_no_other_endpoint() {
    let (dir, _) = prepared();
    let mutual = format!(r#"{SERVER}, "ca_certificates": ["ca.crt"], "client_auth": "optional""#);
    let node = Node::start_in(dir, &node(&[echo(8441, SERVER), echo(8442, &mutual)], 2));
    let session = argument(&node.dir, "session");
    // TLS 1.2: the ticket comes within the handshake.
    s_client(node.addr, 8441, &["-tls1_2", "-sess_out", &session]);
    until("both processes to have resumed the session", || {
        let said = s_client(node.addr, 8441, &["-tls1_2", "-sess_in", &session]);
        assert!(said.contains("Reused, TLSv1.2"), "{said}");
        let log = node.log.all();
        let served =
            |process| log.iter().any(|line| line.contains(process) && line.contains("received 6 bytes"));
        (served("worker001[0]") && served("worker001[1]")).then_some(())
    });
    let said = s_client(node.addr, 8442, &["-tls1_2", "-sess_in", &session]);
    assert!(said.contains("New, TLSv1.2"), "{said}");
    // TLS 1.3: after it; the echo has come back by then.
    let mut first = Client::connect(node.addr, 8441, &["-tls1_3", "-sess_out", &session]);
    first.echo("once");
    first.end();
    let mut processes = std::collections::HashSet::new();
    until("both processes to have resumed the session", || {
        let before = node.log.all().len();
        let said = s_client(node.addr, 8441, &["-tls1_3", "-sess_in", &session]);
        assert!(said.contains("Reused, TLSv1.3"), "{said}");
        let (line, _) = node.log.wait(before, "received 6 bytes");
        processes.insert(line.contains("worker001[0]"));
        (processes.len() == 2).then_some(())
    });
    node.stop();
}

#[test]
fn a_stalled_handshake_is_cut_off_and_holds_up_nobody() {
    let (dir, _) = prepared();
    let transport = format!(
        r#"{{"type": "universal", "handshake_timeout": 4, "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8441,
            "tls": {{{SERVER}}}}}, "rawsocket": {{"type": "rawsocket.testee"}},
            "web": {{"paths": {{"/": {{"type": "json", "value": 1}}}}}}}}"#
    );
    let node = debug(dir, &node(&[transport], 1));
    let mut silent: Vec<_> = (0..50).map(|_| TcpStream::connect((node.addr, 8441)).unwrap()).collect();
    silent[0].write_all(b"\x16\x03\x01").unwrap();
    assert_eq!(https(&node, &["--http1.1"]), "1");
    node.log.wait(0, "the handshake was not complete within 4 s");
    for stream in &mut silent {
        let _ = stream.read(&mut [0; 64]);
    }
    let status = node.until("50 failed handshakes", |s| s["endpoints"][0]["connections"]["failed"] == 50);
    assert_eq!(status["endpoints"][0]["connections"]["open"], 0);
    let mut plain = TcpStream::connect((node.addr, 8441)).unwrap();
    plain.write_all(b"no TLS at all\r\n").unwrap();
    node.log.wait(0, "the peer does not speak TLS");
    node.stop();
}

/// What curl gets from `/` of port 8441.
fn https(node: &Node, args: &[&str]) -> String {
    let (ca, connect) = (argument(&node.dir, "ca.crt"), format!("::{}:8441", node.addr));
    let fixed = ["--cacert", &ca, "--connect-to", &connect, "https://localhost:8441/"];
    curl(&[args, &fixed].concat()).trim_end().to_owned()
}

#[test]
fn everything_that_universal_speaks() {
    let (dir, authority) = prepared();
    let addr = loopback();
    authority.write(&dir, "server", Wish { names: &["localhost", &addr.to_string()], ..LOCALHOST });
    let transport = |endpoint: &str| {
        format!(
            r#"{{"type": "universal", "endpoint": {{{endpoint}, "tls": {{{SERVER}}}}},
                "rawsocket": {{"type": "rawsocket.testee"}}, "websocket": {{"ws": {{"type": "websocket.testee"}}}},
                "web": {{"paths": {{"/": {{"type": "json", "value": 1}}}}, "options": {{"hsts": true}}}}}}"#
        )
    };
    let tcp = r#""type": "tcp", "interface": "ADDR", "shared": true, "portrange": [8441, 8441], "user_timeout": 5000"#;
    let transports = [transport(tcp), transport(r#""type": "unix", "path": "socket""#)];
    let config = node(&transports, 2).replace("ADDR", &addr.to_string());
    dir.write(".jackfield/config.json", config);
    let node = Node::launch(dir, addr, &[], &[]);
    node.ready();
    for (args, version) in [("--http1.1", "1.1"), ("--http2", "2"), ("--no-alpn", "1.1")] {
        let said = https(&node, &[args, "-w", " %{http_version} %header{strict-transport-security}"]);
        assert_eq!(said, format!("1 {version} max-age=31536000"));
    }
    let (socket, ca) = (argument(&node.dir, "socket"), argument(&node.dir, "ca.crt"));
    assert_eq!(curl(&["--unix-socket", &socket, "--cacert", &ca, "https://localhost/"]), "1");
    let url = format!("wss://{addr}:8441/ws");
    let said = python_with("ws_echo.py", &[&url, "100"], &[("SSL_CERT_FILE", &ca)]);
    assert!(said.starts_with("ok"), "{said}");
    // A client that offers a protocol nobody knows is served what it speaks.
    let mut rawsocket = Command::new("openssl")
        .args(["s_client", "-quiet", "-alpn", "wamp", "-connect", &format!("{}:8441", node.addr)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    rawsocket.stdin.as_mut().unwrap().write_all(b"\x7f\xf1\0\0\0\0\0\x02hi").unwrap();
    let mut got = [0; 10];
    rawsocket.stdout.as_mut().unwrap().read_exact(&mut got).unwrap();
    assert_eq!(&got, b"\x7f\xf1\0\0\0\0\0\x02hi");
    rawsocket.kill().unwrap();
    rawsocket.wait().unwrap();
    node.stop();
}

#[test]
fn ipv6() {
    let (dir, _) = prepared();
    let transport = format!(
        r#"{{"type": "stream.testee", "endpoint": {{"type": "tcp", "interface": "::1", "portrange": [20000, 60000],
            "shared": true, "user_timeout": 1000, "tls": {{{SERVER}}}}}}}"#
    );
    let node = Node::start_in(dir, &node(&[transport], 2));
    let status = node.status().unwrap();
    let address =
        status["endpoints"][0]["address"].as_str().unwrap().strip_prefix("tcp://").unwrap().to_owned();
    let said = openssl(&["s_client", "-connect", &address, "-CAfile", &argument(&node.dir, "ca.crt")], b"");
    assert!(said.contains("Verify return code: 0"), "{said}");
    node.stop();
}

#[test]
fn who_speaks_http_where_tls_is_spoken_is_told() {
    let (dir, authority) = prepared();
    authority.write(&dir, "server", LOCALHOST);
    let tls = r#""tls": {"key": "server.key", "certificate": "server.crt"}"#;
    let web = format!(
        r#"{{"type": "web", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8443, {tls}}},
            "paths": {{"/": {{"type": "json", "value": 1}}}}}}"#
    );
    let node = Node::start_in(dir, &node(&[web], 1));
    let url = format!("http://{}:8443/", node.addr);
    let said = "400 Bad Request: This port speaks TLS: its addresses begin with https.\n";
    assert_eq!(curl(&[&url]), said);
    // Whoever sends much gets the answer all the same.
    assert_eq!(curl(&["-H", "Expect:", "-d", &"x".repeat(60_000), &url]), said);
    let page = curl(&["-i", "-H", "Accept: text/html", &url]);
    assert!(page.starts_with("HTTP/1.1 400 ") && page.contains("<h1>Bad Request</h1>"), "{page}");
    let status = node.status().unwrap();
    assert_eq!(status["endpoints"][0]["connections"]["failed"], 3);
    node.stop();
}
