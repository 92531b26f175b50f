//! `"${NAME}"` and `"${NAME:-default}"` for whole values, and variables inside of Unix paths.

use std::borrow::Cow;

use super::super::source::{Kind, Span, Value};
use super::Context;

/// `text` without one newline at its end: `$` in the patterns of Crossbar.io lets it pass.
pub(crate) fn until_dollar(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

/// A variable's name: `[A-Za-z_][A-Za-z0-9_]*`
pub(crate) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `NAME` and the default, if the whole of `text` is a reference to a variable.
pub(crate) fn reference(text: &str) -> Option<(&str, Option<&str>)> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    is_variable(name).then_some((name, default))
}

impl Context<'_> {
    /// `value` with a reference to a variable replaced by what the variable says.
    ///
    /// As in a shell, `:-` also applies to a variable that is set to nothing.
    pub(crate) fn substituted<'v>(&mut self, value: &'v Value) -> Option<Cow<'v, Value>> {
        let Kind::String(text) = &value.kind else { return Some(Cow::Borrowed(value)) };
        let Some((name, default)) = reference(text) else { return Some(Cow::Borrowed(value)) };
        let text = match (self.env(name), default) {
            (Some(text), None) => text,
            (Some(text), Some(_)) if !text.is_empty() => text,
            (_, Some(default)) => default.to_owned(),
            (None, None) => {
                self.error(value.span, unset(name, true));
                return None;
            }
        };
        Some(Cow::Owned(Value { kind: Kind::String(text), span: value.span }))
    }

    /// The variable that `value` refers to, if it is not set and there is no default.
    pub(crate) fn unset_variable<'v>(&self, value: &'v Value) -> Option<&'v str> {
        let Kind::String(text) = &value.kind else { return None };
        let (name, default) = reference(text)?;
        (default.is_none() && self.env(name).is_none()).then_some(name)
    }

    /// `text` with `$NAME` and `${NAME}` replaced wherever they stand in it.
    pub(crate) fn expanded(&mut self, text: &str, span: Span) -> Option<String> {
        let mut rest = text;
        let mut expanded = String::new();
        let mut complete = true;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let (name, behind) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some((name, behind)) => (name, behind),
                None => {
                    let length =
                        after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                    after.split_at(length)
                }
            };
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

pub(crate) fn unset(name: &str, with_default: bool) -> String {
    let hint = if with_default { format!(", or write \"${{{name}:-default}}\"") } else { String::new() };
    format!("the environment variable {name} is not set; set it{hint}")
}
