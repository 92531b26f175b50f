//! A blocking HTTP/1.1 client that is exact about what went wrong.

use super::tally::Failure;
use std::io::{self, Read, Write};
use std::time::Duration;

/// What an answer was.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether the server said that it was the last one.
    pub(super) is_last: bool,
    pub(super) length: usize,
}

/// Asks for a path and reads the answer whole; `pause` between the reads of its content.
pub(super) fn get(
    stream: &mut (impl Read + Write),
    path: &str,
    is_last: bool,
    pause: Duration,
) -> Result<Answer, Failure> {
    let connection = if is_last { "close" } else { "keep-alive" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: load\r\nConnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes()).and_then(|()| stream.flush()).map_err(Failure::asking)?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 << 10];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut chunk) {
            Ok(0) if bytes.is_empty() => return Err(Failure::asking(io::ErrorKind::UnexpectedEof.into())),
            Ok(0) => return Err(Failure::short("the end within a head")),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(e) if bytes.is_empty() => return Err(Failure::asking(e)),
            Err(e) => return Err(Failure::reading(&e)),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    if !text.starts_with("http/1.1 200 ") {
        return Err(Failure::other(format!("answered {text:?}")));
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let Some(length) = length else { return Err(Failure::other(format!("without a length: {text:?}"))) };
    let mut got = bytes.len() - head;
    while got < length {
        std::thread::sleep(pause);
        match stream.read(&mut chunk) {
            Ok(0) => return Err(Failure::short(format!("{got} of {length} bytes"))),
            Ok(count) => got += count,
            Err(e) => return Err(Failure::reading(&e)),
        }
    }
    if got > length {
        return Err(Failure::other(format!("{got} of {length} bytes")));
    }
    Ok(Answer { is_last: text.contains("\r\nconnection: close\r\n"), length })
}
