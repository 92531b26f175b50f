//! What tor says on a control connection (control-spec, 2.3), as bytes arrive.

/// Longest line; what tor says in one is a fraction of it.
const LONGEST_LINE: usize = 64 << 10;
/// Most bytes of a reply.
const LONGEST_REPLY: usize = 1 << 20;
/// The code of what was not asked for.
const EVENT: u16 = 650;

/// What tor says is not in its own language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("what answers there is not the control port of a tor daemon")]
    Line,
    #[error("it sent more than fits into a reply")]
    TooLong,
}

/// A line of a reply, without its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// What stood below a line marked with `+`, its lines ended by newlines.
    pub(crate) data: Option<String>,
}

/// An answer, or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The code of the last line.
    pub(crate) code: u16,
    /// One at least.
    pub(crate) lines: Vec<Line>,
}

impl Reply {
    /// Whether it is no answer.
    pub(crate) fn is_event(&self) -> bool {
        self.code == EVENT
    }

    /// Whether what was asked for is done.
    pub(crate) fn is_ok(&self) -> bool {
        self.code / 100 == 2
    }

    /// What follows `prefix` in the first line that begins with it.
    pub(crate) fn after(&self, prefix: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.text.strip_prefix(prefix))
    }

    /// The texts of all lines, for people.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<_> = self.lines.iter().map(|line| line.text.as_str()).collect();
        texts.join("; ")
    }
}

/// Puts bytes together to replies.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Where to put what arrives.
    pub(crate) bytes: Vec<u8>,
    lines: Vec<Line>,
    in_data: bool,
    size: usize,
}

impl Decoder {
    /// The next reply, if all of it is there.
    pub(crate) fn next(&mut self) -> Result<Option<Reply>, Malformed> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            if end > LONGEST_LINE {
                return Err(Malformed::TooLong);
            }
            let rest = self.bytes.split_off(end + 1);
            let line = std::mem::replace(&mut self.bytes, rest);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            self.size += line.len() + 1;
            if self.size > LONGEST_REPLY {
                return Err(Malformed::TooLong);
            }
            if self.in_data {
                self.data(line);
            } else if let Some(code) = self.line(line)? {
                self.size = 0;
                return Ok(Some(Reply { code, lines: std::mem::take(&mut self.lines) }));
            }
        }
        if self.bytes.len() > LONGEST_LINE { Err(Malformed::TooLong) } else { Ok(None) }
    }

    /// A line of a reply; its code if it is the last one.
    fn line(&mut self, line: &str) -> Result<Option<u16>, Malformed> {
        let (code, rest) = line.split_at_checked(3).ok_or(Malformed::Line)?;
        let mark = rest.chars().next().ok_or(Malformed::Line)?;
        let digits = code.bytes().all(|byte| byte.is_ascii_digit());
        let code = code.parse().ok().filter(|_| digits).ok_or(Malformed::Line)?;
        if !matches!(mark, ' ' | '-' | '+') {
            return Err(Malformed::Line);
        }
        self.in_data = mark == '+';
        let data = self.in_data.then(String::new);
        self.lines.push(Line { text: rest[1..].to_owned(), data });
        Ok((mark == ' ').then_some(code))
    }

    /// A line of data; a dot at its beginning is doubled, and alone is the end.
    fn data(&mut self, line: &str) {
        if line == "." {
            self.in_data = false;
        } else if let Some(data) = self.lines.last_mut().and_then(|line| line.data.as_mut()) {
            data.push_str(line.strip_prefix('.').unwrap_or(line));
            data.push('\n');
        }
    }
}

/// Whatever comes: the same replies however it is cut, none of them empty, and words in each line.
pub(crate) fn fuzz(bytes: &[u8]) {
    let replies = |size: usize| {
        let (mut decoder, mut replies) = (Decoder::default(), Vec::new());
        for piece in bytes.chunks(size) {
            decoder.bytes.extend_from_slice(piece);
            loop {
                match decoder.next() {
                    Ok(Some(reply)) => replies.push(reply),
                    Ok(None) => break,
                    Err(error) => return (replies, Some(error)),
                }
            }
        }
        (replies, None)
    };
    let whole = replies(bytes.len().max(1));
    assert_eq!(whole, replies(1));
    for line in whole.0.iter().flat_map(|reply| &reply.lines) {
        let words = super::words(&line.text);
        assert!(words.len() <= line.text.len());
    }
    assert!(whole.0.iter().all(|reply| !reply.lines.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line { text: text.into(), data: None }
    }

    #[test]
    fn replies_and_events_one_byte_at_a_time() {
        let bytes = b"250-ServiceID=abc\r\n250 OK\r\n650 HS_DESC UPLOADED x\r\n250+info=\r\n..a\r\nb\r\n.\r\n250 OK\r\n";
        let mut decoder = Decoder::default();
        let mut replies = Vec::new();
        for byte in bytes {
            decoder.bytes.push(*byte);
            replies.extend(decoder.next().unwrap());
        }
        let data = Line { text: "info=".into(), data: Some(".a\nb\n".into()) };
        assert_eq!(
            replies,
            [
                Reply { code: 250, lines: vec![line("ServiceID=abc"), line("OK")] },
                Reply { code: 650, lines: vec![line("HS_DESC UPLOADED x")] },
                Reply { code: 250, lines: vec![data, line("OK")] },
            ]
        );
        assert!(replies[1].is_event() && !replies[0].is_event() && replies[0].is_ok());
        assert_eq!(replies[0].after("ServiceID="), Some("abc"));
        assert_eq!(replies[0].text(), "ServiceID=abc; OK");
    }

    #[test]
    fn whatever_is_no_reply_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 400\r\n"[..],
            b"\r\n",
            b"25\r\n",
            b"250\r\n",
            b"250=OK\r\n",
            b"+50 OK\n",
            b"\xff\xff\xff\n",
        ] {
            let mut decoder = Decoder { bytes: bytes.to_vec(), ..Decoder::default() };
            assert_eq!(decoder.next(), Err(Malformed::Line), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_never_ends_is_cut_off() {
        let mut decoder = Decoder { bytes: vec![b'2'; LONGEST_LINE + 1], ..Decoder::default() };
        assert_eq!(decoder.next(), Err(Malformed::TooLong));
        let mut decoder = Decoder { bytes: b"250-x\r\n".repeat(LONGEST_REPLY / 5), ..Decoder::default() };
        assert_eq!(decoder.next(), Err(Malformed::TooLong));
    }
}
