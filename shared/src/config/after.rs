//! Which workers come after which (`after`): whether there are such, and no circle.

use super::diagnostic::{Path, Severity};
use super::node::Node;

/// What there is to say about the order of workers.
pub(super) fn review(node: &Node) -> Vec<(Severity, Path, String)> {
    let mut remarks = Vec::new();
    let known: Vec<_> = node.workers.iter().map(|worker| worker.id.as_str()).collect();
    for (index, worker) in node.workers.iter().enumerate() {
        let at = Path::default().key("workers").index(index).key("after");
        for (place, id) in worker.common.after.iter().enumerate() {
            let wrong = if !known.contains(&id.as_str()) {
                Some(format!("found {id:?}, expected the id of another worker: {}", known.join(", ")))
            } else if leads_to(node, id, &worker.id) {
                Some(format!("{id:?} comes after this worker itself, so that neither could start"))
            } else {
                None
            };
            remarks.extend(wrong.map(|text| (Severity::Error, at.index(place), text)));
        }
    }
    remarks
}

/// Whether a worker comes, directly or not, after the other.
fn leads_to<'a>(node: &'a Node, from: &'a str, to: &str) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(&at) = seen.get(next) {
        if at == to {
            return true;
        }
        next += 1;
        let worker = node.workers.iter().find(|worker| worker.id == at);
        let more = worker.into_iter().flat_map(|worker| &worker.common.after).map(String::as_str);
        let new: Vec<_> = more.filter(|id| !seen.contains(id)).collect();
        seen.extend(new);
    }
    false
}

#[cfg(test)]
mod tests {
    use crate::config::{Format, parse};

    #[test]
    fn what_does_not_exist_or_leads_round_in_circles_is_an_error() {
        for (a, b, expected) in [
            (r#"["bbb"]"#, "[]", None),
            (r#"["nobody"]"#, "[]", Some("expected the id of another worker: aaa, bbb")),
            (r#"["bbb"]"#, r#"["aaa"]"#, Some("comes after this worker itself")),
            (r#"["aaa"]"#, "[]", Some("comes after this worker itself")),
        ] {
            let text = format!(
                r#"{{"version": 2, "workers": [{{"type": "router", "id": "aaa", "after": {a}}}, {{"type": "router", "id": "bbb", "after": {b}}}]}}"#
            );
            let loaded = parse(&text, Format::Json, "c.json", "/".as_ref(), &|_| None);
            let said = loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert_eq!(loaded.is_valid(), expected.is_none(), "{said}");
            assert!(said.contains(expected.unwrap_or_default()), "{said}");
        }
    }
}
