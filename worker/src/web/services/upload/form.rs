//! `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), read as it comes: no part is kept.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// The longest head of a part, in bytes; also what may stand before the first part.
const LONGEST_HEAD: usize = 8 << 10;

/// What a form is made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A field with this name begins.
    Field(String),
    /// Bytes of it.
    Bytes(Bytes),
    /// The form has ended.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    /// Behind a delimiter.
    Delimited,
    Head,
    Content,
    Over,
}

/// Takes a form apart.
#[derive(Debug)]
pub(super) struct Form {
    delimiter: Vec<u8>,
    unread: BytesMut,
    state: State,
}

impl Form {
    /// For content of this type; `None` if it is no form.
    pub(super) fn new(content_type: &str) -> Option<Self> {
        let (kind, parameters) = content_type.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameter(parameters, "boundary").filter(|b| (1..=70).contains(&b.len()))?;
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter stands at the beginning of a line, too.
        Some(Self { delimiter, unread: BytesMut::from(&b"\r\n"[..]), state: State::Preamble })
    }

    /// Takes more bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// What comes next; `None` if more bytes are needed for that. The error says what is wrong.
    pub(super) fn next(&mut self) -> Result<Option<Event>, &'static str> {
        loop {
            match self.state {
                State::Preamble => match memmem::find(&self.unread, &self.delimiter) {
                    Some(at) => {
                        self.skip(at + self.delimiter.len());
                        self.state = State::Delimited;
                    }
                    None if self.unread.len() > LONGEST_HEAD => {
                        return Err("it does not begin with its boundary");
                    }
                    None => return Ok(None),
                },
                State::Delimited => {
                    if self.unread.starts_with(b"--") {
                        self.state = State::Over;
                        return Ok(Some(Event::End));
                    }
                    let Some(end) = memmem::find(&self.unread, b"\r\n") else {
                        return self.more_head();
                    };
                    if !self.unread[..end].iter().all(|b| matches!(b, b' ' | b'\t')) {
                        return Err("something follows its boundary");
                    }
                    // The line's end stays: the head may be empty.
                    self.skip(end);
                    self.state = State::Head;
                }
                State::Head => {
                    let Some(end) = memmem::find(&self.unread, b"\r\n\r\n") else {
                        return self.more_head();
                    };
                    let head = self.unread.split_to(end);
                    self.skip(4);
                    self.state = State::Content;
                    let name = name(&head).ok_or("a part of it has no name")?;
                    return Ok(Some(Event::Field(name)));
                }
                State::Content => {
                    if let Some(at) = memmem::find(&self.unread, &self.delimiter) {
                        if at > 0 {
                            return Ok(Some(Event::Bytes(self.unread.split_to(at).freeze())));
                        }
                        self.skip(self.delimiter.len());
                        self.state = State::Delimited;
                        continue;
                    }
                    // The rest may be the beginning of a delimiter.
                    let sure = (self.unread.len() + 1).saturating_sub(self.delimiter.len());
                    return Ok((sure > 0).then(|| Event::Bytes(self.unread.split_to(sure).freeze())));
                }
                State::Over => {
                    self.unread.clear();
                    return Ok(None);
                }
            }
        }
    }

    fn more_head(&self) -> Result<Option<Event>, &'static str> {
        if self.unread.len() > LONGEST_HEAD { Err("the head of a part is too long") } else { Ok(None) }
    }

    fn skip(&mut self, count: usize) {
        drop(self.unread.split_to(count));
    }
}

/// The name of the field whose head this is.
fn name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let value = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (kind, parameters) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    parameter(parameters, "name")
}

/// The value of a parameter, of which quotes are taken off.
fn parameter(mut rest: &str, wanted: &str) -> Option<String> {
    loop {
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => {
                let mut text = String::new();
                let mut chars = quoted.char_indices();
                let end = loop {
                    match chars.next()? {
                        (at, '"') => break at,
                        (_, '\\') => text.push(chars.next()?.1),
                        (_, c) => text.push(c),
                    }
                };
                (text, &quoted[end + 1..])
            }
            None => {
                let (token, after) = value.split_at(value.find(';').unwrap_or(value.len()));
                (token.trim().to_owned(), after)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.trim_start().strip_prefix(';')?;
    }
}

/// Whatever comes: the same fields however it is cut, and no byte of content that was not sent.
pub(crate) fn fuzz(bytes: &[u8]) {
    let fields = |size: usize| {
        let (mut fields, mut is_over) = (Vec::<(String, Vec<u8>)>::new(), false);
        let Some(mut form) = Form::new("multipart/form-data; boundary=XX") else { return Err("no form") };
        for piece in bytes.chunks(size) {
            form.push(piece);
            while let Some(event) = form.next()? {
                match event {
                    Event::Field(name) => fields.push((name, Vec::new())),
                    Event::Bytes(bytes) => {
                        fields.last_mut().ok_or("content of no field")?.1.extend_from_slice(&bytes);
                    }
                    Event::End => is_over = true,
                }
            }
        }
        Ok((fields, is_over))
    };
    let whole = fields(bytes.len().max(1));
    assert_eq!(whole, fields(1));
    if let Ok((fields, _)) = whole {
        assert!(fields.iter().map(|(_, content)| content.len()).sum::<usize>() <= bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=XX";

    fn events(text: &[u8], step: usize) -> Result<Vec<Event>, &'static str> {
        let mut form = Form::new(KIND).unwrap();
        let mut found: Vec<Event> = Vec::new();
        for bytes in text.chunks(step) {
            form.push(bytes);
            while let Some(event) = form.next()? {
                match (found.last_mut(), event) {
                    (Some(Event::Bytes(before)), Event::Bytes(more)) => {
                        *before = [&before[..], &more].concat().into();
                    }
                    (_, event) => found.push(event),
                }
            }
        }
        Ok(found)
    }

    #[test]
    fn a_form_is_the_same_however_it_comes() {
        let text = b"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--XX  \r\n\
            Content-Type: a/b\r\ncontent-disposition:form-data; filename=\"x;name=\\\"y\\\"\"; name=file\r\n\r\n\
            \r\n--X\r\n--\r\n\r\n--XX\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--XX--\r\nrest";
        let field = |name: &str| Event::Field(name.into());
        let bytes = |text: &'static str| Event::Bytes(Bytes::from_static(text.as_bytes()));
        let expected =
            [field("a"), bytes("one"), field("file"), bytes("\r\n--X\r\n--\r\n"), field("empty"), Event::End];
        for step in [1, 2, 3, 5, 7, 64, 10_000] {
            assert_eq!(events(text, step).unwrap(), expected, "{step}");
        }
    }

    #[test]
    fn what_is_no_form_is_told() {
        let long = vec![b'x'; LONGEST_HEAD + 10];
        for text in [
            &b"--XX\r\nContent-Disposition: form-data\r\n\r\nx"[..],
            b"--XX\r\n\r\nx",
            b"--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nx",
            b"--XXX\r\nContent-Disposition: form-data; name=a\r\n\r\nx",
            &long,
            &[b"--XX\r\nA: ", &long[..]].concat(),
        ] {
            assert!(events(text, 64).is_err(), "{}", text[..20.min(text.len())].escape_ascii());
        }
        for kind in [
            "text/plain",
            "multipart/form-data",
            "multipart/mixed; boundary=x",
            "multipart/form-data; boundary=",
        ] {
            assert!(Form::new(kind).is_none(), "{kind}");
        }
        assert!(Form::new("Multipart/Form-Data; charset=x; boundary=\"a b\"").is_some());
    }
}
