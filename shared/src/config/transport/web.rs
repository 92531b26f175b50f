//! Web services.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::service::PathService;
use super::paths;

object! {
    /// Web services: as a transport, or the section of `universal`.
    pub struct Web as "a web section" {
        /// Path → what is served there. Each path is one segment; `/` serves what no other path does.
        pub paths as "paths": BTreeMap<String, PathService> = paths(nested()), required;
        /// What holds for all of them.
        pub options as "options": WebOptions = nested(), defaulted;
    }
}

object! {
    /// What holds for all web services of a transport.
    pub struct WebOptions as "web options" {
        /// Logs every request.
        pub access_log as "access_log": bool = boolean(), default(false);
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
    }
    absent default;
}
