//! Services that need nothing but their configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::super::decode::*;
use super::serves::{Files, Serves};

object! {
    /// Files of a directory, or of a Python package.
    pub struct StaticService as "a static service" {
        /// The directory, relative to the node directory.
        pub directory as "directory": Option<PathBuf> = directory(), optional;
        /// The Python package, together with `resource`.
        pub package as "package": Option<String> = text(), optional;
        /// The resource in the package.
        pub resource as "resource": Option<String> = text(), optional;
        /// How files are served.
        pub options as "options": StaticOptions = nested(), defaulted;
    }
    check StaticService::check;
}

impl StaticService {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        match (self.directory.is_some(), self.package.is_some(), self.resource.is_some()) {
            (true, false, false) | (false, true, true) => {}
            (true, _, _) => {
                let other = if self.package.is_some() { "package" } else { "resource" };
                let span = fields.span_of(other);
                cx.error_at(
                    other,
                    span,
                    "stands beside \"directory\"; a static service has the one or the other",
                );
            }
            (false, true, false) => {
                cx.error(fields.span, "the attribute \"resource\" is missing beside \"package\"")
            }
            (false, false, true) => {
                cx.error(fields.span, "the attribute \"package\" is missing beside \"resource\"")
            }
            (false, false, false) => {
                cx.error(
                    fields.span,
                    "the attribute \"directory\" is missing, expected the path of a directory",
                );
            }
        }
    }
}

/// What `cache_timeout` is for files that are no pages, in seconds.
pub const DEFAULT_CACHE_TIMEOUT: i64 = 43200;

/// How long a browser may keep a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CacheTimeout {
    /// [`DEFAULT_CACHE_TIMEOUT`]; it asks for pages each time: their addresses stay when another site is served there.
    Default,
    /// So many seconds.
    Seconds(i64),
    /// It is not told.
    Untold,
}

fn cache_timeout() -> impl Rule<Out = CacheTimeout> {
    then(nullable(int(i128::from(i64::MIN)..=i128::from(i64::MAX))), |seconds: Option<i64>, _, _| {
        Some(seconds.map_or(CacheTimeout::Untold, CacheTimeout::Seconds))
    })
}

object! {
    /// How files are served.
    pub struct StaticOptions as "options of a static service" {
        /// Lists a directory that has no `index.html`.
        pub enable_directory_listing as "enable_directory_listing": bool = boolean(), default(false);
        /// File name extension (with its point) → MIME type, before the built-in ones.
        pub mime_types as "mime_types": BTreeMap<String, String> = map(text()), default(json!({}), BTreeMap::new());
        /// Seconds a browser may keep a file without asking whether it has changed; null: it is not told. Less than 0
        /// counts as 0. Where it is absent, browsers ask for pages (HTML) each time.
        pub cache_timeout as "cache_timeout": CacheTimeout = cache_timeout(), default(json!(43200), CacheTimeout::Default);
        /// The file of the directory that is served where there is none by the path asked for; absent: the answer is
        /// 404. A directory itself is always answered by its `index.html`.
        pub default_file as "default_file": Option<String> = text(), optional;
        /// Serves `FILE.br`, `FILE.zst` or `FILE.gz` in place of `FILE` where it is there and the client takes it.
        pub precompressed as "precompressed": bool = boolean(), default(false);
    }
    absent default;
}

object! {
    /// A JSON value.
    pub struct JsonService as "a JSON service" {
        /// The value.
        pub value as "value": Json = any(), required;
        /// How it is served.
        pub options as "options": JsonOptions = nested(), defaulted;
    }
}

object! {
    /// How a JSON value is served.
    pub struct JsonOptions as "options of a JSON service" {
        /// Indented, for people.
        pub prettify as "prettify": bool = boolean(), default(false);
        /// Lets pages of any origin read it (CORS).
        pub allow_cross_origin as "allow_cross_origin": bool = boolean(), default(true);
        /// Tells browsers not to keep it.
        pub discourage_caching as "discourage_caching": bool = boolean(), default(false);
    }
    absent default;
}

object! {
    /// A redirect.
    pub struct RedirectService as "a redirect service" {
        /// Where to: a URL or a path. `{host}` in it stands for the host that was asked for, without its port; `{path}` for
        /// what follows the service's own path, with a slash in front; `{query}` for the query, with its question mark.
        pub url as "url": String = text(), required;
        /// The answer's status. 301 and 308 may be kept by browsers for ever; with 307 and 308 they send the same request
        /// again, content included.
        pub status as "status": u16 = status(), default(302);
    }
    check RedirectService::check;
}

fn status() -> impl Rule<Out = u16> {
    then(one_of(&[301, 302, 307, 308]), |status, _, _| u16::try_from(status).ok())
}

/// What stands for something in the `url` of a redirect.
pub const PLACEHOLDERS: [&str; 3] = ["{host}", "{path}", "{query}"];

impl RedirectService {
    /// Says what looks like a placeholder and is none.
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let known = PLACEHOLDERS.iter().fold(self.url.clone(), |url, known| url.replace(known, ""));
        if let Some((_, rest)) = known.split_once('{')
            && let Some((name, _)) = rest.split_once('}')
        {
            let text = format!("\"{{{name}}}\" stands for nothing; known are {}", PLACEHOLDERS.join(", "));
            cx.warn_at("url", fields.span_of("url"), text);
        }
    }
}

choice! {
    /// How node information is shown.
    pub enum NodeinfoFormat {
        /// As a page where the client asks for one, else as JSON.
        Auto = "auto",
        /// As a page.
        Html = "html",
        /// As JSON.
        Json = "json",
    }
}

object! {
    /// What the node is.
    pub struct NodeinfoService as "a nodeinfo service" {
        /// How it is shown.
        pub format as "format": NodeinfoFormat = word(), default(json!("auto"), NodeinfoFormat::Auto);
        /// Also shows the node's directory, its configuration's path, why a process ended or is not ready, what guests say
        /// of themselves, and where the log goes: what tells strangers more than they need. Without it there are
        /// addresses, states and counters.
        pub details as "details": bool = boolean(), default(false);
    }
}

object! {
    /// Whether the node serves, for probes.
    pub struct HealthService as "a health service" {
    }
}

object! {
    /// What the node has counted, for Prometheus and its like.
    pub struct MetricsService as "a metrics service" {
    }
}

object! {
    /// Nothing: answers 404.
    pub struct NoService as "no service" {
    }
}

impl Serves for StaticService {
    fn label(&self) -> Option<&'static str> {
        Some("files")
    }

    fn files(&self) -> Files<'_> {
        Files { read: self.directory.as_ref(), ..Files::default() }
    }
}

impl Serves for JsonService {
    fn label(&self) -> Option<&'static str> {
        Some("JSON")
    }
}

impl Serves for RedirectService {
    fn label(&self) -> Option<&'static str> {
        Some("redirect")
    }
}

impl Serves for NodeinfoService {
    fn label(&self) -> Option<&'static str> {
        Some(if self.format == NodeinfoFormat::Json { "node information as JSON" } else { "status page" })
    }
}

impl Serves for HealthService {
    fn label(&self) -> Option<&'static str> {
        Some("whether the node serves")
    }
}

impl Serves for MetricsService {
    fn label(&self) -> Option<&'static str> {
        Some("metrics")
    }
}

impl Serves for NoService {
    fn label(&self) -> Option<&'static str> {
        None
    }
}
