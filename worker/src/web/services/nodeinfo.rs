//! The path service `nodeinfo`: what the node is and how it is, as a page and as JSON.

use super::service::{Answering, Service};
use crate::web::engine::accept::wants_page;
use crate::web::engine::answer::{Answer, HTML, JSON, UNCACHED, content, failure, not_found, unless_reading};
use crate::web::engine::client::Client;
use crate::web::engine::pages;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
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
    async fn respond<B>(&self, request: &Request<B>, client: &Client) -> Answer {
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

impl Service for Nodeinfo {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        if rest.is_root() {
            Answering::later(self.respond(request, client))
        } else {
            Answering::Ready(not_found(request.headers()))
        }
    }
}
