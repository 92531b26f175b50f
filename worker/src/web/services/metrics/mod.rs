//! The path service `metrics`: what the whole node has counted, in the text format of OpenMetrics. A scrape comes to one
//! process; the numbers are those that the controller has added up for the node's status.

mod families;
mod page;

use super::service::{Answering, Service};
use crate::web::engine::answer::{Answer, UNCACHED, content, failure, not_found, unless_reading};
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use page::render;
use std::rc::Rc;

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The service.
#[derive(Debug)]
pub(crate) struct Metrics;

async fn respond(request: &Asked, client: &Client) -> Answer {
    let asked = request.headers();
    if let Some(answer) = unless_reading(request.method(), asked) {
        return answer;
    }
    let Some(status) = client.context.controller.status().await else {
        let text = "The node's controller does not answer. What is served otherwise goes on.";
        return failure(asked, StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let mut answer = match render(&status) {
        Ok(text) => content(OPENMETRICS, text),
        Err(_) => {
            let text = "The metrics could not be written.";
            failure(asked, StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    };
    answer.headers_mut().insert(CACHE_CONTROL, UNCACHED);
    answer
}

impl Service for Metrics {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        if rest.is_root() {
            Answering::later(respond(request, client))
        } else {
            Answering::Ready(not_found(request.headers()))
        }
    }
}
