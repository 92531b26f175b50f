//! Files of an archive.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::serves::{Files, Serves};

object! {
    /// More options of an archive service; Crossbar.io takes any name.
    pub struct ArchiveOptions as "options of an archive service" {
        /// The file of the archive that is served where there is none by the path asked for; absent: the answer is 404.
        pub default_file as "default_file": Option<String> = text(), optional;
        /// Seconds that fetching the archive may take.
        pub download_timeout as "download_timeout": Duration = seconds(1.0..=86400.0), default(json!(600), Duration::from_secs(600));
    }
    open true;
    absent default;
}

object! {
    /// Files of an archive (ZIP).
    pub struct ArchiveService as "an archive service" {
        /// The archive, relative to the node directory; it may be missing where `origin` says how to get it.
        pub archive as "archive": PathBuf = path(), required;
        /// Where the archive is fetched from, by `http` or `https`.
        pub origin as "origin": Option<String> = text(), optional;
        /// Fetches the archive if it is missing when the node starts or is reloaded.
        pub download as "download": bool = boolean(), default(false);
        /// Keeps files in memory once they were asked for: those of 1 MiB at most, and 64 MiB of them in each process.
        pub cache as "cache": bool = boolean(), default(false);
        /// The file served for a directory, also for the top one; absent: the answer is 404.
        pub default_object as "default_object": Option<String> = text(), optional;
        /// The directory of the archive that is served.
        pub object_prefix as "object_prefix": Option<String> = text(), optional;
        /// File name extension → MIME type.
        pub mime_types as "mime_types": BTreeMap<String, String> = map(text()), default(json!({}), BTreeMap::new());
        /// Fingerprints (SHA-256, in hexadecimal) the archive may have; with none it may be any.
        pub hashes as "hashes": Vec<String> = list(text()), default(json!([]), Vec::new());
        /// More options.
        pub options as "options": ArchiveOptions = nested(), defaulted;
    }
    check ArchiveService::check;
}

impl ArchiveService {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if cx.files_exist || self.archive.is_file() {
            return;
        }
        let span = fields.span_of("archive");
        match &self.origin {
            None => cx.error_at(
                "archive",
                span,
                format!(
                    "the file {} does not exist, and there is no \"origin\" to fetch it from",
                    self.archive.display()
                ),
            ),
            Some(_) => {
                cx.warn_at("archive", span, format!("the file {} does not exist", self.archive.display()))
            }
        }
    }
}

impl Serves for ArchiveService {
    fn label(&self) -> Option<&'static str> {
        Some("files of an archive")
    }

    fn files(&self) -> Files<'_> {
        Files { read: Some(&self.archive), ..Files::default() }
    }
}
