//! One universal transport on every kind of endpoint at once, and one client of each kind on each of them.

use super::{ADDR, endpoint, start, start_relay, stream_through_tor, through_tor};
use jackfield_tests::{
    Authority, DEADLINE, Node, TempDir, TorNetwork, Wish, argument, chromium_with, example, python,
    screenshot, until,
};
use serde_json::{Value, json};

const NAMES: [&str; 7] =
    ["plain", "secure", "local", "by_daemon", "by_arti", "by_daemon_secure", "by_arti_secure"];

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
    let tls = json!({"key": "server.key", "certificate": "server.crt"});
    let transports = [
        json!({"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}),
        json!({"type": "tcp", "interface": "ADDR", "port": 8443, "shared": true,
               "tls": tls}),
        json!({"type": "unix", "path": "universal.sock"}),
        json!({"type": "onion", "port": 80, "private_key_file": "daemon.key", "tor_control_endpoint": control}),
        json!({"type": "onion", "port": 80, "private_key_file": "arti.key"}),
        json!({"type": "onion", "port": 443, "private_key_file": "daemon-tls.key", "tor_control_endpoint": control,
               "tls": tls}),
        json!({"type": "onion", "port": 443, "private_key_file": "arti-tls.key", "tls": tls}),
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
        NAMES[3..].iter().all(|id| endpoint(status, id)["state"] == "published")
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
        // A browser gives up when a new circuit takes its time; people press reload.
        until(&format!("a page from {url}"), || {
            let page = chromium_with(url, &picture, args);
            (page.contains("worker001") && page.contains(&onions[1])).then_some(())
        });
    }
    tls_goes_through_tor(network, &status, &address, ca);
    for id in NAMES {
        let counted = node.until("connections counted", |s| {
            endpoint(s, id)["connections"]["accepted"].as_u64().unwrap() >= 2
        });
        assert_eq!(endpoint(&counted, id)["connections"]["failed"], 0, "{id}");
    }
    node.stop();
}

/// The example of a site that is on the web and at an onion address, as it is but for the network.
pub(crate) fn a_site_has_two_addresses(network: &TorNetwork) {
    let dir = example("site-onion");
    let config = dir.path().join(".jackfield/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}controller: {}\n", json!({"tor": network.arti}))).unwrap();
    let node = Node::launch(dir, *ADDR, &[], &[("HOST", &ADDR.to_string())]);
    let status = node.until("the onion address", |status| endpoint(status, "onion")["state"] == "published");
    let onion = endpoint(&status, "onion")["onion"].as_str().unwrap().strip_suffix(":80").unwrap();
    through_tor(&network.client, &format!("http://{onion}/"));
    let proxy = format!("--proxy-server=socks5://127.0.0.1:{}", network.client.socks_port);
    let pages: [(String, &str, &[&str], &str); 2] = [
        (format!("http://{}:8080/", *ADDR), "site-onion-web.png", &[], "You came by the web"),
        (format!("http://{onion}/"), "site-onion-tor.png", &[&proxy], "You came through Tor."),
    ];
    for (url, picture, args, said) in pages {
        until(&format!("a page from {url}"), || {
            chromium_with(&url, &screenshot(picture), args).contains(said).then_some(())
        });
    }
    node.stop();
}

/// The example of a realm at an onion address: our own command joins it through Tor, and a client that knows nothing of Tor
/// through a relay.
pub(crate) fn a_realm_has_an_onion_address(network: &TorNetwork) {
    let dir = example("wamp-onion");
    let config = dir.path().join(".jackfield/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("uri: com.example.", "uri: com.");
    std::fs::write(&config, format!("{text}controller: {}\n", json!({"tor": network.arti}))).unwrap();
    let node = Node::launch(dir, *ADDR, &[], &[("HOST", &ADDR.to_string())]);
    let status = node.until_within(4 * DEADLINE, "the onion address", |status| {
        endpoint(status, "onion")["state"] == "published"
    });
    let address = endpoint(&status, "onion")["onion"].as_str().unwrap();
    let onion = address.strip_suffix(":80").unwrap();
    // A directory that is asked first may not have the descriptor yet.
    drop(stream_through_tor(&network.client, address));
    let socks = network.client.socks_port.to_string();
    let (websocket, rawsocket) = (format!("ws://{onion}/ws"), format!("rs://{address}"));
    let through_tor = ["--tor", &socks];
    let subscribe = ["wamp", "subscribe", "com.example.topic", "--url", &websocket];
    let subscriber = node.background(&[&subscribe[..], &through_tor].concat());
    let publish = ["wamp", "publish", "com.example.topic", "hello", "--url", &rawsocket];
    until("an event through Tor", || {
        let published = node.run(&[&publish[..], &through_tor].concat());
        assert!(published.status.success(), "{}", String::from_utf8_lossy(&published.stderr));
        subscriber.out.all().iter().any(|line| line.contains("hello")).then_some(())
    });
    let backend =
        json!({"type": "tor", "host": onion, "port": 80, "tor_socks_port": network.client.socks_port});
    let transport = json!({"type": "stream.relay", "backends": [backend],
                           "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}});
    let config = json!({"version": 2, "workers": [{"type": "router", "transports": [transport]}]});
    let relay = start_relay(&config.to_string());
    let clients = [format!("ws://{}:8080/ws", relay.addr), format!("rs://{}:8080", relay.addr)];
    for url in clients {
        let said = python("wamp_peer.py", &[&url, "cbor", "realm1"]);
        assert!(said.starts_with("ok"), "{url}: {said}");
    }
    relay.stop();
    node.stop();
}

/// A relay speaks TLS inside of connections to onion services, by its own Arti and by a daemon, and through an exit.
fn tls_goes_through_tor(network: &TorNetwork, status: &Value, address: &str, ca: &str) {
    let onion =
        |id: &str| endpoint(status, id)["onion"].as_str().unwrap().strip_suffix(":443").unwrap().to_owned();
    let tls = json!({"hostname": address, "ca_certificates": [ca]});
    let backends = [
        json!({"type": "tor", "host": onion("by_arti_secure"), "port": 443, "tls": tls,
               "tor_socks_port": network.client.socks_port}),
        json!({"type": "tor", "host": onion("by_daemon_secure"), "port": 443, "tls": tls}),
        json!({"type": "tor", "host": address, "port": 8443, "tls": tls}),
    ];
    let transports = backends.iter().zip(8080..).map(|(backend, port)| {
        json!({"type": "stream.relay", "backends": [backend],
               "endpoint": {"type": "tcp", "interface": "ADDR", "port": port}})
    });
    let config = json!({"version": 2, "controller": {"tor": network.arti},
                        "workers": [{"type": "router", "transports": transports.collect::<Vec<_>>()}]});
    let relay = start_relay(&config.to_string());
    for port in ["8080", "8081", "8082"] {
        assert_eq!(python("everywhere.py", &["tcp", &relay.addr.to_string(), port]).trim(), "ok", "{port}");
    }
    relay.stop();
}
