//! Files that cookies are kept in: each is written by one worker.

use super::diagnostic::{Path, Severity};
use super::node::Node;
use super::service::PathService;
use super::transport::{Transport, TransportKind, WebsocketPath};
use super::wamp::{Cookie, CookieStore};
use std::collections::BTreeMap;

/// What there is to say about files that two workers have.
pub(super) fn review(node: &Node) -> Vec<(Severity, Path, String)> {
    let mut owners = BTreeMap::new();
    let mut remarks = Vec::new();
    for (index, worker) in node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled()) {
        for (number, transport) in worker.transports().iter().enumerate() {
            let at = Path::default().key("workers").index(index).key("transports").index(number);
            for (at, cookie) in cookies(transport, &at) {
                let (key, file) = match &cookie.store {
                    CookieStore::Memory(_) => continue,
                    CookieStore::File(store) => ("filename", &store.filename),
                    CookieStore::Database(store) => ("path", &store.path),
                };
                let owner = owners.entry(file).or_insert(&worker.id);
                if *owner != &worker.id {
                    let text = format!(
                        "worker {owner} keeps its cookies in {}, too; each worker needs a file of its own",
                        file.display()
                    );
                    remarks.push((Severity::Error, at.key("cookie").key("store").key(key), text));
                }
            }
        }
    }
    remarks
}

/// Every section that sets cookies, with its place.
fn cookies<'t>(transport: &'t Transport, at: &Path) -> Vec<(Path, &'t Cookie)> {
    let mut found = Vec::new();
    match &transport.kind {
        TransportKind::Websocket(section) => {
            found.extend(section.cookie.as_ref().map(|cookie| (at.clone(), cookie)));
        }
        TransportKind::Universal(universal) => {
            for (path, section) in universal.websocket.iter().flatten() {
                if let WebsocketPath::Websocket(section) = section {
                    let at = at.key("websocket").key(path);
                    found.extend(section.cookie.as_ref().map(|cookie| (at, cookie)));
                }
            }
        }
        _ => {}
    }
    for (at, service) in transport.services(at) {
        let cookie = match service {
            PathService::Websocket(section) => &section.cookie,
            PathService::Longpoll(service) => &service.cookie,
            _ => continue,
        };
        found.extend(cookie.as_ref().map(|cookie| (at, cookie)));
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::config::{Format, parse};

    #[test]
    fn a_file_of_cookies_belongs_to_one_worker() {
        let router = |id: &str, files: [&str; 2]| {
            let store =
                |file: &str| format!(r#""cookie": {{"store": {{"type": "file", "filename": "{file}"}}}}"#);
            format!(
                r#"{{"type": "router", "id": "{id}", "transports": [
                    {{"type": "websocket", "endpoint": {{"type": "unix", "path": "{id}1"}}, {}}},
                    {{"type": "web", "endpoint": {{"type": "unix", "path": "{id}2"}}, "paths": {{"ws": {{"type": "websocket", {}}}}}}}]}}"#,
                store(files[0]),
                store(files[1])
            )
        };
        for (files, fine) in [(["b", "b"], true), (["b", "a"], false)] {
            let text = format!(
                r#"{{"version": 2, "workers": [{}, {}]}}"#,
                router("one", ["a", "a"]),
                router("two", files)
            );
            let loaded = parse(&text, Format::Json, "c.json", "/".as_ref(), &|_| None);
            let said = loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert_eq!(loaded.is_valid(), fine, "{said}");
            assert!(fine || said.contains("worker one keeps its cookies in /a, too"), "{said}");
        }
    }
}
