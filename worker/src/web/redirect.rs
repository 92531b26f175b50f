//! The path service `redirect`.

use super::answer::Answer;
use super::body::Body;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use jackfield_shared::config::RedirectService;

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
    pub(crate) fn answer(&self) -> Answer {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(LOCATION, self.0.clone());
        response
    }
}
