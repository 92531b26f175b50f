//! The whole content of a request, where that is short.

use crate::web::engine::received::{Asked, Fault};
use bytes::{Bytes, BytesMut};
use hyper::body::Body as _;

/// The longest content, in bytes, where the configuration names no limit.
const LONGEST: u64 = 16 << 20;

/// Why there is no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Failure {
    /// It is longer than this, in bytes.
    TooLong(u64),
    /// It is not what was announced, or does not go on.
    Fault(Fault),
}

/// The limit that several make together; 0 is none.
pub(in crate::web) fn limit(of: [u64; 2]) -> u64 {
    of.into_iter().filter(|limit| *limit > 0).min().unwrap_or(LONGEST)
}

/// Takes the content of a request, of `limit` bytes at most.
pub(in crate::web) async fn read(request: &mut Asked, limit: u64) -> Result<Bytes, Failure> {
    let Some(mut content) = request.body_mut().take() else { return Ok(Bytes::new()) };
    if content.size_hint().lower() > limit {
        return Err(Failure::TooLong(limit));
    }
    let mut whole = BytesMut::new();
    while let Some(bytes) = content.next().await.map_err(Failure::Fault)? {
        if (whole.len() + bytes.len()) as u64 > limit {
            return Err(Failure::TooLong(limit));
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_limit_counts() {
        for (of, expected) in [([0, 0], LONGEST), ([0, 5], 5), ([5, 0], 5), ([7, 5], 5)] {
            assert_eq!(limit(of), expected, "{of:?}");
        }
    }
}
