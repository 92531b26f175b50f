//! Lines of a process's standard output or standard error, to the very end.

use super::pipe::Pipe;
use memchr::{memchr, memchr_iter, memrchr};
use std::borrow::Cow;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Most bytes that are read of a pipe to which somebody still writes when nobody waits for it any longer: what a pipe can
/// hold (fs.pipe-max-size).
const MAX_REST: usize = 1 << 20;

/// Most bytes of a line; what is longer becomes several records.
pub(crate) const MAX_LINE: usize = 64 << 10;

thread_local! {
    /// What all streams of the thread are read into: a pipe's content at a time, and no memory for those that are silent.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; MAX_LINE]);
}

/// Lines that were read at once, each without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The lines, separated by line ends.
    pub text: String,
    /// How many they are: at least one.
    pub count: usize,
}

impl Said {
    fn line(line: &[u8]) -> Self {
        Self { text: text(line).into_owned(), count: 1 }
    }
}

/// Splits a stream into lines, each at most [`MAX_LINE`] bytes.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: R,
    /// The line that has not come whole.
    bytes: Vec<u8>,
    /// Whether more was there than could be read at once.
    is_more: bool,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of this stream.
    pub(crate) fn new(from: R) -> Self {
        Self { from, bytes: Vec::new(), is_more: false, ended: false }
    }

    /// The same, of which these bytes were read already.
    pub(crate) fn resume(from: R, bytes: Vec<u8>) -> Self {
        // A line's end in them was found before.
        Self { from, bytes, is_more: false, ended: false }
    }

    /// The stream, and the bytes that were read of a line that has not come whole.
    pub(crate) fn parts(&self) -> (&R, &[u8]) {
        (&self.from, &self.bytes)
    }

    /// Whether more was there last time than could be read at once.
    pub(crate) fn is_more(&self) -> bool {
        self.is_more
    }

    /// The next lines, all that were read at once; `None` at the end of the stream. Bytes that are not UTF-8 become `\xNN`.
    /// A stream that fails has ended.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        while !self.ended {
            let lines = poll_fn(|cx| {
                SCRATCH.with_borrow_mut(|scratch| {
                    let room = MAX_LINE - self.bytes.len();
                    let mut read = ReadBuf::new(&mut scratch[..room]);
                    let result = ready!(Pin::new(&mut self.from).poll_read(cx, &mut read));
                    self.ended = result.is_err() || read.filled().is_empty();
                    self.is_more = read.remaining() == 0;
                    Poll::Ready(self.split(read.filled()))
                })
            })
            .await;
            if lines.is_some() {
                return lines;
            }
        }
        self.last()
    }

    /// The lines that are whole with these bytes, if there are some; the rest is kept.
    fn split(&mut self, new: &[u8]) -> Option<Said> {
        let Some(end) = memrchr(b'\n', new) else {
            self.bytes.extend_from_slice(new);
            if self.bytes.len() < MAX_LINE {
                return None;
            }
            let end = cut(&self.bytes);
            let said = Said::line(&self.bytes[..end]);
            self.bytes.drain(..end);
            return Some(said);
        };
        let whole = &new[..end];
        let count = 1 + memchr_iter(b'\n', whole).count();
        let mut lines = std::mem::take(&mut self.bytes);
        lines.reserve_exact(whole.len());
        lines.extend_from_slice(whole);
        self.bytes.extend_from_slice(&new[end + 1..]);
        Some(Said { text: texts(lines), count })
    }

    /// A line that has no end.
    fn last(&mut self) -> Option<Said> {
        (!self.bytes.is_empty()).then(|| Said::line(&std::mem::take(&mut self.bytes)))
    }
}

impl Lines<Pipe> {
    /// Lets the runtime not watch the pipe, until there is nothing to be read.
    pub(crate) fn unwatch(&mut self) {
        self.from.unwatch();
    }

    /// Lets the pipe hold as much as it may, if the kernel has the room: then its writer need not wait so soon.
    pub(crate) fn grow(&self) {
        self.from.grow(MAX_REST);
    }

    /// The lines that are in the pipe now, also one that has not ended; for when no more are waited for.
    pub(crate) fn rest(&mut self) -> Option<Said> {
        let (mut all, mut read) = (None::<Said>, 0);
        let mut add = |said: Said| match &mut all {
            None => all = Some(said),
            Some(all) => {
                all.text.push('\n');
                all.text.push_str(&said.text);
                all.count += said.count;
            }
        };
        while read < MAX_REST && !self.ended {
            // Asked for directly: the runtime need not know yet what has come.
            let new = SCRATCH.with_borrow_mut(|scratch| {
                let room = MAX_LINE - self.bytes.len();
                let count = self.from.look(&mut scratch[..room]);
                (count, self.split(&scratch[..count]))
            });
            self.ended = new.0 == 0;
            read += new.0;
            new.1.into_iter().for_each(&mut add);
        }
        self.last().into_iter().for_each(&mut add);
        all
    }
}

/// Lines as text, without carriage returns at their ends.
fn texts(lines: Vec<u8>) -> String {
    let each = |lines: &[u8]| lines.split(|byte| *byte == b'\n').map(text).collect::<Vec<_>>().join("\n");
    match memchr(b'\r', &lines) {
        None => String::from_utf8(lines).unwrap_or_else(|e| each(e.as_bytes())),
        Some(_) => each(&lines),
    }
}

fn text(line: &[u8]) -> Cow<'_, str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Ok(text) = std::str::from_utf8(line) {
        return text.into();
    }
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(
            chunk.invalid().iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()).map(char::from),
        );
    }
    text.into()
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
    use tokio::net::unix::pipe::Receiver;

    fn each(said: &Said) -> Vec<String> {
        let lines: Vec<_> = said.text.split('\n').map(str::to_owned).collect();
        assert_eq!(lines.len(), said.count);
        lines
    }

    async fn all(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        while let Some(said) = lines.next().await {
            all.extend(each(&said));
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
        let mut lines = Lines::new(Pipe::from(Receiver::from_owned_fd(reader.into()).unwrap()));
        let written: Vec<_> = (0..3000).map(|n| format!("line {n}")).collect();
        write!(writer, "{}\nnot ended", written.join("\n")).unwrap();
        let mut read = each(&lines.rest().unwrap());
        assert_eq!(read.pop().unwrap(), "not ended");
        assert_eq!(read, written);
        assert_eq!(lines.rest(), None, "its other end is open still");
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
        while let Some(said) = lines.next().await {
            got += &(said.text + "\n");
        }
        writer.await.unwrap();
        assert_eq!(got, expected);
    }
}
