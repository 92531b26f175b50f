//! What is not built yet: each with a configuration that proves it, and the place of the reference that says it.

use jackfield_shared::config::{Format, Severity, parse};
use serde_json::{Value, json};

/// `TYPE.attribute`, or `TYPE:variant`, and a configuration in which it is the only thing that is not built.
pub(crate) fn features() -> Vec<(&'static str, Value)> {
    vec![
        ("Controller.manhole", controller(json!({"manhole": {"endpoint": tcp(), "users": []}}))),
        ("Worker.manhole", worker(json!({"type": "router", "manhole": {"endpoint": tcp(), "users": []}}))),
        ("Realm.inventory", worker(json!({"type": "router", "realms": [{"name": "r", "inventory": {}}]}))),
        (
            "Permission.validate",
            worker(
                json!({"type": "router", "realms": [{"name": "r", "roles": [{"name": "r", "permissions": [
                    {"uri": "a.b", "validate": {"call": "a.B"}}]}]}]}),
            ),
        ),
        (
            "CryptosignAuth.trustroots",
            transport(json!({"type": "rawsocket", "auth": {"cryptosign": {"type": "static", "trustroots": {
                "r": {"certificate": "c.pem"}}}}})),
        ),
        ("Transport:flashpolicy", transport(json!({"type": "flashpolicy"}))),
        ("PathService:catalog", service(json!({"type": "catalog", "filename": "k.pem"}))),
    ]
}

fn tcp() -> Value {
    json!({"type": "tcp", "port": 8080})
}

fn controller(controller: Value) -> Value {
    json!({"controller": controller})
}

fn worker(worker: Value) -> Value {
    json!({"workers": [worker]})
}

fn transport(mut transport: Value) -> Value {
    transport["endpoint"] = tcp();
    worker(json!({"type": "router", "transports": [transport]}))
}

fn service(service: Value) -> Value {
    transport(json!({"type": "web", "paths": {"/": service}}))
}

#[test]
fn each_is_valid_and_refused_at_start() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("not_built");
    std::fs::create_dir_all(&dir).unwrap();
    for file in ["k.pem", "c.pem"] {
        std::fs::write(dir.join(file), "").unwrap();
    }
    for (name, config) in features() {
        let loaded = parse(&config.to_string(), Format::Json, "config.json", &dir, &|_| None);
        assert!(loaded.is_valid() && !loaded.can_start(), "{name}: {:?}", loaded.diagnostics);
        let last = name.rsplit(['.', ':']).next().unwrap();
        let named = loaded
            .of(Severity::NotBuilt)
            .any(|found| name.contains(':') || found.path.trim_end_matches("[0]").ends_with(last));
        assert!(named, "{name}: {:?}", loaded.diagnostics);
    }
}

#[test]
fn one_id_for_all_sessions_by_long_polling_is_warned_of_where_there_are_several_processes() {
    for (processes, warned) in [(json!(1), 0), (json!(2), 1), (json!("auto"), 1)] {
        let options = json!({"debug_transport_id": "kjmd3sBLOUnb3Fyr"});
        let path = json!({"type": "longpoll", "options": options});
        let mut config = service(json!({"type": "path", "paths": {"lp": path}}));
        config["workers"][0]["processes"] = processes.clone();
        let loaded = parse(&config.to_string(), Format::Json, "config.json", "/".as_ref(), &|_| None);
        assert!(loaded.is_valid() && loaded.can_start(), "{:?}", loaded.diagnostics);
        let found = loaded.of(Severity::Warning).filter(|found| found.path.ends_with("debug_transport_id"));
        assert_eq!(found.count(), warned, "{processes}: {:?}", loaded.diagnostics);
    }
}

#[test]
fn python_is_refused_by_name_in_transports_of_proxy_workers() {
    let proxy = |paths: Value| {
        let transport = json!({"type": "web", "endpoint": tcp(), "paths": paths});
        worker(json!({"type": "proxy", "transports": [transport]}))
    };
    let by_function = json!({"ticket": {"type": "function", "create": "a.b"}});
    for (config, at) in [
        (proxy(json!({"/": {"type": "wsgi", "module": "a", "object": "b"}})), "paths[\"/\"].type"),
        (proxy(json!({"/": {"type": "websocket", "auth": by_function}})), "paths[\"/\"].auth.ticket.type"),
    ] {
        let loaded = parse(&config.to_string(), Format::Json, "config.json", "/".as_ref(), &|_| None);
        assert!(loaded.is_valid() && !loaded.can_start(), "{:?}", loaded.diagnostics);
        let found: Vec<_> = loaded.of(Severity::NotBuilt).collect();
        assert!(found.len() == 1 && found[0].path.contains(at), "{found:?}");
        assert!(found[0].message.contains("a router worker can have it"), "{found:?}");
    }
}

