//! Python in a node: components beside routers and in containers, authenticators, web services. The node directories are
//! in `tests/nodes`, each with what it is expected to do; the clients are Autobahn's.

mod directories;
mod examples;
mod faults;
mod life;
mod tls;
mod upgrade;

use jackfield_tests::{Node, TempDir, loopback, venv_python};
use std::fs;
use std::path::Path;

/// Starts a node in a copy of a directory of `tests/nodes`.
fn launch(name: &str) -> Node {
    let dir = TempDir::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("nodes").join(name), dir.path());
    start(dir)
}

/// Starts a node whose directory is `.crossbar` in this one, with the tests' Python; does not wait.
fn start(dir: TempDir) -> Node {
    let addr = loopback();
    let environment = venv_python().parent().and_then(Path::parent).unwrap().to_owned();
    let env = [("ADDR", addr.to_string()), ("VIRTUAL_ENV", environment.to_string_lossy().into_owned())];
    Node::launch(dir, addr, &[], &env.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// A router with a realm in which everybody may do everything, on port 8080, and these components.
fn router(components: &str) -> String {
    format!(
        r#"{{"type": "router", "options": {{"pythonpath": [".."]}},
            "realms": [{{"name": "realm1", "roles": [{{"name": "anonymous", "permissions": [
                {{"uri": "*", "allow": {{"call": true, "register": true, "publish": true, "subscribe": true}}}}]}}]}}],
            "transports": [{{"type": "websocket", "endpoint": {{"type": "tcp", "interface": "${{ADDR}}", "port": 8080}}}}],
            "components": [{components}]}}"#
    )
}

/// A node directory with this program, and these workers.
fn directory(program: &str, workers: &str) -> TempDir {
    let dir = TempDir::new();
    dir.write("app.py", program);
    dir.write(".crossbar/config.json", format!(r#"{{"version": 2, "workers": [{workers}]}}"#));
    dir
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
