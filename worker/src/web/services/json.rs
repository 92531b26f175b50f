//! The path service `json`.

use super::service::{Answering, Service};
use crate::web::engine::answer::{Answer, JSON, UNCACHED, content, not_found, unless_reading};
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use bytes::Bytes;
use hyper::Request;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, HeaderValue, ORIGIN, VARY,
};
use jackfield_shared::config::{JsonOptions, JsonService};
use std::rc::Rc;

/// A value, ready to serve.
#[derive(Debug)]
pub(crate) struct Json {
    text: Bytes,
    options: JsonOptions,
}

impl Json {
    pub(crate) fn new(config: &JsonService) -> Self {
        let text =
            if config.options.prettify { format!("{:#}\n", config.value) } else { config.value.to_string() };
        Self { text: text.into(), options: config.options.clone() }
    }

    fn respond<B>(&self, request: &Request<B>) -> Answer {
        let asked = request.headers();
        let mut response =
            unless_reading(request.method(), asked).unwrap_or_else(|| content(JSON, self.text.clone()));
        let headers = response.headers_mut();
        if self.options.discourage_caching {
            headers.insert(CACHE_CONTROL, UNCACHED);
        }
        if self.options.allow_cross_origin {
            // As Crossbar.io does: the page's origin is named, so that it may send credentials.
            let origin = asked.get(ORIGIN).filter(|origin| *origin != "null");
            let any = HeaderValue::from_static("*");
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(&any).clone());
            headers.insert(VARY, ORIGIN.into());
            if origin.is_some() {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        response
    }
}

impl Service for Json {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, _: &'a Rc<Client>) -> Answering<'a> {
        let answer = if rest.is_root() { self.respond(request) } else { not_found(request.headers()) };
        Answering::Ready(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{Method, StatusCode};
    use serde_json::json;

    fn service(options: JsonOptions) -> Json {
        Json::new(&JsonService { value: json!({"b": [1], "a": null}), options })
    }

    fn get(origin: Option<&'static str>) -> Request<()> {
        let mut request = Request::new(());
        if let Some(origin) = origin {
            request.headers_mut().insert(ORIGIN, HeaderValue::from_static(origin));
        }
        request
    }

    #[test]
    fn options_have_their_effects() {
        let plain = JsonOptions { prettify: false, allow_cross_origin: false, discourage_caching: false };
        let answer = service(plain.clone()).respond(&get(Some("https://a.example")));
        assert_eq!(answer.headers().len(), 1);
        assert_eq!(service(plain.clone()).text, r#"{"b":[1],"a":null}"#);

        let pretty = service(JsonOptions { prettify: true, ..plain.clone() });
        assert_eq!(pretty.text, "{\n  \"b\": [\n    1\n  ],\n  \"a\": null\n}\n");

        let answer = service(JsonOptions { discourage_caching: true, ..plain.clone() }).respond(&get(None));
        assert!(answer.headers()[CACHE_CONTROL].to_str().unwrap().contains("no-store"));

        let cross = service(JsonOptions { allow_cross_origin: true, ..plain });
        for (origin, expected) in
            [(None, "*"), (Some("null"), "*"), (Some("https://a.example"), "https://a.example")]
        {
            assert_eq!(cross.respond(&get(origin)).headers()[ACCESS_CONTROL_ALLOW_ORIGIN], expected);
        }
    }

    #[test]
    fn it_can_only_be_read() {
        let service = service(JsonOptions::default());
        let mut request = get(None);
        *request.method_mut() = Method::POST;
        assert_eq!(service.respond(&request).status(), StatusCode::METHOD_NOT_ALLOWED);
        *request.method_mut() = Method::OPTIONS;
        assert_eq!(service.respond(&request).status(), StatusCode::NO_CONTENT);
    }
}
