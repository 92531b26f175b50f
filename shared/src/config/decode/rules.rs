//! What single values may be: booleans, words, strings, paths.

use std::marker::PhantomData;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::super::source::{Kind, Value};
use super::references::or_reference;
use super::{Context, Defs, Rule, alternatives, describe_kind, nearest};

pub(super) fn refuse<T>(value: &Value, expected: &str, cx: &mut Context<'_>) -> Option<T> {
    cx.error(value.span, format!("found {}, expected {expected}", cx.describe(value)));
    None
}

/// A boolean, and nothing that would do as one.
pub(crate) struct Boolean;

/// `true` or `false`.
pub(crate) fn boolean() -> Boolean {
    Boolean
}

impl Rule for Boolean {
    type Out = bool;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<bool> {
        match value.kind {
            Kind::Bool(found) => Some(found),
            _ => refuse(value, &self.expected(), cx),
        }
    }

    fn expected(&self) -> String {
        "true or false".into()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        json!({"type": "boolean"})
    }
}

/// A string, perhaps with a condition.
pub(crate) struct Text {
    expected: &'static str,
    pattern: Option<&'static str>,
    accept: fn(&str) -> bool,
}

/// Any string.
pub(crate) fn text() -> Text {
    matching("a string", None, |_| true)
}

/// A string that `accept`s; `pattern` says the same as a regular expression, where one can.
pub(crate) fn matching(
    expected: &'static str,
    pattern: Option<&'static str>,
    accept: fn(&str) -> bool,
) -> Text {
    Text { expected, pattern, accept }
}

impl Rule for Text {
    type Out = String;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<String> {
        let value = cx.substituted(value)?;
        match &value.kind {
            Kind::String(text) if (self.accept)(text) => Some(text.clone()),
            _ => refuse(&value, self.expected, cx),
        }
    }

    fn expected(&self) -> String {
        self.expected.into()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        match self.pattern {
            Some(pattern) => or_reference(json!({"type": "string", "pattern": pattern})),
            None => json!({"type": "string"}),
        }
    }
}

/// Reads a text in which only the whole may be a reference.
pub(crate) struct Verbatim;

/// Any string, as it is: what looks like a variable inside of it is for somebody else, such as a shell.
pub(crate) fn verbatim() -> Verbatim {
    Verbatim
}

impl Rule for Verbatim {
    type Out = String;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<String> {
        let value = cx.referenced(value)?;
        match &value.kind {
            Kind::String(text) => Some(text.clone()),
            _ => refuse(&value, &self.expected(), cx),
        }
    }

    fn expected(&self) -> String {
        "a string".into()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        json!({"type": "string"})
    }
}

/// A string nobody should see: not in a log, not in a status answer, not in an error.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a [`Secret`].
pub(crate) struct SecretText;

/// A string that is kept out of sight.
pub(crate) fn secret() -> SecretText {
    SecretText
}

impl Rule for SecretText {
    type Out = Secret;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Secret> {
        cx.secret_lines.insert((value.span.file, value.span.line));
        match cx.referenced(value)?.kind {
            Kind::String(ref text) => Some(Secret(text.clone())),
            _ => {
                cx.error(value.span, format!("found {}, expected a string", describe_kind(value)));
                None
            }
        }
    }

    fn expected(&self) -> String {
        "a string".into()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        json!({"type": "string"})
    }
}

/// Reads a [`Secret`] that may be missing from the environment.
pub(crate) struct SecretIfSet;

/// A string that is kept out of sight. Where it is in a variable that is not set, as while a node runs that needs no such login,
/// it is absent: that is said, and whose it is can't log in.
pub(crate) fn secret_if_set() -> SecretIfSet {
    SecretIfSet
}

impl Rule for SecretIfSet {
    type Out = Option<Secret>;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Option<Secret>> {
        match cx.unset_variable(value) {
            Some(name) => {
                let message = super::strings::unset(name, false);
                cx.warn(value.span, format!("{message}; until then nobody logs in by it"));
                Some(None)
            }
            None => SecretText.read(value, cx).map(Some),
        }
    }

    fn expected(&self) -> String {
        SecretText.expected()
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        SecretText.schema(defs)
    }
}

