//! Whose records sinks of the log are for (`workers`): whether there are such.

use super::diagnostic::{Path, Severity};
use super::log::CONTROLLER;
use super::node::Node;

/// What there is to say about sources that sinks name.
pub(super) fn review(node: &Node) -> Vec<(Severity, Path, String)> {
    // Processes of the node's own that are listed with the workers.
    let own = [CONTROLLER, "tor", "arti"];
    let known: Vec<_> = node.workers.iter().map(|worker| worker.id.as_str()).collect();
    let at = Path::default().key("controller").key("log").key("sinks");
    let mut remarks = Vec::new();
    for (index, sink) in node.controller.log.sinks.iter().enumerate() {
        let unknown = sink
            .workers()
            .iter()
            .enumerate()
            .filter(|(_, id)| !known.contains(&id.as_str()) && !own.contains(&id.as_str()));
        remarks.extend(unknown.map(|(place, id)| {
            let text = format!(
                "found {id:?}, expected \"{CONTROLLER}\" or the id of a worker: {}; no record goes there for that",
                known.join(", ")
            );
            (Severity::Warning, at.index(index).key("workers").index(place), text)
        }));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use crate::config::{Format, parse};

    #[test]
    fn a_source_that_there_is_not_is_warned_of() {
        for (ids, expected) in [
            (r#"["app", "controller", "tor"]"#, None),
            (r#"["app", "ap"]"#, Some(r#"found "ap", expected "controller" or the id of a worker: app"#)),
        ] {
            let text = format!(
                r#"{{"version": 2, "controller": {{"log": {{"sinks": [{{"type": "terminal", "workers": {ids}}}]}}}},
                    "workers": [{{"type": "router", "id": "app"}}]}}"#
            );
            let loaded = parse(&text, Format::Json, "c.json", "/".as_ref(), &|_| None);
            let said = loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(loaded.is_valid(), "{said}");
            assert_eq!(said.contains("expected \"controller\""), expected.is_some(), "{said}");
            assert!(said.contains(expected.unwrap_or_default()), "{said}");
        }
    }
}
