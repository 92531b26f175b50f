//! Web services.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::include::including;
use super::super::rules::PathRules;
use super::super::service::{PathService, Serves, flat};
use super::speaks::{Answer, HTTP, Speaks};
use super::{hosts, paths};

object! {
    /// Web services: as a transport, or the section of `universal`.
    pub struct Web as "a web section" {
        /// Path → what is served there. A path is a segment, or several with slashes between them; the longest one that a
        /// request's path begins with counts. `/` serves what no other path does.
        pub paths as "paths": BTreeMap<String, PathService> = including(paths(nested())), required;
        /// Name of a host → what is served there, instead of `paths`, to those who ask for it; names that are not here, and
        /// requests without one, get `paths`. A name comes before `*.` with what follows its first label.
        pub hosts as "hosts": BTreeMap<String, Host> = including(hosts(nested())), default(json!({}), BTreeMap::new());
        /// Path → what holds there and below, whatever is served. A path may be longer than those of `paths`.
        pub rules as "rules": BTreeMap<String, PathRules> = paths(nested()), default(json!({}), BTreeMap::new());
        /// What holds for all of them.
        pub options as "options": WebOptions = nested(), defaulted;
    }
    check |web: &Self, fields: &mut Fields<'_>, cx: &mut Context<'_>| one_each(&web.paths, fields, cx);
}

object! {
    /// A host of several on one address.
    pub struct Host as "a host" {
        /// Path → what is served there, as the transport's own.
        pub paths as "paths": BTreeMap<String, PathService> = including(paths(nested())), required;
        /// Path → what holds there and below; those of the transport do not hold here.
        pub rules as "rules": BTreeMap<String, PathRules> = paths(nested()), default(json!({}), BTreeMap::new());
    }
    check |host: &Self, fields: &mut Fields<'_>, cx: &mut Context<'_>| one_each(&host.paths, fields, cx);
}

/// Finds paths that are served by two services.
fn one_each(paths: &BTreeMap<String, PathService>, fields: &Fields<'_>, cx: &mut Context<'_>) {
    let all = flat(paths);
    for path in paths.keys().filter(|path| path.contains('/') && *path != "/") {
        if all.iter().filter(|(other, _)| other == path).count() > 1 {
            let text = format!("the path \"{path}\" is also served by what stands below another one");
            cx.error_at("paths", fields.span_of("paths"), text);
        }
    }
}

impl Web {
    /// All that is served, by host (empty: every other one), with the rules of paths.
    pub fn sites(
        &self,
    ) -> impl Iterator<Item = (&str, &BTreeMap<String, PathService>, &BTreeMap<String, PathRules>)> {
        let hosts = self.hosts.iter().map(|(name, host)| (name.as_str(), &host.paths, &host.rules));
        std::iter::once(("", &self.paths, &self.rules)).chain(hosts)
    }

    /// The same, to be changed.
    pub fn sites_mut(&mut self) -> impl Iterator<Item = &mut BTreeMap<String, PathService>> {
        std::iter::once(&mut self.paths).chain(self.hosts.values_mut().map(|host| &mut host.paths))
    }
}

impl Speaks for Web {
    fn label(&self) -> String {
        "web services".into()
    }

    fn speaks_wamp(&self) -> bool {
        self.sites().any(|(_, paths, _)| paths.values().any(PathService::speaks_wamp))
    }

    fn alpn(&self) -> &'static [&'static str] {
        HTTP
    }

    fn speaks_http(&self) -> bool {
        true
    }

    fn scheme(&self) -> Option<&'static str> {
        Some("http")
    }

    fn answers(&self) -> Vec<Answer> {
        let services = self.paths.iter().map(|(path, service)| (path, service.kind()));
        let answer = |(path, kind): (&String, &dyn Serves)| {
            let what = kind.label()?.to_owned();
            Some(Answer { what, scheme: Some(kind.scheme()), path: Some(path.clone()) })
        };
        services.filter_map(answer).collect()
    }
}

choice! {
    /// How a line of the access log is written.
    pub enum AccessLogFormat {
        /// Client, request, status and bytes, as the Common Log Format has them.
        Common = "common",
        /// With referrer and user agent.
        Combined = "combined",
        /// An object, with the time that the answer took.
        Json = "json",
    }
}

object! {
    /// What holds for all web services of a transport.
    pub struct WebOptions as "web options" {
        /// Logs every request.
        pub access_log as "access_log": bool = boolean(), default(false);
        /// How.
        pub access_log_format as "access_log_format": AccessLogFormat = word(), default(json!("combined"), AccessLogFormat::Combined);
        /// The longest head of a request, in bytes.
        pub max_head_size as "max_head_size": u32 = int(8192..=1048576), default(32768);
        /// The longest content of a request, in bytes; 0: any.
        pub max_body_size as "max_body_size": u64 = int(0..=i128::from(i64::MAX)), default(0);
        /// Requests of one HTTP/2 connection that are answered at a time.
        pub max_concurrent_streams as "max_concurrent_streams": u32 = int(1..=65536), default(128);
        /// Seconds for which a client may take nothing of an answer; 0: any time.
        pub send_timeout as "send_timeout": Duration = seconds(1.0..=86400.0).or_off(), default(json!(60), Duration::from_secs(60));
        /// Seconds for which a client may send nothing of a request's content; 0: any time.
        pub body_timeout as "body_timeout": Duration = seconds(1.0..=86400.0).or_off(), default(json!(60), Duration::from_secs(60));
        /// Tells browsers to come back over TLS only (RFC 6797).
        pub hsts as "hsts": bool = boolean(), default(false);
        /// For how many seconds.
        pub hsts_max_age as "hsts_max_age": u64 = int(0..=i128::from(i64::MAX)), default(31536000);
        /// Seconds without a request after which a connection is closed; null or absent: never.
        pub client_timeout as "client_timeout": Option<Duration> = nullable(whole_seconds(1..=86400)), default(json!(null), None);
    }
    ignored {
        /// Shows Python's tracebacks to the client; there is no Python here.
        "display_tracebacks" = boolean();
        /// Logs what Twisted does with requests; `access_log` logs them, and `log_level` of the worker how they are served.
        "debug" = boolean();
    }
    absent default;
}
