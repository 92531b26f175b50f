//! Components that reach their routers by TLS.

use super::start;
use jackfield_tests::{Authority, Node, TempDir, Wish};
use serde_json::{Value, json};

const FRAMEWORKS: [&str; 2] = ["twisted", "asyncio"];

const FOR_THE_ROUTER: Wish<'_> =
    Wish { names: &["router.test"], common_name: "router.test", expired: false, serial: 0, key: None };

/// A component that trusts this file, by this transport.
fn component(class: &str, kind: &str, trusted: &str) -> Value {
    let tls = json!({"hostname": "router.test", "ca_certificates": [trusted],
        "certificate": "client.crt", "key": "client.key"});
    let port = if kind == "websocket" { 8443 } else { 8444 };
    let mut transport = json!({"type": kind,
        "endpoint": {"type": "tcp", "host": "${ADDR}", "port": port, "tls": tls}});
    match kind {
        "websocket" => transport["url"] = json!("wss://router.test:8443/"),
        _ => transport["serializer"] = json!("cbor"),
    }
    json!({"type": "class", "id": "mine", "classname": class, "realm": "realm1", "transport": transport})
}

/// A router that lets clients in whose certificates the right authority has issued, with these containers; `all.pem` has
/// both authorities, the wrong one first.
fn node(containers: &[Value]) -> Node {
    let (dir, right, wrong) =
        (TempDir::new(), Authority::new("the right one"), Authority::new("the wrong one"));
    dir.write(".crossbar/right.pem", right.pem());
    dir.write(".crossbar/wrong.pem", wrong.pem());
    dir.write(".crossbar/all.pem", format!("{}{}", wrong.pem(), right.pem()));
    for name in ["server", "client"] {
        let (certificate, key) = right.issue(FOR_THE_ROUTER);
        dir.write(&format!(".crossbar/{name}.crt"), certificate);
        dir.write(&format!(".crossbar/{name}.key"), key);
    }
    for framework in FRAMEWORKS {
        let text = format!("from autobahn.{framework}.wamp import ApplicationSession as App\n");
        dir.write(&format!("with_{framework}.py"), text);
    }
    let tls = json!({"certificate": "server.crt", "key": "server.key", "ca_certificates": ["right.pem"]});
    let endpoint = |port: u16| json!({"type": "tcp", "interface": "${ADDR}", "port": port, "tls": tls});
    let router = json!({"type": "router", "realms": [{"name": "realm1", "roles": [{"name": "anonymous"}]}],
        "transports": [{"type": "websocket", "endpoint": endpoint(8443)}, {"type": "rawsocket", "endpoint": endpoint(8444)}]});
    let workers = [&[router], containers].concat();
    dir.write(".crossbar/config.json", json!({"version": 2, "workers": workers}).to_string());
    start(dir)
}

#[test]
fn components_join_by_tls_with_certificates_of_theirs_and_authorities_from_one_file() {
    let container = |framework: &str| {
        let of = |kind: &str| {
            let mut one = component(&format!("with_{framework}.App"), kind, "all.pem");
            one["id"] = json!(kind);
            one
        };
        json!({"type": "container", "options": {"pythonpath": [".."]}, "components": [of("websocket"), of("rawsocket")]})
    };
    let node = node(&FRAMEWORKS.map(container));
    let status = node.ready();
    for worker in [1, 2] {
        assert_eq!(status["workers"][worker]["processes"][0]["status"], "2 of 2 components joined");
    }
    node.stop();
}

#[test]
fn a_component_that_does_not_trust_its_router_says_so() {
    let container = |framework: &str| {
        json!({"type": "container", "options": {"pythonpath": [".."], "connect_timeout": 1},
            "components": [component(&format!("with_{framework}.App"), "websocket", "wrong.pem")]})
    };
    for framework in FRAMEWORKS {
        let node = node(&[container(framework)]);
        let wanted =
            "component mine has failed: can't reach its router for 1 s: wss://router.test:8443/ at tcp://";
        let (line, _) = node.log.wait(0, wanted);
        assert!(line.contains("certificate verify failed"), "{framework}: {line}");
    }
}
