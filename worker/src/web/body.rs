//! What is sent behind a response's head.

use super::archive::Inflating;
use super::cgi::Output;
use super::files::{FileBody, Parts};
use super::proxy::Proxied;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The content of a response.
#[derive(Debug, Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    Full(Bytes),
    File(FileBody),
    Parts(Box<Parts>),
    Inflating(Box<Inflating>),
    Proxied(Box<Proxied>),
    Script(Output),
}

impl Body {
    /// Its length in octets, or what is known of it to come.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Full(octets) => octets.len() as u64,
            Self::File(file) => file.remaining(),
            Self::Parts(parts) => parts.remaining(),
            Self::Inflating(file) => file.remaining(),
            Self::Proxied(content) => content.size_hint().lower(),
            Self::Script(output) => output.size_hint().lower(),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(octets) => {
                let octets = std::mem::take(octets);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(octets))))
            }
            Self::File(file) => file.poll_chunk(cx).map(|chunk| chunk.map(|octets| octets.map(Frame::data))),
            Self::Inflating(file) => {
                file.poll_chunk(cx).map(|chunk| chunk.map(|octets| octets.map(Frame::data)))
            }
            Self::Parts(parts) => {
                parts.poll_chunk(cx).map(|chunk| chunk.map(|octets| octets.map(Frame::data)))
            }
            Self::Proxied(content) => Pin::new(content).poll_frame(cx),
            Self::Script(output) => {
                output.poll_chunk(cx).map(|chunk| chunk.map(|octets| octets.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Proxied(content) => content.is_end_stream(),
            Self::Script(_) => false,
            _ => self.length() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Proxied(content) => content.size_hint(),
            Self::Script(output) => output.size_hint(),
            _ => SizeHint::with_exact(self.length()),
        }
    }
}
