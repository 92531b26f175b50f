//! The key files of onion services, and what is said where no tor is.

use super::daemon::config;
use super::{ADDR, endpoint, is, start, stopped};
use jackfield_tests::{TempDir, curl, run};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A control socket that is none.
const NOBODY: &str = "/nowhere/control";

#[test]
fn no_tor_degrades_onion_endpoints_only() {
    let node = start(TempDir::new(), &config(Path::new(NOBODY), &json!({})));
    node.log.wait(0, "no tor daemon answers: unix:/nowhere/control: No such file or directory");
    assert_eq!(curl(&[&format!("http://{}:8080/", node.addr)]), "\"plain\"");
    let status = node.until("degraded", |s| is(s, "hidden", "degraded"));
    assert!(endpoint(&status, "hidden")["onion"].as_str().unwrap().ends_with(".onion:80"), "known before");
    node.stop();
}

#[test]
fn bad_keys_are_refused_at_the_start() {
    let config = config(Path::new(NOBODY), &json!({})).replace("ADDR", &ADDR.to_string());
    let cases: [(&[u8], &str); 4] = [
        (b"garbage\n", "does not hold a key of an onion service"),
        (b"", "is empty"),
        (b"RSA1024:MIICXQIBAAKBgQ", "version 2 service"),
        (b"ED25519-V3:AAAA", "holds a key that is damaged"),
    ];
    for (bytes, expected) in cases {
        let dir = TempDir::new();
        let path = dir.write(".jackfield/hidden.key", bytes);
        dir.write(".jackfield/config.json", &config);
        let output = run(dir.path(), &["start"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(
            text.contains(expected) && text.contains("hidden.key") && text.contains("config.json:"),
            "{text}"
        );
        assert_eq!(fs::read(&path).unwrap(), bytes, "the file stays as it is");
    }
    let dir = TempDir::new();
    fs::create_dir_all(dir.path().join(".jackfield/hidden.key")).unwrap();
    dir.write(".jackfield/config.json", &config);
    let output = run(dir.path(), &["start"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("the key can't be read"));
}

#[test]
fn a_key_that_others_can_read_is_warned_of() {
    let dir = stopped(start(TempDir::new(), &config(Path::new(NOBODY), &json!({}))));
    let key = ".jackfield/hidden.key";
    fs::set_permissions(dir.path().join(key), fs::Permissions::from_mode(0o644)).unwrap();
    let node = start(dir, &config(Path::new(NOBODY), &json!({})));
    node.log.wait(0, "others may read or change this key (mode 0644)");
    let dir = stopped(node);
    let said = String::from_utf8(run(dir.path(), &["check"]).stderr).unwrap();
    assert!(said.contains("others may read or change this key") && said.contains("config.json:"), "{said}");
    fs::write(dir.path().join(key), "garbage").unwrap();
    let output = run(dir.path(), &["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("does not hold a key of an onion service"), "{said}");
}
