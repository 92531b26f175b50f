//! What is not built yet: each with a configuration that proves it, and the place of the reference that says it.

use jackfield_shared::config::{Format, Severity, parse};
use serde_json::{Value, json};

/// `TYPE.attribute`, or `TYPE:variant`, and a configuration in which it is the only thing that is not built.
pub(crate) fn features() -> Vec<(&'static str, Value)> {
    vec![
        ("Controller.manhole", controller(json!({"manhole": {"endpoint": tcp(), "users": []}}))),
        ("Controller.keyring", controller(json!({"keyring": {"type": "file", "path": "k"}}))),
        ("Worker.manhole", worker(json!({"type": "router", "manhole": {"endpoint": tcp(), "users": []}}))),
        (
            "RouterComponent.references",
            worker(
                json!({"type": "router", "components": [{"type": "class", "classname": "a.B", "realm": "r", "references": ["connection:c"]}]}),
            ),
        ),
        (
            "Worker.routes",
            worker(
                json!({"type": "proxy", "connections": {"c": {"transport": rawsocket()}}, "routes": {"r": {"a": "c"}}}),
            ),
        ),
        (
            "Worker.connections",
            worker(json!({"type": "proxy", "connections": {"c": {"transport": rawsocket()}}})),
        ),
        ("Worker.realm_processes", worker(json!({"type": "router", "processes": 2, "realm_processes": 2}))),
        ("Transport:flashpolicy", transport(json!({"type": "flashpolicy"}))),
        ("PathService:catalog", service(json!({"type": "catalog", "filename": "k.pem"}))),
    ]
}

fn tcp() -> Value {
    json!({"type": "tcp", "port": 8080})
}

fn rawsocket() -> Value {
    json!({"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": "s"}})
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
fn long_polling_is_refused_where_requests_of_a_session_may_get_to_several_processes() {
    for (processes, starts) in [(json!(1), true), (json!(2), false), (json!("auto"), false)] {
        let mut config = service(json!({"type": "path", "paths": {"lp": {"type": "longpoll"}}}));
        config["workers"][0]["processes"] = processes.clone();
        let loaded = parse(&config.to_string(), Format::Json, "config.json", "/".as_ref(), &|_| None);
        assert!(loaded.is_valid(), "{:?}", loaded.diagnostics);
        assert_eq!(loaded.can_start(), starts, "{processes}: {:?}", loaded.diagnostics);
    }
}
