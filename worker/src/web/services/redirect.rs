//! The path service `redirect`.

use super::service::{Answering, Service};
use crate::web::engine::answer::{Answer, failure};
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use crate::web::engine::request::host;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use jackfield_shared::config::{PLACEHOLDERS, RedirectService};
use std::rc::Rc;

/// A redirect, ready to serve.
#[derive(Debug)]
pub(crate) struct Redirect {
    status: StatusCode,
    to: To,
}

/// Where to.
#[derive(Debug)]
enum To {
    /// It is always the same.
    Fixed(HeaderValue),
    /// It has placeholders.
    Made(String),
}

impl Redirect {
    pub(crate) fn new(config: &RedirectService) -> Result<Self, String> {
        let status = StatusCode::from_u16(config.status).map_err(|e| e.to_string())?;
        let fixed = HeaderValue::from_str(&config.url)
            .map_err(|_| format!("the `url` {:?} can't stand in a header", config.url))?;
        let is_made = PLACEHOLDERS.iter().any(|placeholder| config.url.contains(placeholder));
        let to = if is_made { To::Made(config.url.clone()) } else { To::Fixed(fixed) };
        Ok(Self { status, to })
    }

    fn respond(&self, request: &Asked, rest: Rest<'_>) -> Answer {
        let location = match &self.to {
            To::Fixed(url) => Some(url.clone()),
            To::Made(url) => made(url, request, rest),
        };
        let Some(location) = location else {
            let text = "The request names no host to be redirected to.";
            return failure(request.headers(), StatusCode::BAD_REQUEST, text);
        };
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = self.status;
        response.headers_mut().insert(LOCATION, location);
        response
    }
}

/// The address with everything put in; nothing, if the request lacks what it names.
fn made(url: &str, request: &Asked, rest: Rest<'_>) -> Option<HeaderValue> {
    let mut made = String::with_capacity(url.len() + rest.as_str().len() + 32);
    let mut left = url;
    while let Some((before, after)) = left.split_once('{') {
        made.push_str(before);
        left = if let Some(after) = after.strip_prefix("host}") {
            made.push_str(Some(host(request)).filter(|host| !host.is_empty())?);
            after
        } else if let Some(after) = after.strip_prefix("path}") {
            // Two slashes in front, as browsers read them, would be another host.
            made.push('/');
            made.push_str(rest.as_str().trim_start_matches(['/', '\\']));
            after
        } else if let Some(after) = after.strip_prefix("query}") {
            if let Some(query) = request.uri().query() {
                made.push('?');
                made.push_str(query);
            }
            after
        } else {
            made.push('{');
            after
        };
    }
    made.push_str(left);
    HeaderValue::from_str(&made).or_else(|_| HeaderValue::from_bytes(made.as_bytes())).ok()
}

impl Service for Redirect {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, _: &'a Rc<Client>) -> Answering<'a> {
        Answering::Ready(self.respond(request, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;
    use hyper::header::HOST;

    #[test]
    fn what_was_asked_for_is_put_in() {
        let to = |url: &str, host: &str, target: &str, rest: &str| {
            let request = Request::builder().uri(target).header(HOST, host).body(None).unwrap();
            let redirect = Redirect::new(&RedirectService { url: url.into(), status: 308 }).unwrap();
            let answer = redirect.respond(&request, Rest::of(rest));
            let location = answer.headers().get(LOCATION);
            (answer.status().as_u16(), location.map(|l| l.to_str().unwrap().to_owned()))
        };
        for (url, host, target, rest, expected) in [
            ("https://{host}{path}{query}", "a.test:8080", "/x/y?a=1&b", "/x/y", "https://a.test/x/y?a=1&b"),
            ("https://{host}:8443{path}{query}", "[::1]:80", "/", "/", "https://[::1]:8443/"),
            ("/new{path}", "a", "/old/x?q", "/x", "/new/x"),
            ("/new{path}", "a", "/old", "", "/new/"),
            ("{path}", "a", "//evil.test/x", "//evil.test/x", "/evil.test/x"),
            ("{path}", "a", "/\\evil.test", "/\\evil.test", "/evil.test"),
            ("/{odd}{query}", "a", "/?", "/", "/{odd}?"),
            ("/fixed", "a", "/x?q", "/x", "/fixed"),
        ] {
            assert_eq!(to(url, host, target, rest), (308, Some(expected.to_owned())), "{url} {target}");
        }
        assert_eq!(to("https://{host}/", "", "/", "/"), (400, None));
    }
}
