//! Why a chunk is not taken.

use crate::web::engine::received::Fault;
use hyper::StatusCode;
use std::io;

/// Why a chunk is not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is not as it should be.
    Wrong(StatusCode, String),
    /// It did not come as it should.
    Fault(Fault),
    /// It can't be kept.
    Disk(io::Error),
}

impl Refusal {
    pub(super) fn wrong(text: impl Into<String>) -> Self {
        Self::Wrong(StatusCode::BAD_REQUEST, text.into())
    }
}

impl From<(StatusCode, String)> for Refusal {
    fn from((status, text): (StatusCode, String)) -> Self {
        Self::Wrong(status, text)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}
