//! The path service `wap`: pages from templates, filled with what a WAMP procedure answers.

mod pattern;

use super::content::{Failure as ContentFailure, limit, read};
use super::query::query;
use super::service::{Answering, Service};
use crate::log::{Also, Throttle};
use crate::wamp::{Embedded, Reply, Router};
use crate::web::engine::answer::{Answer, HTML, JSON, content, failure, not_found, too_long};
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use jackfield_shared::config::{Templates, WapService};
use jackfield_wamp::{Dict, Payload, Value};
use minijinja::{AutoEscape, Environment};
use pattern::Pattern;
use serde_json::{Map, Value as Json, json};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::timeout;
use tracing::error;

/// How often failing pages are reported.
const REPORT: Duration = Duration::from_secs(1);

/// How long a procedure may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Calls that wait for their answers at a time.
const MOST: usize = 1000;

/// The service.
pub(crate) struct Wap {
    routes: Vec<Route>,
    templates: Environment<'static>,
    session: Embedded,
    failing: Throttle,
}

/// A page.
#[derive(Debug)]
struct Route {
    pattern: Pattern,
    method: Method,
    /// The procedure that is asked what stands in it.
    call: Option<String>,
    template: String,
}

impl fmt::Debug for Wap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wap").field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl Wap {
    /// Reads the templates; the error says what is wrong with one, or with a route.
    pub(crate) fn new(config: &WapService, router: Option<&Rc<Router>>) -> Result<Self, String> {
        let Templates::Directory(directory) = &config.templates else {
            return Err("the templates of a package are found by the controller".into());
        };
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_loader(minijinja::path_loader(directory));
        let mut routes = Vec::new();
        for route in &config.routes {
            let wrong = |e: &dyn fmt::Display| format!("route \"{}\": {e}", route.path);
            let pattern = Pattern::new(&route.path).map_err(|e| wrong(&e))?;
            let method = match route.method.as_str() {
                "GET" => Method::GET,
                "POST" => Method::POST,
                other => return Err(wrong(&format!("the method \"{other}\" is neither GET nor POST"))),
            };
            if let Err(e) = templates.get_template(&route.render) {
                return Err(wrong(&format!("template \"{}\" in {}: {e}", route.render, directory.display())));
            }
            let (call, template) = (route.call.clone(), route.render.clone());
            routes.push(Route { pattern, method, call, template });
        }
        let session = Embedded::new(router, &config.wamp.realm, &config.wamp.authrole, "wap", MOST)?;
        Ok(Self { routes, templates, session, failing: Throttle::new(REPORT) })
    }

    async fn respond(&self, request: &mut Asked, rest: Rest<'_>, client: &Client) -> Answer {
        let method = match *request.method() {
            Method::HEAD => Method::GET,
            ref other => other.clone(),
        };
        let mut found =
            self.routes.iter().filter_map(|route| Some((route, route.pattern.values(rest.as_str())?)));
        let (mut any, mut chosen) = (false, None);
        for (route, values) in found.by_ref() {
            any = true;
            if route.method == method {
                chosen = Some((route, values));
                break;
            }
        }
        let Some((route, mut values)) = chosen else {
            if any {
                let text = "The page at this address is asked for by another method.";
                return failure(request.headers(), StatusCode::METHOD_NOT_ALLOWED, text);
            }
            return not_found(request.headers());
        };
        for (name, value) in query(request.uri().query().unwrap_or_default()) {
            values.0.retain(|(other, _)| *other != name);
            values = values.with(&name, value.as_str());
        }
        if method == Method::POST {
            let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            let kind = kind.unwrap_or("application/octet-stream").to_owned();
            let longest = limit([0, client.options.max_body_size]);
            match read(request, longest).await {
                Ok(data) if data.is_empty() => {}
                Ok(data) => {
                    values = values.with("data", Value::Bin(data.to_vec())).with("data_type", kind.as_str())
                }
                Err(ContentFailure::TooLong(limit)) => return too_long(request.headers(), limit),
                Err(ContentFailure::Fault(fault)) => {
                    return fault.answer(request.headers(), request.version());
                }
            }
        }
        let wants_json = request.headers().get(ACCEPT).is_some_and(|accept| accept == "application/json");
        match self.page(route, values, wants_json).await {
            Ok(answer) => answer,
            Err(reason) => {
                if let Some(more) = self.failing.pass() {
                    error!("{}: wap: {}: {reason}{}", client.peer, route.template, Also(more));
                }
                if wants_json {
                    // What a procedure or a template says is for the operator.
                    let text = "what this page shows can't be had; the node's log says why";
                    let mut answer = content(JSON, json!({"error": text}).to_string());
                    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    return answer;
                }
                let text = "What this page shows can't be had; the node's log says why.";
                failure(request.headers(), StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        }
    }

    /// Asks the procedure, and fills the template with what it answers.
    async fn page(&self, route: &Route, values: Dict, wants_json: bool) -> Result<Answer, String> {
        let result = match &route.call {
            None => Json::Object(Map::new()),
            Some(procedure) => self.result(procedure, values).await?,
        };
        if wants_json {
            return Ok(content(JSON, result.to_string()));
        }
        let template = self.templates.get_template(&route.template).map_err(|e| e.to_string())?;
        let text = template.render(&result).map_err(|e| format!("{e:#}"))?;
        Ok(content(HTML, text))
    }

    /// The procedure's result: its only argument, or its keyword arguments.
    async fn result(&self, procedure: &str, values: Dict) -> Result<Json, String> {
        let call = self.session.call(procedure.to_owned(), Dict::new(), Payload::of(Vec::new(), values));
        let reply = timeout(TIMEOUT, call)
            .await
            .map_err(|_| format!("{procedure} has not answered within {} s", TIMEOUT.as_secs()))?
            .map_err(|failure| failure.to_string())?;
        let (args, kwargs) = match reply {
            Reply::Result(payload) => payload.to_json(),
            Reply::Error(error, payload) => {
                let args = payload.to_json().0.unwrap_or_default();
                return Err(format!("{procedure}: {error} {args}"));
            }
            Reply::Published(_) => (None, None),
        };
        let json = |text: Option<String>| text.and_then(|text| serde_json::from_str::<Json>(&text).ok());
        let first = json(args).and_then(|args| args.get(0).cloned());
        let named = json(kwargs).filter(|kwargs| kwargs.as_object().is_some_and(|kwargs| !kwargs.is_empty()));
        Ok(first.or(named).unwrap_or_else(|| Json::Object(Map::new())))
    }
}

impl Service for Wap {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::later(self.respond(request, rest, client))
    }
}