#[test]
fn a_connection_of_a_proxy_says_how_it_is_believed_and_leads_elsewhere() {
    let errors = |auth: Value, endpoint: Value, listening: Value| {
        let mut connection =
            json!({"transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint}});
        if !auth.is_null() {
            connection["auth"] = auth;
        }
        let config =
            worker(json!({"type": "proxy", "connections": {"c": connection}, "routes": {"r": {"a": "c"}},
            "transports": [{"type": "rawsocket", "endpoint": listening}]}));
        let loaded = parse(&config.to_string(), Format::Json, "config.json", "/".as_ref(), &|_| None);
        let found: Vec<_> =
            loaded.of(Severity::Error).map(|found| (found.path.clone(), found.message.clone())).collect();
        assert_eq!(found.is_empty(), loaded.can_start(), "{:?}", loaded.diagnostics);
        found
    };
    let unix = |path: &str| json!({"type": "unix", "path": path});
    let far = json!({"type": "tcp", "host": "192.0.2.1", "port": 1});
    let proof = json!({"type": "static"});
    let key = json!({"cryptosign-proxy": proof});
    assert_eq!(errors(Value::Null, unix("s"), tcp()), []);
    assert_eq!(errors(json!({"anonymous-proxy": proof}), unix("s"), tcp()), []);
    assert_eq!(errors(key.clone(), far.clone(), tcp()), []);
    for (auth, endpoint, listening, says) in [
        (Value::Null, far.clone(), tcp(), "Unix sockets alone"),
        (json!({"anonymous-proxy": proof}), far.clone(), tcp(), "Unix sockets alone"),
        (json!({}), unix("s"), tcp(), "no way to authenticate"),
        (json!({"ticket": {}}), far, tcp(), "unknown attribute"),
        (Value::Null, unix("s"), unix("s"), "own address"),
        (key, json!({"type": "tcp", "host": "127.0.0.1", "port": 8080}), tcp(), "own address"),
    ] {
        let found = errors(auth, endpoint, listening);
        assert!(
            found.iter().any(|(path, text)| path.contains("connections") && text.contains(says)),
            "{says}: {found:?}"
        );
    }
}

#[test]
fn links_between_routers_are_checked_as_they_are_configured_with_crossbar() {
    let errors = |options: Value, links: &[Value]| {
        let realm = json!({"name": "realm1", "roles": [], "options": options, "rlinks": links});
        let config = worker(json!({"type": "router", "realms": [realm],
            "transports": [{"type": "rawsocket", "endpoint": tcp()}]}));
        let loaded = parse(&config.to_string(), Format::Json, "config.json", "/".as_ref(), &|_| None);
        assert!(loaded.of(Severity::Warning).count() == 0, "{:?}", loaded.diagnostics);
        loaded
            .of(Severity::Error)
            .map(|found| format!("{}: {}", found.path, found.message))
            .collect::<Vec<_>>()
    };
    let raw = json!({"type": "rawsocket", "serializer": "cbor", "url": "rs://localhost:5082",
        "endpoint": {"type": "tcp", "host": "localhost", "port": 5082}});
    let web = json!({"type": "websocket", "url": "ws://localhost:8001/ws",
        "endpoint": {"type": "tcp", "host": "localhost", "port": 8001}});
    let full = json!({"id": "a", "realm": "realm1", "transport": raw, "authid": "n1", "exclude_authid": ["n2"],
        "forward_local_events": false, "forward_remote_events": true, "forward_local_invocations": false,
        "forward_remote_invocations": true});
    let plain = json!({"realm": "realm1", "transport": web});
    assert_eq!(errors(json!({}), &[full.clone(), plain.clone(), plain.clone()]), [""; 0]);
    for (options, links, says) in [
        (json!({"enable_meta_api": false}), vec![plain.clone()], "meta API"),
        (json!({}), vec![full.clone(), full.clone()], "two \"rlinks\" with the id \"a\""),
        (json!({}), vec![json!({"realm": "realm1"})], "transport"),
        (json!({}), vec![json!({"realm": "", "transport": web})], "realm name"),
        (
            json!({}),
            vec![json!({"realm": "realm1", "transport": web, "forward_events": true})],
            "unknown attribute",
        ),
    ] {
        let found = errors(options, &links);
        assert!(found.iter().any(|text| text.contains(says)), "{says}: {found:?}");
    }
}

#[test]
fn serializers_that_are_not_spoken_are_left_out_by_name_and_refused_where_they_are_all() {
    let websocket = |list: Value| transport(json!({"type": "websocket", "serializers": list}));
    let rawsocket = |list: Value| transport(json!({"type": "rawsocket", "serializers": list}));
    for (config, severity, named) in [
        (websocket(json!(["cbor", "ubjson"])), Severity::Warning, &["ubjson"][..]),
        (websocket(json!(["flatbuffers", "json"])), Severity::Warning, &["flatbuffers"]),
        (rawsocket(json!(["ubjson", "msgpack"])), Severity::Warning, &["ubjson"]),
        (websocket(json!(["ubjson", "flatbuffers"])), Severity::NotBuilt, &["ubjson", "flatbuffers"]),
        (rawsocket(json!(["ubjson"])), Severity::NotBuilt, &["ubjson"]),
    ] {
        let loaded = parse(&config.to_string(), Format::Json, "config.json", "/".as_ref(), &|_| None);
        assert!(loaded.is_valid(), "{config}: {:?}", loaded.diagnostics);
        assert_eq!(loaded.can_start(), severity == Severity::Warning, "{config}");
        for name in named {
            let wanted = format!("{name} is not spoken");
            let is_said = loaded.of(severity).any(|found| found.message.contains(&wanted));
            assert!(is_said, "{config}: {:?}", loaded.diagnostics);
        }
    }
}
