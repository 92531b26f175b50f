//! Redirects within the server: a service leads a request on to another path (RFC 3875, section 6.2.2).

use super::answer::{Answer, failure};
use super::body::Body;
use super::received::Asked;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, TRANSFER_ENCODING};
use hyper::{Method, Request, Response, StatusCode, Uri};
use tracing::error;

/// How many of them one request may take.
pub(in crate::web) const MOST: u8 = 10;

/// What a service says in place of an answer: the answer is what is at another path.
#[derive(Clone, Debug)]
pub(in crate::web) struct LocalRedirect {
    /// The path, and the query if there is one.
    pub(in crate::web) to: String,
    /// Who says so, for the log.
    pub(in crate::web) by: String,
}

impl From<LocalRedirect> for Answer {
    fn from(redirect: LocalRedirect) -> Self {
        let mut answer = Response::new(Body::Empty);
        answer.extensions_mut().insert(redirect);
        answer
    }
}

impl LocalRedirect {
    /// The redirect that this answer is, if it is one.
    pub(in crate::web) fn of(answer: &mut Answer) -> Option<Self> {
        answer.extensions_mut().remove()
    }

    /// The request that it leads to; nothing, if that is no path of this server.
    pub(in crate::web) fn follow(&self, request: &Asked) -> Option<Asked> {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(self.to.parse().ok()?);
        let mut next = Request::new(None);
        *next.method_mut() = if request.method() == Method::HEAD { Method::HEAD } else { Method::GET };
        *next.uri_mut() = Uri::from_parts(parts).ok()?;
        *next.version_mut() = request.version();
        *next.headers_mut() = request.headers().clone();
        for content in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, EXPECT] {
            next.headers_mut().remove(content);
        }
        Some(next)
    }

    /// The answer where it is not followed.
    pub(in crate::web) fn leads_nowhere(&self, asked: &HeaderMap) -> Answer {
        let Self { to, by } = self;
        error!("{by}: its Location {to:?} is no path of this server, or leads round in circles");
        failure(asked, StatusCode::BAD_GATEWAY, "The script behind this address leads nowhere.")
    }
}
