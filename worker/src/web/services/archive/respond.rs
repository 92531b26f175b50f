//! The response for a file of an archive.

use super::index::{Member, Method};
use super::inflate::Inflating;
use crate::fields::set;
use crate::web::engine::answer::{Answer, failure};
use crate::web::engine::body::Body;
use crate::web::engine::file::FileBody;
use crate::web::services::files::{Parts, Range, Validators, accepts, has_other, is_fresh, range};
use bytes::Bytes;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    LAST_MODIFIED, VARY,
};
use hyper::{Response, StatusCode};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

/// The archive, open, and when it was written.
pub(super) type Source<'a> = (&'a Arc<OwnedFd>, SystemTime);

/// The response for a file of this media type, which is in memory or not.
pub(super) fn member(
    asked: &HeaderMap,
    (archive, modified): Source<'_>,
    member: &Member,
    kept: Option<Bytes>,
    kind: HeaderValue,
) -> Answer {
    // What is compressed goes to those who take it as it is.
    let gzip = kept.is_none() && member.method == Method::Deflated && accepts(asked, "gzip");
    let form = if gzip { "-gz" } else { "" };
    let validators = Validators { etag: format!("\"{:x}-{:08x}{form}\"", member.size, member.crc), modified };
    let ranges = kept.is_some() || member.method == Method::Stored;
    let mut response = Response::new(Body::Empty);
    if has_other(asked, &validators) {
        return failure(asked, StatusCode::PRECONDITION_FAILED, "The file is not the one that you mean.");
    } else if is_fresh(asked, &validators) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let wanted = if ranges { range(asked, &validators, member.size) } else { Range::Whole };
        let (start, end) = match wanted {
            Range::Parts(parts) if parts.len() == 1 => parts[0],
            // Several are as good as all.
            Range::Whole | Range::Parts(_) => (0, member.size),
            Range::Unsatisfiable => {
                let size = member.size;
                let text = format!("The file has {size} bytes, none of which is in the range asked for.");
                let mut response = failure(asked, StatusCode::RANGE_NOT_SATISFIABLE, &text);
                set(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{size}"));
                return response;
            }
        };
        if (start, end) != (0, member.size) {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {start}-{}/{}", end - 1, member.size);
            set(response.headers_mut(), CONTENT_RANGE, &range);
        }
        let part = |start, end| FileBody::new(Arc::clone(archive), start, end);
        *response.body_mut() = match (kept, member.method) {
            (Some(bytes), _) => Body::Full(bytes.slice(start as usize..end as usize)),
            (None, Method::Stored) => Body::File(part(member.start + start, member.start + end)),
            (None, Method::Deflated) if gzip => Body::Pieces(Box::new(gzipped(member, &part))),
            (None, Method::Deflated) => {
                Body::Pieces(Box::new(Inflating::new(part(member.start, member.end), member)))
            }
        };
        response.headers_mut().insert(CONTENT_TYPE, kind);
        if gzip {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    let headers = response.headers_mut();
    if member.method == Method::Deflated {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static(if ranges { "bytes" } else { "none" }));
    set(headers, ETAG, &validators.etag);
    set(headers, LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    response
}

/// The same bytes as a file of gzip (RFC 1952), which has a head and a foot around them.
fn gzipped(member: &Member, part: &dyn Fn(u64, u64) -> FileBody) -> Parts {
    const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let foot = [member.crc.to_le_bytes(), (member.size as u32).to_le_bytes()].concat();
    Parts::around(Bytes::from_static(&HEAD), part(member.start, member.end), foot.into())
}
