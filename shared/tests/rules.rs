//! Single rules, each by what it says about a small configuration.

#![allow(clippy::unwrap_used)] // What a test cannot do without, it may ask for.

use std::path::Path;

use jackfield_shared::config::*;
use serde_json::{Value, json};

fn read(config: &Value) -> Loaded {
    let env = |name: &str| match name {
        "PORT" => Some(" 8_081 ".to_owned()),
        "HOME" => Some("/home/user".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    parse(&config.to_string(), Format::Json, "config.json", Path::new("/node/.jackfield"), &env)
}

fn transport(transport: Value) -> Value {
    json!({"workers": [{"type": "router", "transports": [transport]}]})
}

fn endpoint(endpoint: Value) -> Value {
    transport(json!({"type": "stream.testee", "endpoint": endpoint}))
}

fn listening(endpoint_: Value) -> ListeningEndpoint {
    let loaded = read(&endpoint(endpoint_));
    let node = loaded.node.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    node.workers[0].transports()[0].endpoint.clone()
}

fn tcp(endpoint: Value) -> TcpListening {
    match listening(endpoint) {
        ListeningEndpoint::Tcp(tcp) => tcp,
        other => panic!("{other:?}"),
    }
}

/// The errors, without file, line and column.
fn errors(config: &Value) -> Vec<String> {
    read(config).of(Severity::Error).map(|error| format!("{}: {}", error.path, error.message)).collect()
}

#[test]
fn all_errors_at_once_each_in_its_place() {
    let text = r#"{
  "version": 1,
  "wrokers": [],
  "workers": [
    {"type": "router", "transports": [
      {"type": "web", "endpoint": {"type": "tcp", "port": 70000, "Backlog": 1}, "path": {}},
      {"type": "webb", "whatever": 1}
    ]},
    {"processes": 0}
  ]
}"#;
    let loaded = parse(text, Format::Json, "config.json", Path::new("/"), &|_| None);
    let found: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    // Whatever kinds there are: each is named.
    let unknown = found.iter().find_map(|text| text.split_once("\"webb\", expected ")).unwrap().1;
    let kinds = unknown.split(';').next().unwrap();
    assert!(kinds.starts_with("\"universal\", \"web\", ") && kinds.contains("\"stream.relay\""), "{kinds}");
    let transports = kinds.to_owned();
    assert_eq!(
        found,
        [
            "config.json:2:14: version: found 1, expected 2; version 1 is an old format, which `crossbar upgrade` converts".to_owned(),
            "config.json:3:3: wrokers: unknown attribute; accepted here: $schema, controller, include, version, workers".to_owned(),
            "config.json:6:7: workers[0].transports[0]: the attribute \"paths\" is missing, expected an object: path segments of A-Z, a-z, 0-9, _, -, . and ~ with slashes between them, as \"api\" and \"a/b.txt\", or \"/\" → a path service (an object)".to_owned(),
            "config.json:6:59: workers[0].transports[0].endpoint.port: found 70000, expected an integer from 1 to 65535".to_owned(),
            "config.json:6:66: workers[0].transports[0].endpoint.Backlog: unknown attribute; did you mean \"backlog\"?".to_owned(),
            "config.json:6:81: workers[0].transports[0].path: unknown attribute; did you mean \"paths\"?".to_owned(),
            "config.json:7:7: workers[0].transports[1]: the attribute \"endpoint\" is missing, expected a listening endpoint (an object)".to_owned(),
            format!("config.json:7:16: workers[0].transports[1].type: found the string \"webb\", expected {transports}; did you mean \"web\"?"),
            "config.json:9:5: workers[1]: the attribute \"type\" is missing, expected \"router\", \"container\", \"guest\", \"websocket-testee\" or \"proxy\"".to_owned(),
            "config.json:9:19: workers[1].processes: found 0, expected an integer from 1 to 1024, or \"auto\"".to_owned(),
        ]
    );
}

#[test]
fn variables_stand_for_strings_and_numbers() {
    assert_eq!(tcp(json!({"type": "tcp", "port": "$PORT"})).port, ListenPort::Port(8081));
    assert_eq!(tcp(json!({"type": "tcp", "port": "${PORT}"})).port, ListenPort::Port(8081));
    assert_eq!(tcp(json!({"type": "tcp", "port": "${UNSET:-99}", "backlog": "${EMPTY:-7}"})).backlog, 7);
    let unset = errors(&endpoint(json!({"type": "tcp", "port": 80, "interface": "${UNSET}"})));
    assert!(unset[0].contains("the environment variable UNSET is not set"), "{unset:?}");
    assert!(errors(&endpoint(json!({"type": "tcp", "port": "8080"})))[0].contains("write it without quotes"));
    assert!(errors(&endpoint(json!({"type": "tcp", "port": 80, "shared": "${PORT}"}))).len() == 1);
}

#[test]
fn a_login_whose_secret_is_in_a_variable_that_is_not_set_is_left_out_with_a_warning() {
    let secrets = |value: &str| {
        let auth = json!({"ticket": {"type": "static", "principals": {"joe": {"ticket": value}}},
            "wampcra": {"type": "static", "users": {"joe": {"secret": value}}}});
        read(&json!({"workers": [{"type": "router", "transports": [
            {"type": "websocket", "auth": auth, "endpoint": {"type": "tcp", "port": 1}}]}]}))
    };
    let unset = secrets("${UNSET}");
    assert!(unset.can_start(), "{:?}", unset.diagnostics);
    let warned: Vec<_> = unset.of(Severity::Warning).map(|found| found.message.as_str()).collect();
    let wanted = "the environment variable UNSET is not set; set it; until then nobody logs in by it";
    assert_eq!(warned, [wanted, wanted]);
    assert_eq!(secrets("${HOME}").of(Severity::Warning).count(), 0);
    assert_eq!(secrets("${UNSET:-default}").of(Severity::Warning).count(), 0);
}

#[test]
fn unix_paths_are_absolute_with_variables_expanded() {
    let ListeningEndpoint::Unix(unix) = listening(json!({"type": "unix", "path": "../run/a$-${HOME}x.sock"}))
    else {
        panic!()
    };
    assert_eq!(unix.path.to_str(), Some("/node/.jackfield/../run/a$-/home/userx.sock"));
}

#[test]
fn the_interface_and_the_version_agree() {
    assert_eq!(tcp(json!({"type": "tcp", "port": 80, "host": " ::1 "})).interface, "::1");
    assert_eq!(tcp(json!({"type": "tcp", "port": 80, "version": 6})).version, Some(IpVersion::V6));
    assert!(
        errors(&endpoint(json!({"type": "tcp", "port": 80, "version": 4, "interface": "::1"})))[0]
            .contains("contradicts")
    );
    assert!(
        errors(&endpoint(json!({"type": "tcp", "port": 80, "host": "a", "interface": "b"})))[0]
            .contains("keep one")
    );
}

#[test]
fn twisted_strings_are_read_as_what_they_name() {
    let named = tcp(json!({"type": "twisted", "server_string": "tcp:8080:interface=\\:\\:1:backlog=9"}));
    assert_eq!((named.port, named.interface.as_str(), named.backlog), (ListenPort::Port(8080), "::1", 9));
    assert_eq!(tcp(json!({"type": "twisted", "server_string": "tcp6:port=80"})).version, Some(IpVersion::V6));
    assert!(matches!(
        listening(json!({"type": "twisted", "server_string": "unix:/a:mode=660"})),
        ListeningEndpoint::Unix(_)
    ));
    let wrong = errors(&endpoint(json!({"type": "twisted", "server_string": "tcp:99999"})));
    assert!(wrong[0].contains("found 99999"), "{wrong:?}");
    for nonsense in ["", "nope:1", "tcp:1:2", "unix:/a:wanted=yes", "systemd:1"] {
        let wrong = errors(&endpoint(json!({"type": "twisted", "server_string": nonsense})));
        assert_eq!(wrong.len(), 1, "{nonsense}: {wrong:?}");
    }
    let relay = |string: &str| {
        transport(json!({"type": "stream.relay", "endpoint": {"type": "tcp", "port": 1},
            "backends": [{"type": "twisted", "client_string": string}]}))
    };
    assert!(read(&relay("tcp:host=h:port=80:timeout=3")).can_start());
    assert!(read(&relay("tls:h:443")).is_valid());
    assert!(!read(&relay("systemd:domain=INET")).is_valid());
}

#[test]
fn two_cannot_listen_on_one_address() {
    let two = |first: Value, second: Value| {
        json!({"workers": [
            {"type": "router", "transports": [{"type": "stream.testee", "endpoint": first}]},
            {"type": "router", "transports": [{"type": "stream.testee", "endpoint": second}]},
        ]})
    };
    let tcp = |port: u16, more: Value| {
        let mut endpoint = json!({"type": "tcp", "port": port});
        endpoint.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        endpoint
    };
    let wrong = errors(&two(tcp(80, json!({})), tcp(80, json!({"interface": "127.0.0.1", "shared": true}))));
    assert_eq!(
        wrong,
        [
            "workers[1].transports[0].endpoint: workers[0].transports[0].endpoint listens there already, in line 1; \
          choose another, or set \"shared\": true on both"
        ]
    );
    assert_eq!(errors(&two(tcp(80, json!({"shared": true})), tcp(80, json!({"shared": true})))).len(), 0);
    assert_eq!(errors(&two(tcp(80, json!({})), tcp(81, json!({})))).len(), 0);
    assert_eq!(
        errors(&two(tcp(80, json!({"interface": "::1"})), tcp(80, json!({"interface": "127.0.0.1"})))).len(),
        0
    );
    let unix = json!({"type": "unix", "path": "s"});
    assert_eq!(errors(&two(unix.clone(), unix)).len(), 1);
}

#[test]
fn ids_are_unique_and_numbered_where_absent() {
    let listen = |id: Option<&str>, port: u16| {
        let mut transport = json!({"type": "stream.testee", "endpoint": {"type": "tcp", "port": port}});
        if let Some(id) = id {
            transport["id"] = json!(id);
        }
        transport
    };
    let same = json!({"workers": [
        {"type": "router", "id": "one", "transports": [listen(Some("abc"), 1), listen(Some("abc"), 2)]},
        {"type": "router", "id": "one"},
        {"type": "router", "id": "two", "transports": [listen(Some("abc"), 3)]},
    ]});
    let wrong = errors(&same);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(
        wrong
            .iter()
            .any(|error| error.starts_with("workers[0].transports[1].id: the id \"abc\" is given twice"))
    );
    assert!(wrong.iter().any(|error| error.starts_with("workers[1].id: the id \"one\" is given twice")));
    let node = read(&json!({"workers": [
        {"type": "router", "transports": [listen(None, 1), listen(Some("transport002"), 2), listen(None, 3)]},
        {"type": "router", "id": "worker003"}, {"type": "router"}, {"type": "router"},
    ]}));
    let node = node.node.unwrap();
    let names: Vec<&str> = node.workers.iter().map(|worker| worker.id.as_str()).collect();
    assert_eq!(names, ["worker001", "worker003", "worker002", "worker004"]);
    let names: Vec<&str> =
        node.workers[0].transports().iter().map(|transport| transport.id.as_str()).collect();
    assert_eq!(names, ["transport001", "transport002", "transport003"]);
}

#[test]
fn secrets_are_never_shown() {
    let text = r#"{"workers": [{"type": "router", "transports": [{"type": "websocket", "endpoint": {"type": "tcp", "port": 1},
"auth": {"ticket": {"type": "static", "principals": {
"joe": {"rol": "x",
  "ticket": "hunter2"},
"ann": {"rol": 1, "ticket": 4711}, "bob": {"ticket": "hunter3", "roles": 1}
}}}}]}]}"#;
    let loaded = parse(text, Format::Json, "config.json", Path::new("/"), &|_| None);
    let said: String = loaded.diagnostics.iter().map(|found| found.render(text)).collect();
    assert!(!said.contains("hunter") && !said.contains("4711"), "{said}");
    assert!(said.contains("principals.ann.ticket: found a number, expected a string"), "{said}");
    let broken = text.replace("\"hunter2\"}", "\"hunter2\"");
    let loaded = parse(&broken, Format::Json, "config.json", Path::new("/"), &|_| None);
    assert!(!loaded.diagnostics[0].render(&broken).contains("hunter"));
    assert_eq!(format!("{:?}", Secret("hunter2".into())), "Secret(…)");
}

