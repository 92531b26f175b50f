//! Lines of a process's standard output or standard error, to the very end.

use memchr::memchr;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;

/// Most bytes that are read of a pipe to which somebody still writes when nobody waits for it any longer: what a pipe can
/// hold (fs.pipe-max-size).
const MAX_REST: usize = 1 << 20;

/// Most bytes of a line; what is longer becomes several records.
pub(crate) const MAX_LINE: usize = 64 << 10;

thread_local! {
    /// What all streams of the thread are read into: a pipe's content at a time, and no memory for those that are silent.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; MAX_LINE]);
}

/// Splits a stream into lines, each at most [`MAX_LINE`] bytes.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: R,
    /// The line that has not come whole.
    bytes: Vec<u8>,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of this stream.
    pub(crate) fn new(from: R) -> Self {
        Self { from, bytes: Vec::new(), ended: false }
    }

    /// The same, of which these bytes were read already.
    pub(crate) fn resume(from: R, bytes: Vec<u8>) -> Self {
        // A line's end in them was found before.
        Self { from, bytes, ended: false }
    }

    /// The stream, and the bytes that were read of a line that has not come whole.
    pub(crate) fn parts(&self) -> (&R, &[u8]) {
        (&self.from, &self.bytes)
    }

    /// The next lines, all that were read at once, each without its end; `None` at the end of the stream. Bytes
    /// that are not UTF-8 become `\xNN`. A stream that fails has ended.
    pub(crate) async fn next(&mut self) -> Option<Vec<String>> {
        while !self.ended {
            let lines = poll_fn(|cx| {
                SCRATCH.with_borrow_mut(|scratch| {
                    let room = MAX_LINE - self.bytes.len();
                    let mut read = ReadBuf::new(&mut scratch[..room]);
                    let result = ready!(Pin::new(&mut self.from).poll_read(cx, &mut read));
                    self.ended = result.is_err() || read.filled().is_empty();
                    Poll::Ready(self.split(read.filled()))
                })
            })
            .await;
            if !lines.is_empty() {
                return Some(lines);
            }
        }
        (!self.bytes.is_empty()).then(|| vec![text(&std::mem::take(&mut self.bytes))])
    }

    /// The lines that are whole with these bytes; the rest is kept.
    fn split(&mut self, mut new: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(end) = memchr(b'\n', new) {
            if self.bytes.is_empty() {
                lines.push(text(&new[..end]));
            } else {
                self.bytes.extend_from_slice(&new[..end]);
                lines.push(text(&std::mem::take(&mut self.bytes)));
            }
            new = &new[end + 1..];
        }
        self.bytes.extend_from_slice(new);
        if self.bytes.len() >= MAX_LINE {
            let end = cut(&self.bytes);
            lines.push(text(&self.bytes[..end]));
            self.bytes.drain(..end);
        }
        lines
    }
}

impl Lines<pipe::Receiver> {
    /// The lines that are in the pipe now, also one that has not ended; for when no more are waited for.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let (mut lines, mut read) = (Vec::new(), 0);
        while read < MAX_REST && !self.ended {
            // Asked for directly: the runtime need not know yet what has come.
            let new = SCRATCH.with_borrow_mut(|scratch| {
                let room = MAX_LINE - self.bytes.len();
                let count = rustix::io::read(&self.from, &mut scratch[..room]).unwrap_or_default();
                (count, self.split(&scratch[..count]))
            });
            self.ended = new.0 == 0;
            read += new.0;
            lines.extend(new.1);
        }
        lines.extend((!self.bytes.is_empty()).then(|| text(&std::mem::take(&mut self.bytes))));
        lines
    }
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Ok(text) = std::str::from_utf8(line) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(
            chunk.invalid().iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()).map(char::from),
        );
    }
    text
}

/// Where to cut a line that is too long: not within a character, if it is UTF-8.
fn cut(bytes: &[u8]) -> usize {
    let is_continuation = |byte: u8| byte & 0xC0 == 0x80;
    let tail = bytes.iter().rev().take(3).take_while(|&&byte| is_continuation(byte)).count();
    let start = bytes.len() - tail - 1;
    let complete = match bytes[start] {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    };
    if start > 0 && tail + 1 < complete { start } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        while let Some(some) = lines.next().await {
            all.extend(some);
        }
        all
    }

    #[tokio::test]
    async fn lines_are_split_and_the_last_needs_no_end() {
        assert_eq!(all(b"").await, [""; 0]);
        assert_eq!(all(b"a\r\n\nb\xff\x80c\nlast").await, ["a", "", "b\\xff\\x80c", "last"]);
    }

    #[tokio::test]
    async fn a_long_line_becomes_several_without_tearing_a_character() {
        let text = format!("{}\nshort\n", "€".repeat(MAX_LINE));
        let lines = all(text.as_bytes()).await;
        assert!(lines.iter().all(|line| line.len() <= MAX_LINE && !line.contains("\\x")));
        assert_eq!(lines.concat(), text.replace('\n', ""));
        assert_eq!(lines.last().unwrap(), "short");

        let binary = vec![0xBF; 3 * MAX_LINE];
        assert_eq!(all(&binary).await.len(), 3);
    }

    #[tokio::test]
    async fn what_is_in_a_pipe_can_be_read_without_waiting() {
        use std::io::Write as _;
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut lines = Lines::new(pipe::Receiver::from_owned_fd(reader.into()).unwrap());
        let written: Vec<_> = (0..3000).map(|n| format!("line {n}")).collect();
        write!(writer, "{}\nnot ended", written.join("\n")).unwrap();
        let mut read = lines.rest();
        assert_eq!(read.pop().unwrap(), "not ended");
        assert_eq!(read, written);
        assert_eq!(lines.rest(), [""; 0], "its other end is open still");
    }

    #[tokio::test]
    async fn bytes_one_at_a_time() {
        let (mut tx, rx) = tokio::io::duplex(1);
        let text = "one\ntwo\n".repeat(50);
        let expected = text.clone();
        let writer = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut tx, text.as_bytes()).await.unwrap();
        });
        let mut lines = Lines::new(rx);
        let mut got = String::new();
        while let Some(some) = lines.next().await {
            got += &(some.join("\n") + "\n");
        }
        writer.await.unwrap();
        assert_eq!(got, expected);
    }
}
