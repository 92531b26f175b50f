//! The id of a request, as its answer carries it to the access log.

use hyper::header::HeaderValue;

/// An id of a request: an extension of its answer.
#[derive(Clone, Debug)]
pub(in crate::web) struct Id(pub(in crate::web) HeaderValue);
