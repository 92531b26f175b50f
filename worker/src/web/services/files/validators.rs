//! What tells one state of a file from another.

use hyper::header::HeaderValue;
use std::time::{SystemTime, UNIX_EPOCH};

/// What answers say of a file, ready to be sent.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) validators: Validators,
    pub(super) etag: HeaderValue,
    pub(super) last_modified: HeaderValue,
    /// Its media type.
    pub(super) media: HeaderValue,
}

impl Told {
    /// Of a file with so many bytes, written last at that time; `None` if it can't stand in a header.
    pub(super) fn new(size: u64, modified: SystemTime, media: HeaderValue) -> Option<Self> {
        let validators = Validators::of(size, modified);
        let etag = HeaderValue::from_str(&validators.etag).ok()?;
        let last_modified = HeaderValue::from_str(&httpdate::fmt_http_date(modified)).ok()?;
        Some(Self { validators, etag, last_modified, media })
    }
}

/// What tells one state of a file from another.
#[derive(Debug)]
pub(in crate::web) struct Validators {
    pub(in crate::web) etag: String,
    pub(in crate::web) modified: SystemTime,
}

impl Validators {
    pub(super) fn of(size: u64, modified: SystemTime) -> Self {
        let age = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { etag: format!("\"{size:x}-{:x}\"", age.as_nanos()), modified }
    }

    /// Whether one of the client's tags is this file's; weak ones count, too (section 13.1.2).
    pub(super) fn is_named_in(&self, tags: &str) -> bool {
        tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.etag)
    }

    /// Whether the file has not changed since a date of the client's, which has whole seconds.
    pub(super) fn is_not_newer_than(&self, date: &str) -> bool {
        httpdate::parse_http_date(date).is_ok_and(|date| seconds(self.modified) <= seconds(date))
    }
}

pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
