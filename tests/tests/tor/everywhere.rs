//! One universal transport on every kind of endpoint at once, and one client of each kind on each of them.

use super::{ADDR, endpoint, start, through_tor};
use jackfield_tests::{Authority, TempDir, TorNetwork, Wish, argument, chromium_with, python};
use serde_json::{Value, json};

const NAMES: [&str; 5] = ["plain", "secure", "local", "by_daemon", "by_arti"];

/// The transport, on this endpoint.
fn universal(id: &str, endpoint: &Value) -> Value {
    json!({"type": "universal", "id": id, "endpoint": endpoint,
           "rawsocket": {"type": "rawsocket.testee", "serializers": ["cbor"]},
           "websocket": {"ws": {"type": "websocket.testee"}},
           "web": {"paths": {"/": {"type": "nodeinfo"}}}})
}

pub(crate) fn one_transport_on_every_endpoint(network: &TorNetwork) {
    let dir = TempDir::new();
    let authority = Authority::new("authority of the test");
    let (ca, address) = (dir.write(".jackfield/ca.crt", authority.pem()), ADDR.to_string());
    authority.write(&dir, "server", Wish { names: &[&address], common_name: "server", ..Wish::default() });
    let control = json!({"type": "unix", "path": network.service.control()});
    let transports = [
        json!({"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}),
        json!({"type": "tcp", "interface": "ADDR", "port": 8443, "shared": true,
               "tls": {"key": "server.key", "certificate": "server.crt"}}),
        json!({"type": "unix", "path": "universal.sock"}),
        json!({"type": "onion", "port": 80, "private_key_file": "daemon.key", "tor_control_endpoint": control}),
        json!({"type": "onion", "port": 80, "private_key_file": "arti.key"}),
    ];
    let transports: Vec<_> =
        NAMES.iter().zip(&transports).map(|(id, endpoint)| universal(id, endpoint)).collect();
    // Browsers don't open Unix sockets: one more port leads there.
    let door = json!({"type": "stream.relay", "id": "door", "backends": [{"type": "unix", "path": "universal.sock"}],
                      "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081}});
    let config = json!({"version": 2, "controller": {"tor": network.arti}, "workers": [
        {"type": "router", "processes": 2, "transports": transports},
        {"type": "router", "transports": [door]},
    ]});
    let node = start(dir, &config.to_string());
    let status = node.until("every address", |status| {
        ["by_daemon", "by_arti"].iter().all(|id| endpoint(status, id)["state"] == "published")
    });
    let onions = ["by_daemon", "by_arti"].map(|id| {
        let onion = endpoint(&status, id)["onion"].as_str().unwrap();
        onion.strip_suffix(".onion:80").map(|id| format!("{id}.onion")).unwrap()
    });
    let socket = argument(&node.dir, "universal.sock");
    for (id, shown) in [
        ("plain", format!("tcp://{address}:8080")),
        ("secure", format!("tcp://{address}:8443")),
        ("local", format!("unix://{socket}")),
    ] {
        assert_eq!(endpoint(&status, id)["address"], shown);
    }
    assert_eq!(status["workers"][0]["processes"].as_array().unwrap().len(), 2);

    let socks = network.client.socks_port.to_string();
    // A directory that is asked first may not have the descriptor yet.
    for onion in &onions {
        through_tor(&network.client, &format!("http://{onion}/"));
    }
    let ca = ca.to_str().unwrap();
    let clients: [&[&str]; 5] = [
        &["tcp", &address, "8080"],
        &["tls", &address, "8443", ca],
        &["unix", &socket],
        &["socks", &socks, &onions[0], "80"],
        &["socks", &socks, &onions[1], "80"],
    ];
    for client in clients {
        assert_eq!(python("everywhere.py", client).trim(), "ok", "{client:?}");
    }
    let proxy = format!("--proxy-server=socks5://127.0.0.1:{socks}");
    let pages: [(String, &[&str]); 5] = [
        (format!("http://{address}:8080/"), &[]),
        (format!("https://{address}:8443/"), &["--ignore-certificate-errors"]),
        (format!("http://{address}:8081/"), &[]),
        (format!("http://{}/", onions[0]), &[&proxy]),
        (format!("http://{}/", onions[1]), &[&proxy]),
    ];
    let picture = node.dir.path().join("page.png");
    for (url, args) in &pages {
        let page = chromium_with(url, &picture, args);
        assert!(page.contains("worker001") && page.contains(&onions[1]), "{url}\n{page}");
    }
    for id in NAMES {
        let counted = node.until("connections counted", |s| {
            endpoint(s, id)["connections"]["accepted"].as_u64().unwrap() >= 3
        });
        assert_eq!(endpoint(&counted, id)["connections"]["failed"], 0, "{id}");
    }
    node.stop();
}