#[test]
fn limits_of_an_endpoint_are_the_transports() {
    let limited = read(&endpoint(json!({"type": "tcp", "port": 1, "max_connections": 5})));
    assert_eq!(limited.node.unwrap().workers[0].transports()[0].max_connections, 5);
    let absent = read(&endpoint(json!({"type": "tcp", "port": 1})));
    assert_eq!(absent.node.unwrap().workers[0].transports()[0].max_connections, DEFAULT_MAX_CONNECTIONS);
}

#[test]
fn a_disabled_worker_is_checked_and_may_hold_what_is_not_built() {
    let guest = |disabled: Value| {
        json!({"workers": [{"type": "router", "options": {"disabled": disabled},
        "transports": [{"type": "flashpolicy", "endpoint": {"type": "tcp", "port": 1}}]}]})
    };
    assert!(read(&guest(json!(true))).can_start());
    assert!(read(&guest(json!("${HOME}"))).can_start());
    assert!(!read(&guest(json!("${UNSET}"))).can_start());
    assert!(!read(&guest(json!(""))).can_start());
}

#[test]
fn what_has_no_effect_is_said_to() {
    let loaded =
        read(&json!({"workers": [{"type": "router", "options": {"python": "/usr/bin/python3", "extra": 1},
        "realms": [{"name": "realm1", "roles": [], "extra": 1}]}]}));
    assert!(loaded.can_start());
    let warnings: Vec<String> = loaded.of(Severity::Warning).map(|found| found.path.clone()).collect();
    assert_eq!(warnings, ["workers[0].options.extra", "workers[0].realms", "workers[0].realms[0].extra"]);
}