/// Reads by another rule what is kept out of quoted lines.
pub(crate) struct Hidden<R>(R);

/// By this rule, and its line is never quoted.
pub(crate) fn hidden<R: Rule>(rule: R) -> Hidden<R> {
    Hidden(rule)
}

impl<R: Rule> Rule for Hidden<R> {
    type Out = R::Out;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<R::Out> {
        cx.secret_lines.insert((value.span.file, value.span.line));
        self.0.read(value, cx)
    }

    fn expected(&self) -> String {
        self.0.expected()
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        self.0.schema(defs)
    }
}

/// What a path must be at the time of checking.
#[derive(Clone, Copy, PartialEq)]
enum Exists {
    Perhaps,
    File,
    Directory,
}

/// A path, relative to the node directory.
pub(crate) struct FilePath(Exists);

/// A path that need not exist.
pub(crate) fn path() -> FilePath {
    FilePath(Exists::Perhaps)
}

/// A file that exists.
pub(crate) fn file() -> FilePath {
    FilePath(Exists::File)
}

/// A directory that exists.
pub(crate) fn directory() -> FilePath {
    FilePath(Exists::Directory)
}

impl Rule for FilePath {
    type Out = PathBuf;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<PathBuf> {
        let value = cx.substituted(value)?;
        let Kind::String(text) = &value.kind else { return refuse(&value, &self.expected(), cx) };
        if let Some(wrong) = wrong_path(text, self.0 != Exists::Directory) {
            cx.error(value.span, format!("found {text:?}, expected {}: {wrong}", self.expected()));
            return None;
        }
        let path = cx.absolute(text);
        let fine = cx.files_exist
            || match self.0 {
                Exists::Perhaps => true,
                Exists::File => path.is_file(),
                Exists::Directory => path.is_dir(),
            };
        if fine {
            return Some(path);
        }
        let state = if path.exists() { "is something else" } else { "does not exist" };
        cx.error(
            value.span,
            format!("found {text:?}, expected {}: {} {state}", self.expected(), path.display()),
        );
        None
    }

    fn expected(&self) -> String {
        match self.0 {
            Exists::Perhaps => "a path (relative to the node directory)",
            Exists::File => "the path of a file (relative to the node directory)",
            Exists::Directory => "the path of a directory (relative to the node directory)",
        }
        .into()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        json!({"type": "string"})
    }
}

/// Why a text is no path at all, or none of something that may be a file.
pub(crate) fn wrong_path(text: &str, may_be_file: bool) -> Option<&'static str> {
    if text.contains('\0') {
        return Some("no path has a NUL in it");
    }
    if text.is_empty() && may_be_file {
        return Some("it is empty");
    }
    None
}

/// A value that is handed on as it is.
pub(crate) struct Any;

/// Anything, null too.
pub(crate) fn any() -> Any {
    Any
}

impl Rule for Any {
    type Out = Json;

    fn read(&self, value: &Value, _: &mut Context<'_>) -> Option<Json> {
        Some(value.to_json())
    }

    fn expected(&self) -> String {
        "any value".into()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        json!({})
    }
}

/// An enum of words.
pub(crate) trait Choice: Copy + Sized + 'static {
    /// The words and what they stand for.
    const ALL: &'static [(&'static str, Self)];
}

/// One of an enum's words.
pub(crate) struct Word<T>(PhantomData<fn() -> T>);

/// One of the words of `T`.
pub(crate) fn word<T: Choice>() -> Word<T> {
    Word(PhantomData)
}

impl<T: Choice> Rule for Word<T> {
    type Out = T;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<T> {
        let value = cx.substituted(value)?;
        let Kind::String(text) = &value.kind else { return refuse(&value, &self.expected(), cx) };
        if let Some((_, found)) = T::ALL.iter().find(|(name, _)| name == text) {
            return Some(*found);
        }
        let hint = nearest(text, T::ALL.iter().map(|(name, _)| *name));
        let hint = hint.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
        refuse(&value, &format!("{}{hint}", self.expected()), cx)
    }

    fn expected(&self) -> String {
        alternatives(&T::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>())
    }

    fn schema(&self, _: &mut Defs) -> Json {
        or_reference(json!({"enum": T::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>()}))
    }
}
