//! `stream.relay` in front of nginx.

use jackfield_tests::{DEADLINE, Nginx, Node, TempDir, curl, loopback};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Bytes without a pattern, so that a mix-up is seen.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn relay(backends: &str, extra: &str) -> Node {
    Node::start(&format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "processes": 2, "transports": [{{"type": "stream.relay",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}},
            "backends": [{backends}]{extra}}}]}}]}}"#
    ))
}

#[test]
fn requests_reach_nginx_over_tcp_and_unix() {
    let addr = loopback();
    let nginx = Nginx::start(addr, 8000);
    let big = noise(20 << 20);
    std::fs::write(nginx.root().join("big"), &big).unwrap();
    let unix = nginx.socket();
    for backend in [
        format!(r#"{{"type": "tcp", "host": "{addr}", "port": 8000}}"#),
        format!(r#"{{"type": "unix", "path": {:?}}}"#, unix.to_str().unwrap()),
    ] {
        let node = relay(&backend, "");
        let url = format!("http://{}:8080/", node.addr);
        assert_eq!(curl(&[&url]), "from nginx\n");
        let dir = TempDir::new();
        let file = dir.path().join("big");
        curl(&["-o", file.to_str().unwrap(), &format!("{url}big")]);
        assert!(std::fs::read(&file).unwrap() == big, "20 MiB arrive as they were");
        node.stop();
    }
}

#[test]
fn a_long_transfer_is_right_in_both_directions_and_half_closes_are_carried() {
    let addr = loopback();
    let listener = TcpListener::bind((addr, 8000)).unwrap();
    let node = relay(&format!(r#"{{"type": "tcp", "host": "{addr}", "port": 8000}}"#), "");
    let data = noise(8 << 20);
    let client = TcpStream::connect((node.addr, 8080)).unwrap();
    let (backend, _) = listener.accept().unwrap();
    for (from, to) in [(&client, &backend), (&backend, &client)] {
        from.set_read_timeout(Some(DEADLINE)).unwrap();
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut from = from;
                from.write_all(&data).unwrap();
                from.shutdown(Shutdown::Write).unwrap();
            });
            let mut got = Vec::new();
            { to }.read_to_end(&mut got).unwrap();
            assert!(got == data);
            sender.join().unwrap();
        });
    }
    node.stop();
}

#[test]
fn backends_share_the_load_and_a_dead_one_is_skipped() {
    let (a, b) = (loopback(), loopback());
    let one = Nginx::start(a, 8000);
    let two = Nginx::start(b, 8000);
    std::fs::write(one.root().join("name"), "one").unwrap();
    std::fs::write(two.root().join("name"), "two").unwrap();
    let backends = format!(
        r#"{{"type": "tcp", "host": "{a}", "port": 8000}}, {{"type": "tcp", "host": "{b}", "port": 8000}}"#
    );
    let node = relay(&backends, r#", "balance": "round-robin""#);
    let ask = || curl(&[&format!("http://{}:8080/name", node.addr)]);
    let answers: Vec<String> = (0..20).map(|_| ask()).collect();
    assert!(answers.iter().any(|x| x == "one") && answers.iter().any(|x| x == "two"), "{answers:?}");
    drop(two);
    for _ in 0..20 {
        assert_eq!(ask(), "one");
    }
    drop(one);
    let refused = TcpStream::connect((node.addr, 8080)).unwrap();
    refused.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(matches!({ &refused }.read(&mut [0; 9]), Ok(0) | Err(_)), "closed, not left hanging");
    node.log.wait(0, &format!("{a}:8000"));
    node.stop();
}

#[test]
fn a_relay_that_leads_back_to_itself_ends_the_connection() {
    // Names that nobody can see through before they are resolved: an address as one number.
    let (first, second) = (loopback(), loopback());
    let name = |addr: std::net::Ipv4Addr| u32::from(addr).to_string();
    let relay = |at: std::net::Ipv4Addr, port: u16, to: String| {
        format!(
            r#"{{"type": "stream.relay", "endpoint": {{"type": "tcp", "interface": "{at}", "port": {port}, "shared": true}},
                "backends": [{{"type": "tcp", "host": "{to}", "port": {}}}]}}"#,
            if port == 8081 {
                8082
            } else if port == 8082 {
                8081
            } else {
                port
            }
        )
    };
    let node = Node::start(&format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "processes": 2, "transports": [{}]}},
            {{"type": "router", "transports": [{}, {}]}}]}}"#,
        relay(first, 8080, name(first)),
        relay(first, 8081, name(second)),
        relay(second, 8082, name(first)),
    ));
    for (port, reason) in
        [(8080, "is this relay's own address"), (8081, "the backends lead back to this relay")]
    {
        let mut client = TcpStream::connect((first, port)).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
        node.log.wait(0, reason);
    }
    node.until("nothing left open", |status| {
        status["endpoints"].as_array().unwrap().iter().all(|endpoint| endpoint["connections"]["open"] == 0)
    });
    node.stop();
}
