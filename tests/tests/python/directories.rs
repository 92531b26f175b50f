//! Every node directory of `tests/nodes` does what its `expect.json` says.

use super::launch;
use jackfield_tests::python;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn does_as_expected(name: &str) {
    let name = name.replace('_', "-");
    let node = launch(&name);
    let address = node.addr.to_string();
    let text = fs::read_to_string(node.dir.path().join("expect.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let state = |worker: &Value| {
        let wanted = expected["states"].get(worker["id"].as_str().unwrap()).and_then(Value::as_str);
        worker["state"] == wanted.unwrap_or("ready")
    };
    node.until("every worker as expected", |status| {
        let workers = status["workers"].as_array().unwrap();
        assert!(workers.iter().all(|worker| worker["state"] != "failed"), "{:#?}", node.log.all());
        workers.iter().all(state)
    });
    let wait = |key: &str| {
        for line in expected[key].as_array().into_iter().flatten() {
            node.log.wait(0, line.as_str().unwrap());
        }
    };
    wait("before");
    let said = python("node_check.py", &[node.dir.path().to_str().unwrap(), &address]);
    assert_eq!(said.trim_end(), "ok", "{name}");
    wait("log");
    node.stop();
}

macro_rules! directories {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                does_as_expected(stringify!($name));
            }
        )*

        #[test]
        fn each_of_them_has_a_test() {
            let nodes = Path::new(env!("CARGO_MANIFEST_DIR")).join("nodes");
            let there: BTreeSet<_> = fs::read_dir(nodes)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace('-', "_"))
                .collect();
            assert_eq!(there, BTreeSet::from([$(stringify!($name).to_owned()),*]));
        }
    };
}

directories! {
    auth_anonymous_dynamic
    auth_ticket_container
    auth_ticket_dynamic
    auth_ticket_function
    auth_wampcra_unset
    authorizer_container
    authorizer_dynamic
    container_asyncio
    container_asyncio_unix
    container_busy
    container_functions
    container_restart
    container_shared
    container_shutdown
    container_twisted
    container_unix
    container_wampcra
    proxy_container
    resource
    router_asyncio
    router_class
    router_extra
    router_functions
    router_permissions
    static_package
    wap
    wsgi
}
