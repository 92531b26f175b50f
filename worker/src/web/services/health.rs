//! The path service `health`: whether the node serves, for probes. The process knows it; nobody is asked.

use super::service::{Answering, Service};
use crate::web::engine::answer::{Answer, TEXT, UNCACHED, content, not_found, unless_reading};
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use jackfield_shared::status::NodeState;
use std::rc::Rc;

/// The service.
#[derive(Debug)]
pub(crate) struct Health;

/// What a probe asks by this path; nothing, if it is none.
fn probe(rest: Rest<'_>, node: NodeState) -> Option<NodeState> {
    let asked = match rest.split() {
        None if rest.is_root() => "ready".into(),
        Some((asked, rest)) if rest.is_root() => asked,
        _ => return None,
    };
    match &*asked {
        "live" => Some(NodeState::Ready),
        "ready" => Some(node),
        _ => None,
    }
}

fn respond(node: NodeState) -> Answer {
    let mut answer = content(TEXT, format!("{node}\n"));
    if node != NodeState::Ready {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    answer.headers_mut().insert(CACHE_CONTROL, UNCACHED);
    answer
}

impl Service for Health {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        let asked = request.headers();
        Answering::Ready(match probe(rest, client.context.controller.node_state()) {
            None => not_found(asked),
            Some(node) => unless_reading(request.method(), asked).unwrap_or_else(|| respond(node)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_live_and_ready() {
        use NodeState::{Ready, Starting, Stopping};
        for (path, node, expected) in [
            ("", Ready, Some(Ready)),
            ("/", Starting, Some(Starting)),
            ("/ready", Stopping, Some(Stopping)),
            ("/ready/", Ready, Some(Ready)),
            ("/live", Starting, Some(Ready)),
            ("/live", Stopping, Some(Ready)),
            ("/live/x", Ready, None),
            ("/other", Ready, None),
            ("/%ff", Ready, None),
        ] {
            assert_eq!(probe(Rest::of(path), node), expected, "{path}");
        }
        assert_eq!(respond(Ready).status(), StatusCode::OK);
        assert_eq!(respond(Starting).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
