//! What is sent behind a response's head.

use super::file::FileBody;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::fmt::{self, Debug};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Content of ours that is made while it is sent.
pub(crate) trait Pieces {
    /// Bytes that have not been sent yet.
    fn remaining(&self) -> u64;

    /// The next bytes; none after the last.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>;
}

/// The next frame of a content; none after the last.
pub(crate) async fn next_frame<B: HttpBody + Unpin>(
    content: &mut B,
) -> Option<Result<Frame<B::Data>, B::Error>> {
    poll_fn(|cx| Pin::new(&mut *content).poll_frame(cx)).await
}

/// The content of a response.
#[derive(Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    Full(Bytes),
    /// A part of a file, which the kernel may send.
    File(FileBody),
    Pieces(Box<dyn Pieces>),
    /// What another program says: its length may be unknown, and to HEAD it has answered itself.
    Foreign(Pin<Box<dyn HttpBody<Data = Bytes, Error = io::Error>>>),
}

impl Body {
    /// Its length in bytes, or what is known of it to come.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Full(bytes) => bytes.len() as u64,
            Self::File(file) => file.remaining(),
            Self::Pieces(content) => content.remaining(),
            Self::Foreign(content) => content.size_hint().lower(),
        }
    }
}

impl Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length())
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
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::File(file) => file.poll_chunk(cx).map(|chunk| chunk.map(|bytes| bytes.map(Frame::data))),
            Self::Pieces(content) => {
                content.poll_chunk(cx).map(|chunk| chunk.map(|bytes| bytes.map(Frame::data)))
            }
            Self::Foreign(content) => content.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Foreign(content) => content.is_end_stream(),
            _ => self.length() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Foreign(content) => content.size_hint(),
            _ => SizeHint::with_exact(self.length()),
        }
    }
}
