//! What single values may be: numbers, words, strings, paths, times.

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::super::source::{Kind, Value, python_int};
use super::{Context, Defs, Rule, describe, describe_kind, nearest};

/// `a, b or c`, each in quotes.
pub(crate) fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

fn refuse<T>(value: &Value, expected: &str, cx: &mut Context<'_>) -> Option<T> {
    cx.error(value.span, format!("found {}, expected {expected}", describe(value)));
    None
}

/// A whole number. One that comes from a variable is read as Python's `int()` reads it.
pub(crate) struct Int<T> {
    range: RangeInclusive<i128>,
    also: Option<i128>,
    unit: &'static str,
    out: PhantomData<fn() -> T>,
}

/// A whole number in `range`.
pub(crate) fn int<T>(range: RangeInclusive<i128>) -> Int<T> {
    Int { range, also: None, unit: "", out: PhantomData }
}

impl<T> Int<T> {
    /// One more number that is accepted.
    pub(crate) fn or(mut self, also: i128) -> Self {
        self.also = Some(also);
        self
    }

    fn number(&self, value: &Value, cx: &mut Context<'_>) -> Option<i128> {
        let substituted = cx.substituted(value)?;
        let found = match &substituted.kind {
            Kind::Int(found) => Some(*found),
            Kind::String(text) if matches!(substituted, std::borrow::Cow::Owned(_)) => python_int(text),
            _ => None,
        };
        match found {
            Some(found) if self.range.contains(&found) || self.also == Some(found) => Some(found),
            _ => {
                let hint = match (&value.kind, &substituted.kind) {
                    (Kind::String(text), _) if python_int(text).is_some() => "; write it without quotes",
                    (Kind::Float(_), _) => "; whole numbers are written without a point",
                    _ => "",
                };
                refuse(&substituted, &format!("{}{hint}", self.described()), cx)
            }
        }
    }

    fn described(&self) -> String {
        let (low, high) = (*self.range.start(), *self.range.end());
        let unit = if self.unit.is_empty() { String::new() } else { format!(" ({})", self.unit) };
        let also = self.also.map(|also| format!("{also} or ")).unwrap_or_default();
        let open = high >= i128::from(u32::MAX);
        match low {
            low if open && low < -i128::from(u32::MAX) => format!("{also}an integer{unit}"),
            low if open => format!("{also}an integer of {low} or more{unit}"),
            low => format!("{also}an integer from {low} to {high}{unit}"),
        }
    }

    fn json_schema(&self) -> Json {
        let mut schema = json!({"type": "integer"});
        if let Json::Object(map) = &mut schema {
            if let (None, Ok(low)) = (self.also, i64::try_from(*self.range.start())) {
                map.insert("minimum".into(), json!(low));
            }
            if let Ok(high) = i64::try_from(*self.range.end()) {
                map.insert("maximum".into(), json!(high));
            }
        }
        let schema = match self.also {
            Some(also) => match i64::try_from(*self.range.start()) {
                Ok(low) => {
                    json!({"anyOf": [{"const": i64::try_from(also).unwrap_or(0)}, {"type": "integer", "minimum": low}]})
                }
                Err(_) => schema,
            },
            None => schema,
        };
        or_reference(schema)
    }
}

impl<T: TryFrom<i128>> Rule for Int<T> {
    type Out = T;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<T> {
        let found = self.number(value, cx)?;
        let converted = T::try_from(found).ok();
        if converted.is_none() {
            cx.error(value.span, format!("found {found}, which is out of range"));
        }
        converted
    }

    fn expected(&self) -> String {
        self.described()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        self.json_schema()
    }
}

/// `schema`, or a reference to a variable instead.
fn or_reference(schema: Json) -> Json {
    json!({"anyOf": [schema, {"type": "string", "pattern": "^\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\\}$"}]})
}

/// A whole number of `unit`s, as a duration.
pub(crate) struct Whole {
    int: Int<u64>,
    unit: fn(u64) -> Duration,
}

/// Whole milliseconds in `range`.
pub(crate) fn millis(range: RangeInclusive<i128>) -> Whole {
    Whole { int: Int { unit: "milliseconds", ..int(range) }, unit: Duration::from_millis }
}

/// Whole seconds in `range`.
pub(crate) fn whole_seconds(range: RangeInclusive<i128>) -> Whole {
    Whole { int: Int { unit: "seconds", ..int(range) }, unit: Duration::from_secs }
}

impl Whole {
    /// 0 too, which switches it off.
    pub(crate) fn or_off(mut self) -> Self {
        self.int.also = Some(0);
        self
    }
}

impl Rule for Whole {
    type Out = Duration;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Duration> {
        self.int.read(value, cx).map(self.unit)
    }

    fn expected(&self) -> String {
        self.int.expected()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        self.int.json_schema()
    }
}

/// Seconds, whole or not.
pub(crate) struct Seconds {
    range: RangeInclusive<f64>,
    off: bool,
}

/// Seconds in `range`, whole or not.
pub(crate) fn seconds(range: RangeInclusive<f64>) -> Seconds {
    Seconds { range, off: false }
}

impl Seconds {
    /// 0 too, which switches it off.
    pub(crate) fn or_off(mut self) -> Self {
        self.off = true;
        self
    }
}

impl Rule for Seconds {
    type Out = Duration;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Duration> {
        let substituted = cx.substituted(value)?;
        let found = match &substituted.kind {
            Kind::Int(found) => Some(*found as f64),
            Kind::Float(found) => Some(*found),
            Kind::String(text) if matches!(substituted, std::borrow::Cow::Owned(_)) => {
                text.trim().parse().ok()
            }
            _ => None,
        };
        match found {
            Some(found) if self.range.contains(&found) || (self.off && found == 0.0) => {
                Duration::try_from_secs_f64(found).ok()
            }
            _ => refuse(&substituted, &self.expected(), cx),
        }
    }

    fn expected(&self) -> String {
        let off = if self.off { "0 or " } else { "" };
        format!("{off}a number from {} to {} (seconds)", self.range.start(), self.range.end())
    }

    fn schema(&self, _: &mut Defs) -> Json {
        let low = if self.off { 0.0 } else { *self.range.start() };
        or_reference(json!({"type": "number", "minimum": low, "maximum": self.range.end()}))
    }
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

/// A string nobody should see: not in a log, not in a status answer, not in an error.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a [`Secret`], or nothing but an opaque string of another type.
pub(crate) struct SecretText;

/// A string that is kept out of sight.
pub(crate) fn secret() -> SecretText {
    SecretText
}

impl Rule for SecretText {
    type Out = Secret;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Secret> {
        match cx.substituted(value)?.kind {
            Kind::String(ref text) => Some(Secret(text.clone())),
            _ => {
                cx.sensitive_error(value.span, format!("found {}, expected a string", describe_kind(value)));
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
        let path = cx.absolute(text);
        let fine = match self.0 {
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
