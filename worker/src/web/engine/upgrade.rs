//! HTTP connections that go on as another protocol.

use super::clock::Busy;
use super::received::Asked;
use super::watched::Watched;
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

/// What keeps a connection of HTTP/2 from counting as idle while a stream of it goes on as another protocol.
pub(in crate::web) fn busy_of(request: &mut Asked) -> Option<Busy> {
    request.extensions_mut().remove()
}

/// The connection as it was before hyper, with what hyper has read beyond the handshake in front; given back if it is a
/// stream of HTTP/2.
pub(in crate::web) fn stream_of(upgraded: Upgraded) -> Result<Prefixed<Stream>, Upgraded> {
    let parts = upgraded.downcast::<TokioIo<Watched>>()?;
    let (unread, stream) = parts.io.into_inner().into_inner().into_parts();
    let ahead = if unread.is_empty() { parts.read_buf } else { join(&parts.read_buf, &unread) };
    Ok(Prefixed::new(ahead, stream))
}

fn join(first: &Bytes, second: &Bytes) -> Bytes {
    let mut both = BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both.freeze()
}
