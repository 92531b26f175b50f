//! What `start` prints when every worker is ready: the addresses and what each answers.

use crate::sockets::Bound;
use jackfield_shared::config::{
    self, NodeinfoFormat, PathService, RawsocketSection, Transport, TransportKind, Web, WebsocketPath,
};
use jackfield_shared::ipc::NodeInfo;
use std::fmt::Write as _;

/// The text, ended by a newline.
pub(super) fn banner(info: &NodeInfo, node: &config::Node, endpoints: &[&Bound], is_builtin: bool) -> String {
    let NodeInfo { id, pid, version, .. } = info;
    let mut text = format!("jackfield {version}: node {id} is ready (pid {pid})\n");
    for bound in endpoints {
        let worker = node.workers.iter().find(|worker| worker.id == bound.worker);
        let address = bound.onion.as_ref().map_or(bound.address.clone(), |onion| format!("tcp://{onion}"));
        let transport = worker.and_then(|w| w.transports().iter().find(|t| t.id == bound.transport));
        let Some(transport) = transport else {
            let _ = writeln!(text, "\n  {address}  guest {}, {}", bound.worker, bound.transport);
            continue;
        };
        let answers = answers(transport, &address);
        let width = answers.iter().map(|(address, _)| address.chars().count()).max().unwrap_or(0);
        let _ = writeln!(text, "\n  {address}  {}", headline(transport));
        for (address, what) in answers {
            let _ = writeln!(text, "    {address:width$}  {what}");
        }
    }
    if is_builtin {
        text += "\nThis is the built-in node, because there is no configuration. \
                 `jackfield init` writes one of your own.\n";
    }
    text
}

fn headline(transport: &Transport) -> String {
    let name = transport.kind.name();
    match &transport.kind {
        TransportKind::StreamTestee(_) => format!("{name}: sends every byte back"),
        TransportKind::StreamRelay(relay) => format!("{name} to {} backends", relay.backends.len()),
        _ => name.to_owned(),
    }
}

/// URLs under which something answers, and what it is.
fn answers(transport: &Transport, address: &str) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    let urls = Urls { authority: address.strip_prefix("tcp://").map(reachable), tls: transport.has_tls() };
    match &transport.kind {
        TransportKind::Universal(universal) => {
            if let Some(web) = &universal.web {
                web_answers(web, &urls, &mut answers);
            }
            for (path, section) in universal.websocket.iter().flatten() {
                let what = match section {
                    WebsocketPath::WebsocketTestee(_) => "WebSocket echo",
                    WebsocketPath::Websocket(_) => "WAMP over WebSocket",
                };
                answers.push((urls.to("ws", path), what.into()));
            }
            let what = match &universal.rawsocket {
                None => return answers,
                Some(RawsocketSection::RawsocketTestee(_)) => "RawSocket echo",
                Some(RawsocketSection::Rawsocket(_)) => "WAMP over RawSocket",
            };
            answers.push((urls.to("rs", "/"), what.into()));
        }
        TransportKind::Web(web) => web_answers(web, &urls, &mut answers),
        TransportKind::WebsocketTestee(_) => answers.push((urls.to("ws", "/"), "WebSocket echo".into())),
        TransportKind::RawsocketTestee(_) => answers.push((urls.to("rs", "/"), "RawSocket echo".into())),
        TransportKind::Websocket(_) => answers.push((urls.to("ws", "/"), "WAMP over WebSocket".into())),
        TransportKind::Rawsocket(_) => answers.push((urls.to("rs", "/"), "WAMP over RawSocket".into())),
        _ => {}
    }
    answers
}

fn web_answers(web: &Web, urls: &Urls<'_>, answers: &mut Vec<(String, String)>) {
    for (path, service) in &web.paths {
        let (scheme, what) = match service {
            PathService::Nodeinfo(info) if info.format == NodeinfoFormat::Json => {
                ("http", "node information as JSON")
            }
            PathService::Nodeinfo(_) => ("http", "status page"),
            PathService::Static(_) => ("http", "files"),
            PathService::Json(_) => ("http", "a JSON value"),
            PathService::Redirect(_) => ("http", "a redirect"),
            PathService::Path(_) => ("http", "more paths"),
            PathService::Archive(_) => ("http", "files of an archive"),
            PathService::Cgi(_) => ("http", "scripts"),
            PathService::Upload(_) => ("http", "file upload"),
            PathService::WebsocketTestee(_) => ("ws", "WebSocket echo"),
            PathService::Websocket(_) => ("ws", "WAMP over WebSocket"),
            // What answers nothing, or is not built and so was refused.
            _ => continue,
        };
        answers.push((urls.to(scheme, path), what.into()));
    }
}

struct Urls<'a> {
    /// Host and port; absent: the address is no TCP address.
    authority: Option<std::borrow::Cow<'a, str>>,
    tls: bool,
}

impl Urls<'_> {
    fn to(&self, scheme: &str, path: &str) -> String {
        let path = path.trim_matches('/');
        let s = if self.tls { "s" } else { "" };
        match &self.authority {
            Some(authority) => format!("{scheme}{s}://{authority}/{path}"),
            None => format!("{scheme}{s}:/{path}"),
        }
    }
}

/// An address that a client on this machine can use, where the node listens on all.
fn reachable(authority: &str) -> std::borrow::Cow<'_, str> {
    for (all, local) in [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")] {
        if let Some(port) = authority.strip_prefix(all) {
            return format!("{local}{port}").into();
        }
    }
    authority.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Configuration;
    use crate::testing::TempDir;

    #[test]
    fn the_built_in_node_says_what_it_answers() {
        let temp = TempDir::new();
        let configuration = Configuration::read(
            temp.path(),
            temp.path(),
            None,
            crate::node::Absent::BuiltIn,
            crate::supervise::review,
        );
        let node = configuration.loaded.node.unwrap();
        let found: Vec<_> = answers(&node.workers[0].transports()[0], "tcp://0.0.0.0:8080");
        let text: Vec<_> = found.iter().map(|(address, what)| format!("{address} {what}")).collect();
        assert_eq!(
            text,
            [
                "http://127.0.0.1:8080/ status page",
                "http://127.0.0.1:8080/info node information as JSON",
                "ws://127.0.0.1:8080/ws WAMP over WebSocket",
                "rs://127.0.0.1:8080/ WAMP over RawSocket",
            ]
        );
    }
}
