//! A blocking WebSocket client that echoes short messages.

use super::tally::Failure;
use std::io::{Read, Write};

/// Close code of a server that is about to restart.
const SERVICE_RESTART: u16 = 1012;

/// Does the handshake.
pub(super) fn open(stream: &mut (impl Read + Write), path: &str) -> Result<(), Failure> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: load\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(Failure::asking)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).map_err(Failure::asking)?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    text.starts_with("HTTP/1.1 101 ").then_some(()).ok_or(Failure::other(format!("answered {text:?}")))
}

/// Sends a message and reads its echo; false if the server closes instead, and says that it restarts.
pub(super) fn echo(stream: &mut (impl Read + Write), text: &str) -> Result<bool, Failure> {
    let length = u8::try_from(text.len()).expect("a short message");
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    // What was sent when the server closed is not answered; the close is read all the same.
    let sent = stream.write_all(&frame).and_then(|()| stream.flush());
    let mut head = [0; 2];
    stream.read_exact(&mut head).map_err(Failure::asking)?;
    let mut payload = vec![0; usize::from(head[1])];
    stream.read_exact(&mut payload).map_err(|e| Failure::reading(&e))?;
    match (head[0], payload.as_slice()) {
        (0x88, [a, b, ..]) if u16::from_be_bytes([*a, *b]) == SERVICE_RESTART => Ok(false),
        (0x81, _) if payload == text.as_bytes() => sent.map(|()| true).map_err(Failure::asking),
        (opcode, _) => Err(Failure::other(format!("a frame {opcode:#x} of {} bytes", payload.len()))),
    }
}