#[test]
fn what_crossbar_io_checks_and_never_uses_is_said_to_have_no_effect() {
    let component =
        json!({"type": "class", "classname": "a.B", "realm": "r", "references": ["connection:c"]});
    let loaded = read(&json!({"controller": {"keyring": {"type": "file", "path": "k"}},
        "workers": [{"type": "router", "connections": [{"id": "c"}], "components": [component]}]}));
    assert!(loaded.can_start(), "{:?}", loaded.diagnostics);
    let warned: Vec<_> = loaded.of(Severity::Warning).map(|found| found.path.as_str()).collect();
    let wanted = ["controller.keyring", "workers[0].connections", "workers[0].components[0].references"];
    assert!(wanted.iter().all(|path| warned.contains(path)), "{warned:?}");
}

#[test]
fn no_configuration_at_all_is_the_built_in_node() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("find");
    std::fs::create_dir_all(&dir).unwrap();
    for file in ["config.json", "config.yaml"] {
        let _ = std::fs::remove_file(dir.join(file));
    }
    assert_eq!(find(&dir, None), None);
    std::fs::write(dir.join("config.json"), b"{\"workers\": []}").unwrap();
    assert_eq!(find(&dir, None), Some(dir.join("config.json")));
    std::fs::write(dir.join("config.yaml"), b"workers: []\nbad: \xff\n").unwrap();
    assert_eq!(find(&dir, None), Some(dir.join("config.yaml")));
    assert_eq!(find(&dir, Some(Path::new("other.json"))), Some(dir.join("other.json")));
    assert!(load(&dir.join("config.json"), &dir, &|_| None).is_valid());
    let bytes = load(&dir.join("config.yaml"), &dir, &|_| None);
    assert_eq!((bytes.diagnostics[0].line, bytes.diagnostics[0].column), (2, 6));
    assert!(load(&dir.join("other.json"), &dir, &|_| None).diagnostics[0].message.contains("cannot be read"));
}

