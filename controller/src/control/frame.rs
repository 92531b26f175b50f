//! Lines of limited length.

use serde::Serialize;
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// Most bytes of a request.
pub(crate) const MAX_REQUEST: usize = 64 << 10;

/// The message as a line.
///
/// # Errors
/// When it can't be written as JSON.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// The next line without its end; `None` at the end of the stream.
///
/// # Errors
/// When reading fails, the line has more than `max` bytes, or the stream ends within it.
pub(crate) async fn read_line(
    from: &mut (impl AsyncBufRead + Unpin),
    max: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let available = from.fill_buf().await?;
        if available.is_empty() {
            return if line.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        let end = available.iter().position(|&byte| byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        if line.len() + part.len() > max {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a line of more than {max} bytes"),
            ));
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::BufReader;

    async fn all(bytes: &[u8], chunk: usize) -> Vec<Result<Option<Vec<u8>>, io::ErrorKind>> {
        let mut from = BufReader::with_capacity(chunk, bytes);
        let mut lines = Vec::new();
        loop {
            let line = read_line(&mut from, 5).await.map_err(|e| e.kind());
            let is_last = !matches!(line, Ok(Some(_)));
            lines.push(line);
            if is_last {
                return lines;
            }
        }
    }

    #[tokio::test]
    async fn lines_are_read_however_they_arrive() {
        let line = |text: &str| Ok(Some(text.as_bytes().to_vec()));
        for chunk in 1..8 {
            assert_eq!(all(b"ab\n\n12345\n", chunk).await, [line("ab"), line(""), line("12345"), Ok(None)]);
            assert_eq!(all(b"ab\ncd", chunk).await, [line("ab"), Err(io::ErrorKind::UnexpectedEof)]);
            assert_eq!(all(b"123456\n", chunk).await, [Err(io::ErrorKind::InvalidData)]);
            assert_eq!(all(b"12345678", chunk).await, [Err(io::ErrorKind::InvalidData)]);
        }
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(encode(&"a\nb").unwrap(), b"\"a\\nb\"\n");
    }
}
