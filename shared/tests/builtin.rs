//! The built-in node.

use std::path::Path;

use jackfield_shared::config::{Format, Processes, TransportKind, builtin, parse};

#[test]
fn is_valid_and_can_be_started() {
    let loaded = parse(builtin(), Format::Json, "built-in", Path::new("/"), &|_| None);
    assert_eq!(loaded.diagnostics, []);
    assert!(loaded.can_start());
    let node = loaded.node.unwrap();
    assert_eq!(node.workers[0].id, "worker001");
    // So that its clients outlive the process with its realm.
    assert_eq!(node.workers[0].common.processes, Processes::Count(2));
    let transport = &node.workers[0].transports()[0];
    assert_eq!(transport.id, "transport001");
    assert!(matches!(&transport.kind, TransportKind::Universal(universal) if universal.web.is_some()));
    let wire = serde_json::to_string(&node).unwrap();
    assert_eq!(serde_json::from_str::<jackfield_shared::config::Node>(&wire).unwrap(), node);
}