#[test]
fn where_wamp_is_spoken_dead_clients_are_found_by_the_kernel_unless_it_says_otherwise() {
    let of = |kind: Value, endpoint: Value| {
        let mut whole = kind;
        whole["endpoint"] = json!({"type": "tcp", "port": 1});
        for (key, value) in endpoint.as_object().unwrap() {
            whole["endpoint"][key] = value.clone();
        }
        let loaded = read(&transport(whole));
        let node = loaded.node.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let ListeningEndpoint::Tcp(tcp) = node.workers[0].transports()[0].endpoint.clone() else { panic!() };
        (tcp.keepalive.map(|time| time.as_secs()), tcp.user_timeout.map(|time| time.as_millis()))
    };
    let wamp = json!({"type": "rawsocket"});
    assert_eq!(of(wamp.clone(), json!({})), (Some(30), Some(60000)));
    assert_eq!(of(wamp, json!({"keepalive": 0, "user_timeout": 0})), (Some(0), Some(0)));
    for kind in [
        json!({"type": "universal", "websocket": {"ws": {"type": "websocket"}}}),
        json!({"type": "web", "paths": {"/": {"type": "path", "paths": {"lp": {"type": "longpoll"}}}}}),
        json!({"type": "mqtt", "options": {"realm": "realm1"}}),
    ] {
        assert_eq!(of(kind.clone(), json!({})), (Some(30), Some(60000)), "{kind}");
    }
    for kind in [json!({"type": "stream.testee"}), json!({"type": "web", "paths": {"/": {"type": "none"}}})] {
        assert_eq!(of(kind.clone(), json!({})), (None, None), "{kind}");
    }
}

