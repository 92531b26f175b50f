//! A configuration in several files, and `start --watch`.

use jackfield_tests::{Node, TempDir, curl, documented, jackfield, loopback, run};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

const SHOP: &str = r#"shop.example: {paths: {/: {type: redirect, url: "https://www.shop.example{path}"}}}"#;
const ECHO: &str = "workers: [{type: router, transports: [{type: stream.testee, endpoint: {type: tcp, interface: ADDR, port: 8090}}]}]";

/// The directory of the node that the documentation has.
fn directory() -> TempDir {
    let dir = TempDir::new();
    dir.write(".jackfield/sites/shop.yaml", SHOP);
    dir.write(".jackfield/sites/shop.yaml~", "what an editor leaves");
    dir
}

/// The status of the answer to a request for this host, and what it redirects to.
fn asked(node: &Node, host: &str) -> String {
    let url = format!("http://{}:8080/a", node.addr);
    curl(&["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "-H", &format!("Host: {host}"), &url])
}

#[test]
fn sites_and_workers_of_their_own_files_serve_and_change_by_reload_and_upgrade() {
    let node = Node::start_in(directory(), &documented("configuration.md", "## Several files"));
    assert_eq!(asked(&node, "shop.example"), "302 https://www.shop.example/a");
    let echo = ECHO.replace("ADDR", &node.addr.to_string());
    node.dir.write(".jackfield/workers/echo.yaml", echo);
    node.dir.write(".jackfield/sites/new.yaml", SHOP.replace("shop.", "new."));
    let said = node.run(&["reload"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(node.ready()["workers"].as_array().unwrap().len(), 2);
    assert_eq!(asked(&node, "new.example"), "302 https://www.new.example/a");
    // The next image has them as this one has read them.
    fs::remove_dir_all(node.dir.path().join(".jackfield/sites")).unwrap();
    let said = node.run(&["upgrade"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(asked(&node, "new.example"), "302 https://www.new.example/a");
    node.dir.write(".jackfield/sites/bad.yaml", "bad.example:\n  paths:\n    /: {type: redirct}\n");
    let said = node.run(&["reload"]);
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(1));
    assert!(text.contains("sites/bad.yaml:3:15: ") && text.contains("3 |     /: {type: redirct}"), "{text}");
    node.stop();
}

#[test]
fn check_says_where_a_mistake_in_an_included_file_is() {
    let dir = directory();
    dir.write(
        ".jackfield/config.yaml",
        documented("configuration.md", "## Several files").replace("ADDR", "127.0.0.1"),
    );
    assert!(run(dir.path(), &["check"]).status.success());
    dir.write(".jackfield/workers/w.yaml", "workers:\n- type: router\n  transport: []\n");
    let output = run(dir.path(), &["check", "--json"]);
    assert_eq!(output.status.code(), Some(78));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &said["diagnostics"][0];
    assert!(found["file"].as_str().unwrap().ends_with("/.jackfield/workers/w.yaml"), "{said}");
    assert_eq!(
        (&found["line"], &found["column"], &found["path"]),
        (&3.into(), &3.into(), &"workers[1].transport".into())
    );
}

#[test]
fn a_node_that_watches_reloads_by_itself_and_passes_over_mistakes() {
    let dir = directory();
    let addr = loopback();
    let config = documented("configuration.md", "## Several files").replace("ADDR", &addr.to_string());
    dir.write(".jackfield/config.yaml", config);
    let node = Node::launch(dir, addr, &["--watch"], &[]);
    node.ready();
    let generation = |wanted: u64| move |status: &serde_json::Value| status["node"]["generation"] == wanted;
    // One more file, for a pattern that was looked at before.
    node.dir.write(".jackfield/sites/new.yaml", SHOP.replace("shop.", "new."));
    node.until("the reload", generation(2));
    let (said, _) = node.log.wait(0, ": reading the configuration");
    assert!(said.ends_with("a file has changed (--watch): reading the configuration"), "{said}");
    assert_eq!(asked(&node, "new.example"), "302 https://www.new.example/a");
    // A mistake in a file that is included for the first time, which is then mended there.
    node.dir.write(".jackfield/sites/new.yaml", "new.example: {paths: {include: new/*.yaml}}");
    node.dir.write(".jackfield/new/paths.yaml", "/: {type: jason, value: 1}");
    let (_, from) = node.log.wait(0, "new/paths.yaml:1:");
    assert_eq!(asked(&node, "new.example"), "302 https://www.new.example/a");
    node.dir
        .write(".jackfield/new/paths.yaml", "/: {type: redirect, url: 'https://${file:secret}.example/'}");
    node.log.wait(from, "secret: cannot be read");
    node.dir.write(".jackfield/secret", "one\n");
    node.until("the reload", generation(3));
    // What a string is taken from, as a link that is moved.
    node.dir.write(".jackfield/other", "two\n");
    symlink("other", node.dir.path().join(".jackfield/link")).unwrap();
    fs::rename(node.dir.path().join(".jackfield/link"), node.dir.path().join(".jackfield/secret")).unwrap();
    node.until("the reload", generation(4));
    assert_eq!(asked(&node, "new.example"), "302 https://two.example/");
    // It goes on after an upgrade, and what says the same is no change.
    assert!(node.run(&["upgrade"]).status.success());
    let before = node.ready()["node"]["generation"].as_u64().unwrap();
    node.dir.write(".jackfield/other", "two\n");
    node.dir.write(".jackfield/sites/last.yaml", SHOP.replace("shop.", "last."));
    node.until("the reload", generation(before + 1));
    assert_eq!(asked(&node, "last.example"), "302 https://www.last.example/a");
    node.stop();
}

#[test]
fn a_secret_of_systemd_stands_in_the_environment_of_a_guest_and_in_no_error() {
    let dir = TempDir::new();
    dir.write("credentials/db", "hunter2\n");
    let config = r#"
workers:
  - {type: guest, executable: sh, arguments: ["-c", "echo it is $PASSWORD ${HOME:+x}; exec sleep 600"],
     options: {env: {vars: {PASSWORD: "${credential:db}!"}}}}
"#;
    dir.write(".jackfield/config.yaml", config);
    let credentials = dir.path().join("credentials").display().to_string();
    let node = Node::launch(dir, loopback(), &[], &[("CREDENTIALS_DIRECTORY", &credentials)]);
    node.log.wait(0, "it is hunter2! x");
    node.dir.write(
        ".jackfield/wrong.yaml",
        "workers: [{type: '${credential:db}'}, {type: guest, executable: sh, processes: '${credential:db}'}]",
    );
    let mut check = Command::new(jackfield());
    check.args(["check", "--config", "wrong.yaml"]).current_dir(node.dir.path());
    let output = check.env("CREDENTIALS_DIRECTORY", &credentials).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(78) && !said.contains("hunter2"), "{said}");
    node.stop();
}
