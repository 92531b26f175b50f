//! What stands in the place of references: variables of the environment, and files with secrets.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use super::super::source::{Kind, Span, Value};
use super::Context;
use super::references::{Piece, is_variable, pieces, whole};

/// Where systemd puts the credentials of a service (systemd.exec(5), `LoadCredential=`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Most bytes that a file may have whose content stands in a string.
const MAX_BYTES: u64 = 64 << 10;
/// How deep defaults may stand in defaults.
const MAX_DEPTH: usize = 8;

/// `text` without one newline at its end: `$` in the patterns of Crossbar.io lets it pass.
pub(crate) fn until_dollar(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

impl Context<'_> {
    /// `value` with the references in it replaced by what they refer to.
    ///
    /// As in a shell, `:-` also applies to a variable that is set to nothing.
    pub(crate) fn substituted<'v>(&mut self, value: &'v Value) -> Option<Cow<'v, Value>> {
        let Kind::String(text) = &value.kind else { return Some(Cow::Borrowed(value)) };
        self.replaced(value, &pieces(text))
    }

    /// The same only where the whole of `value` is one reference: for texts in which something that looks like one may stand.
    pub(crate) fn referenced<'v>(&mut self, value: &'v Value) -> Option<Cow<'v, Value>> {
        let Kind::String(text) = &value.kind else { return Some(Cow::Borrowed(value)) };
        match whole(text) {
            Some(piece) => self.replaced(value, &[piece]),
            None => Some(Cow::Borrowed(value)),
        }
    }

    fn replaced<'v>(&mut self, value: &'v Value, found: &[Piece<'_>]) -> Option<Cow<'v, Value>> {
        let Kind::String(text) = &value.kind else { return Some(Cow::Borrowed(value)) };
        let is_plain = match found {
            [] => true,
            [Piece::Text(only)] => only == text,
            _ => false,
        };
        if is_plain {
            return Some(Cow::Borrowed(value));
        }
        let kind = Kind::String(self.joined(found, value.span, 0)?);
        Some(Cow::Owned(Value { kind, span: value.span }))
    }

    /// The pieces as one text; `None` after errors were reported.
    fn joined(&mut self, pieces_found: &[Piece<'_>], span: Span, depth: usize) -> Option<String> {
        let mut joined = String::new();
        let mut is_complete = true;
        for piece in pieces_found {
            let text = match piece {
                Piece::Text(text) => Some((*text).to_owned()),
                Piece::Variable { name, default } => self.variable(name, *default, span, depth),
                Piece::File(path) => self.file_text(&self.absolute(path), span),
                Piece::Credential(name) => self.credential(name, span),
            };
            match text {
                Some(text) => joined += &text,
                None => is_complete = false,
            }
        }
        is_complete.then_some(joined)
    }

    fn variable(&mut self, name: &str, default: Option<&str>, span: Span, depth: usize) -> Option<String> {
        match (self.env(name), default) {
            (Some(text), None) => Some(text),
            (Some(text), Some(_)) if !text.is_empty() => Some(text),
            (_, Some(default)) if depth < MAX_DEPTH => self.joined(&pieces(default), span, depth + 1),
            (_, Some(_)) => {
                self.error(span, format!("defaults stand in defaults here, {MAX_DEPTH} deep at most"));
                None
            }
            (None, None) => {
                self.error(span, unset(name, true));
                None
            }
        }
    }

    fn credential(&mut self, name: &str, span: Span) -> Option<String> {
        if name.contains('/') || name == ".." || name == "." {
            let message = format!("found the credential {name:?}, expected a name without slashes");
            self.error(span, message);
            return None;
        }
        let Some(directory) = self.env(CREDENTIALS).filter(|directory| !directory.is_empty()) else {
            let message = format!(
                "the credential {name} can't be read: {CREDENTIALS} is not set; systemd sets it for a service with \
                 LoadCredential="
            );
            self.error(span, message);
            return None;
        };
        self.file_text(&Path::new(&directory).join(name), span)
    }

    /// What is in a file, without the newline at its end. What is said about the value that it stands in shows nothing of it.
    fn file_text(&mut self, path: &Path, span: Span) -> Option<String> {
        // Also one that is not there yet: who watches the files waits for it.
        self.files_read.insert(path.to_owned());
        match read(path) {
            Ok(text) => {
                self.hide(span, &text);
                Some(text)
            }
            Err(reason) => {
                self.error(span, format!("{}: {reason}", path.display()));
                None
            }
        }
    }

    /// The variable that `value` refers to, if it is not set and there is no default.
    pub(crate) fn unset_variable<'v>(&self, value: &'v Value) -> Option<&'v str> {
        let Kind::String(text) = &value.kind else { return None };
        match whole(text)? {
            Piece::Variable { name, default: None } if self.env(name).is_none() => Some(name),
            _ => None,
        }
    }

    /// `text` with `$NAME` replaced wherever it stands in it.
    pub(crate) fn expanded(&mut self, text: &str, span: Span) -> Option<String> {
        let mut rest = text;
        let mut expanded = String::new();
        let mut complete = true;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let length = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            let (name, behind) = after.split_at(length);
            if !is_variable(name) {
                expanded.push('$');
                rest = after;
                continue;
            }
            match self.env(name) {
                Some(value) => expanded.push_str(&value),
                None => {
                    self.error(span, unset(name, false));
                    complete = false;
                }
            }
            rest = behind;
        }
        expanded.push_str(rest);
        complete.then_some(expanded)
    }
}

/// The content of a small file of text.
fn read(path: &Path) -> Result<String, String> {
    // Opening waits for nobody, also where somebody has put a pipe.
    if !path.metadata().map_err(|e| format!("cannot be read: {e}"))?.is_file() {
        return Err("cannot be read: it is no regular file".into());
    }
    let file = std::fs::File::open(path).map_err(|e| format!("cannot be read: {e}"))?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidData => "its content is no text in UTF-8".to_owned(),
        _ => format!("cannot be read: {e}"),
    })?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("it has more than the {MAX_BYTES} bytes that may stand in a string"));
    }
    let ends = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).map(str::len);
    text.truncate(ends.unwrap_or(text.len()));
    Ok(text)
}

pub(crate) fn unset(name: &str, with_default: bool) -> String {
    let hint = if with_default { format!(", or write \"${{{name}:-default}}\"") } else { String::new() };
    format!("the environment variable {name} is not set; set it{hint}")
}
