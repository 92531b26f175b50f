//! What `start` prints when every worker is ready: the addresses and what each answers.

use crate::sockets::Bound;
use jackfield_shared::config::{self, Answer, Transport};
use jackfield_shared::ipc::NodeInfo;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr as _;

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
        let width = answers.iter().map(|(address, _)| address.width()).max().unwrap_or(0);
        let _ = writeln!(text, "\n  {address}  {}", headline(transport));
        for (address, what) in answers {
            let padding = " ".repeat(width - address.width());
            let _ = writeln!(text, "    {address}{padding}  {what}");
        }
    }
    if is_builtin {
        text += "\nThis is the built-in node, because there is no configuration. \
                 `jackfield init` writes one of your own.\n";
    }
    text
}

fn headline(transport: &Transport) -> String {
    let (name, kind) = (transport.kind.name(), transport.kind.kind());
    // What has no URL says in the same line what it is.
    match kind.answers().iter().any(|answer| answer.scheme.is_some()) {
        true => name.to_owned(),
        false => format!("{name}: {}", kind.label()),
    }
}

/// URLs under which something answers, and what it is.
fn answers(transport: &Transport, address: &str) -> Vec<(String, String)> {
    let urls = Urls { authority: address.strip_prefix("tcp://").map(reachable), tls: transport.has_tls() };
    let answers = transport.kind.kind().answers().into_iter();
    let url =
        |answer: Answer| Some((urls.to(answer.scheme?, answer.path.as_deref().unwrap_or("/")), answer.what));
    answers.filter_map(url).collect()
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
    use jackfield_tests::TempDir;

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
