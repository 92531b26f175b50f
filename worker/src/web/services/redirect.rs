//! The path service `redirect`.

use super::service::{Answering, Service};
use crate::web::engine::answer::Answer;
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use jackfield_shared::config::RedirectService;
use std::rc::Rc;

/// A redirect, ready to serve.
#[derive(Debug)]
pub(crate) struct Redirect(HeaderValue);

impl Redirect {
    pub(crate) fn new(config: &RedirectService) -> Result<Self, String> {
        HeaderValue::from_str(&config.url)
            .map(Self)
            .map_err(|_| format!("the `url` {:?} can't stand in a header", config.url))
    }

    /// 302, as Crossbar.io answers.
    fn respond(&self) -> Answer {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(LOCATION, self.0.clone());
        response
    }
}

impl Service for Redirect {
    fn answer<'a>(&'a self, _: &'a mut Asked, _: Rest<'a>, _: &'a Rc<Client>) -> Answering<'a> {
        Answering::Ready(self.respond())
    }
}
