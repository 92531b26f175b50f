//! Which pages of other origins may use a path (the Fetch standard, "CORS protocol").

use super::headers::value;
use crate::web::engine::answer::Answer;
use crate::web::engine::body::Body;
use crate::web::engine::received::Asked;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Response, StatusCode};
use jackfield_shared::config;

const ANY: HeaderValue = HeaderValue::from_static("*");
/// An answer to one page is no answer to another.
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");

/// Which pages may.
#[derive(Debug)]
pub(super) struct Cors {
    /// Empty: all.
    origins: Vec<HeaderValue>,
    methods: HeaderValue,
    headers: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    credentials: bool,
    max_age: HeaderValue,
}

impl Cors {
    pub(super) fn new(config: &config::Cors) -> Result<Self, String> {
        let list = |items: &[String]| value(&items.join(", "));
        let is_open = config.origins.iter().any(|origin| origin == "*");
        let origins = config.origins.iter().filter(|_| !is_open).map(|origin| value(origin));
        let expose = Some(&config.expose).filter(|names| !names.is_empty());
        Ok(Self {
            origins: origins.collect::<Result<_, _>>()?,
            methods: list(&config.methods)?,
            headers: config.headers.as_deref().map(list).transpose()?,
            expose: expose.map(|names| list(names)).transpose()?,
            credentials: config.credentials,
            max_age: HeaderValue::from(config.max_age.as_secs()),
        })
    }

    /// What the page that asks is told of itself, if it may.
    pub(super) fn origin(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let origin = asked.get(ORIGIN)?;
        if self.origins.is_empty() {
            Some(ANY)
        } else {
            Some(origin).filter(|o| self.origins.contains(o)).cloned()
        }
    }

    /// The answer to a browser that asks what a page may do.
    pub(super) fn preflight(&self, request: &Asked) -> Option<Answer> {
        let asked = request.headers();
        let is_preflight = request.method() == Method::OPTIONS
            && asked.contains_key(ORIGIN)
            && asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut answer = Response::new(Body::Empty);
        *answer.status_mut() = StatusCode::NO_CONTENT;
        if self.origin(asked).is_some() {
            let headers = answer.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
            if let Some(allowed) = self.headers.as_ref().or_else(|| asked.get(ACCESS_CONTROL_REQUEST_HEADERS))
            {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
            }
        }
        Some(answer)
    }

    /// Lets a page of this origin read an answer, whatever the service has said of that.
    pub(super) fn open(&self, headers: &mut HeaderMap, origin: Option<HeaderValue>) {
        for name in
            [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS]
        {
            headers.remove(name);
        }
        if !self.origins.is_empty() {
            headers.append(VARY, BY_ORIGIN);
        }
        let Some(origin) = origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(expose) = &self.expose {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }
}