/// A router with so many processes and these realms, spread over so many.
fn spread(processes: Value, realm_processes: Value, realms: &[&str]) -> Value {
    let realms: Vec<_> = realms.iter().map(|name| json!({"name": name, "roles": []})).collect();
    json!({"workers": [{"type": "router", "processes": processes, "realm_processes": realm_processes, "realms": realms,
        "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8080}}]}]})
}

#[test]
fn realms_are_spread_over_processes_that_there_are() {
    let one = "workers[0].realm_processes: found 2, expected 1: one process has the clients and all realms of this worker; \
               to spread the realms write \"processes\": 2 or more, too";
    let warnings = |config: &Value| -> Vec<_> {
        read(config).of(Severity::Warning).map(|warning| warning.message.clone()).collect()
    };
    for (config, expected, warned) in [
        (spread(json!(1), json!(2), &["aaa", "bbb"]), Some(one), None),
        (spread(json!(2), json!(2), &["aaa", "bbb"]), None, None),
        (spread(json!("auto"), json!(2), &["aaa", "bbb"]), None, None),
        (spread(json!(1), json!(1), &[]), None, None),
        (
            spread(json!(2), json!(3), &["aaa", "bbb"]),
            None,
            Some("found 3, and 2 realms: there will be as many processes as realms"),
        ),
    ] {
        assert_eq!(errors(&config), expected.into_iter().collect::<Vec<_>>(), "{config}");
        assert_eq!(warnings(&config), warned.into_iter().collect::<Vec<_>>(), "{config}");
    }
}

#[test]
fn realms_take_turns_and_one_that_is_added_moves_none() {
    let of = |realm_processes: u16, realms: &[&str]| {
        let config = spread(json!(2), json!(realm_processes), realms);
        let node = read(&config).node.unwrap();
        let WorkerKind::Router(router) = &node.workers[0].kind else { panic!("no router") };
        let names = |process| router.realms_of(process).map(|realm| realm.name.clone().unwrap()).collect();
        (0..router.realm_processes()).map(names).collect::<Vec<Vec<_>>>()
    };
    assert_eq!(of(1, &["aaa", "bbb", "ccc"]), [["aaa", "bbb", "ccc"]]);
    assert_eq!(of(2, &["aaa", "bbb", "ccc"]), [vec!["aaa", "ccc"], vec!["bbb"]]);
    assert_eq!(of(2, &["aaa", "bbb", "ccc", "ddd"]), [["aaa", "ccc"], ["bbb", "ddd"]]);
    assert_eq!(of(1024, &["aaa", "bbb"]), [["aaa"], ["bbb"]]);
    assert!(of(3, &[]).is_empty());
}
