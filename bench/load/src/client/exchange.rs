//! A request and its answer.

use super::connection::Stream;
use super::{Common, Protocol};
use crate::{Outcome, backend};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The longest head of an answer.
const LONGEST_HEAD: usize = 8 << 10;

/// What is sent, and what is expected.
#[derive(Clone, Debug)]
pub(super) enum Exchange {
    /// A request, and the bytes of the answer.
    Raw(Vec<u8>, usize),
    /// A request.
    Http(Vec<u8>),
    /// An opening request, and a frame whose content comes back.
    WebSocket { opening: Vec<u8>, frame: Vec<u8>, payload: usize },
}

impl Exchange {
    /// `last`: the connection is for one request alone.
    pub(super) fn new(args: &Common, last: bool) -> Self {
        let host = args.to;
        match args.protocol {
            Protocol::Raw => {
                let length = args.request.max(backend::HEAD);
                let mut request = Vec::with_capacity(length);
                request.extend_from_slice(&(length as u64).to_le_bytes());
                request.extend_from_slice(&(args.answer as u64).to_le_bytes());
                request.resize(length, b'x');
                Self::Raw(request, args.answer)
            }
            Protocol::Http => {
                let end = if last { "Connection: close\r\n" } else { "" };
                Self::Http(format!("GET {} HTTP/1.1\r\nHost: {host}\r\n{end}\r\n", args.path).into_bytes())
            }
            Protocol::Websocket => {
                let opening = format!(
                    "GET {} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                    args.path
                );
                let (frame, payload) = (frame(args.request), args.request);
                Self::WebSocket { opening: opening.into_bytes(), frame, payload }
            }
        }
    }

    /// What comes before the first request on a connection.
    pub(super) async fn open(&self, stream: &mut dyn Stream, buffer: &mut [u8]) -> Outcome {
        let Self::WebSocket { opening, .. } = self else { return Ok(()) };
        send(stream, opening).await?;
        let (head, got) = read_head(stream, buffer).await?;
        if got > head || !buffer.starts_with(b"HTTP/1.1 101 ") {
            return Err(unexpected(&buffer[..got]));
        }
        Ok(())
    }

    /// Asks, and takes the answer whole.
    pub(super) async fn run(&self, stream: &mut dyn Stream, buffer: &mut [u8]) -> Outcome {
        match self {
            Self::Raw(request, answer) => {
                send(stream, request).await?;
                skip(stream, buffer, *answer).await
            }
            Self::Http(request) => {
                send(stream, request).await?;
                let (head, got) = read_head(stream, buffer).await?;
                let length = content_length(&buffer[..head]).ok_or_else(|| unexpected(&buffer[..head]))?;
                let left = (head + length).checked_sub(got).ok_or_else(|| unexpected(&buffer[..got]))?;
                skip(stream, buffer, left).await
            }
            Self::WebSocket { frame, payload, .. } => {
                send(stream, frame).await?;
                echoed(stream, buffer, *payload).await
            }
        }
    }
}

async fn send(stream: &mut dyn Stream, bytes: &[u8]) -> Outcome {
    stream.write_all(bytes).await?;
    Ok(stream.flush().await?)
}

async fn read(stream: &mut dyn Stream, buffer: &mut [u8]) -> Outcome<usize> {
    match stream.read(buffer).await? {
        0 => Err("the server ends the connection instead of answering".into()),
        count => Ok(count),
    }
}

/// Takes so many bytes that nobody looks at.
async fn skip(stream: &mut dyn Stream, buffer: &mut [u8], mut left: usize) -> Outcome {
    while left > 0 {
        let most = left.min(buffer.len());
        left -= read(stream, &mut buffer[..most]).await?;
    }
    Ok(())
}

/// Reads to the end of a head at least: where it ends, and what was read.
async fn read_head(stream: &mut dyn Stream, buffer: &mut [u8]) -> Outcome<(usize, usize)> {
    let mut got = 0;
    loop {
        got += read(stream, &mut buffer[got..]).await?;
        let looked = got.min(LONGEST_HEAD);
        if let Some(end) = buffer[..looked].windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok((end + 4, got));
        }
        if got > LONGEST_HEAD {
            return Err(unexpected(&buffer[..got]));
        }
    }
}

/// Of an answer with status 200.
fn content_length(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    lines.next()?.starts_with("HTTP/1.1 200 ").then_some(())?;
    lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

/// A binary message, masked as a client has to.
fn frame(payload: usize) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![0x82];
    match (u8::try_from(payload), u16::try_from(payload)) {
        (Ok(length @ 0..126), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(payload as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(MASK.iter().cycle().take(payload).map(|byte| byte ^ b'x'));
    frame
}

/// Takes the echo: one frame, or a message in several.
async fn echoed(stream: &mut dyn Stream, buffer: &mut [u8], payload: usize) -> Outcome {
    let (mut got, mut at, mut seen) = (0, 0, 0);
    loop {
        // The head of a frame is at `at`; its length stands within ten bytes.
        let head = &buffer[at..got];
        let length = match head {
            [_, 127, rest @ ..] => rest.first_chunk::<8>().map(|bytes| (10, u64::from_be_bytes(*bytes))),
            [_, 126, rest @ ..] => {
                rest.first_chunk::<2>().map(|bytes| (4, u64::from(u16::from_be_bytes(*bytes))))
            }
            [_, length, ..] => Some((2, u64::from(*length))),
            _ => None,
        };
        let Some((skipped, length)) = length else {
            got += read(stream, &mut buffer[got..]).await?;
            continue;
        };
        let (first, length) = (head[0], usize::try_from(length)?);
        if !matches!(first & 0x0F, 0 | 2) || seen + length > payload {
            return Err(unexpected(&buffer[at..got.min(at + 64)]));
        }
        seen += length;
        at += skipped + length;
        if at > got {
            skip(stream, buffer, at - got).await?;
            (got, at) = (0, 0);
        }
        if first & 0x80 != 0 {
            let all = seen == payload && at == got;
            return all.then_some(()).ok_or_else(|| format!("an echo of {seen} bytes").into());
        }
    }
}

fn unexpected(bytes: &[u8]) -> Box<dyn std::error::Error + Send + Sync> {
    format!("unexpected: {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)])).into()
}
