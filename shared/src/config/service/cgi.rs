//! Programs run for each request.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::serves::{Files, Serves};

object! {
    /// Programs run for each request (CGI/1.1, RFC 3875).
    pub struct CgiService as "a CGI service" {
        /// The directory of the scripts, relative to the node directory. Nothing outside of it is run.
        pub directory as "directory": PathBuf = directory(), required;
        /// The program that runs them, as `PROCESSOR SCRIPT`: a full path, or a name that is looked for in PATH.
        pub processor as "processor": String = text(), required;
        /// How they are run.
        pub options as "options": CgiOptions = nested(), defaulted;
    }
    check CgiService::check;
}

impl CgiService {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if program(&self.processor, cx.env("PATH").as_deref()).is_none() {
            let message = format!("there is no program {:?} now; each request would fail", self.processor);
            cx.warn_at("processor", fields.span_of("processor"), message);
        }
    }
}

fn program(name: &str, path: Option<&str>) -> Option<PathBuf> {
    let candidates: Vec<_> = if name.contains('/') {
        vec![PathBuf::from(name)]
    } else {
        std::env::split_paths(path.unwrap_or_default()).map(|directory| directory.join(name)).collect()
    };
    candidates.into_iter().find(|file| file.is_absolute() && file.is_file())
}

object! {
    /// How scripts are run.
    pub struct CgiOptions as "options of a CGI service" {
        /// Seconds for a script's answer to begin, and for each part of it to follow, while the client sends nothing
        /// either; then the script is ended. 0: no limit.
        pub timeout as "timeout": Duration = seconds(0.1..=86400.0).or_off(), default(json!(60), Duration::from_secs(60));
        /// Scripts that run at a time, in each process of the worker; further requests wait, for `timeout` at most.
        pub max_processes as "max_processes": u16 = int(1..=1024), default(16);
        /// Variables of their environment, besides those of CGI; of the node's own they have `PATH`, `LANG` and `TZ`.
        pub env as "env": BTreeMap<String, String> = map(hidden(text())), default(json!({}), BTreeMap::new());
    }
    absent default;
}

impl Serves for CgiService {
    fn label(&self) -> Option<&'static str> {
        Some("scripts")
    }

    fn files(&self) -> Files<'_> {
        Files { read: Some(&self.directory), ..Files::default() }
    }

    fn starts_programs(&self) -> bool {
        true
    }
}
