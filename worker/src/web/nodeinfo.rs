//! The path service `nodeinfo`: what the node is and how it is, as a page and as JSON.

use super::accept::wants_page;
use super::answer::{Answer, HTML, content, failure, unless_reading};
use super::connection::Client;
use super::json::{JSON, UNCACHED};
use super::pages;
use hyper::header::{ACCEPT, CACHE_CONTROL, VARY};
use hyper::{Request, StatusCode};
use jackfield_shared::config::{NodeinfoFormat, NodeinfoService};
use jackfield_shared::status::Status;
use std::rc::Rc;

/// The service.
#[derive(Debug)]
pub(crate) struct Nodeinfo {
    format: NodeinfoFormat,
    details: bool,
}

impl Nodeinfo {
    pub(crate) const fn new(config: &NodeinfoService) -> Self {
        Self { format: config.format, details: config.details }
    }

    /// Asks the controller and tells the client.
    pub(crate) async fn answer<B>(&self, request: &Request<B>, client: &Client) -> Answer {
        let asked = request.headers();
        if let Some(answer) = unless_reading(request.method(), asked) {
            return answer;
        }
        let context = &client.context;
        let mut answer = match context.controller.status().await {
            None => failure(
                asked,
                StatusCode::SERVICE_UNAVAILABLE,
                "The node's controller does not answer. What is served otherwise goes on.",
            ),
            Some(status) => {
                let status = if self.details { status } else { Rc::new(Status::clone(&status).public()) };
                let page = match self.format {
                    NodeinfoFormat::Auto => wants_page(asked),
                    NodeinfoFormat::Html => true,
                    NodeinfoFormat::Json => false,
                };
                if page {
                    content(HTML, pages::status(&status, &context.offers))
                } else {
                    match serde_json::to_vec_pretty(&*status) {
                        Ok(text) => content(JSON, text),
                        Err(e) => failure(asked, StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
                    }
                }
            }
        };
        answer.headers_mut().insert(CACHE_CONTROL, UNCACHED);
        answer.headers_mut().insert(VARY, ACCEPT.into());
        answer
    }
}
