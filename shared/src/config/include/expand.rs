//! Puts what is included in its place.

use std::path::PathBuf;

use super::super::decode::Context;
use super::super::diagnostic::may_be_secret;
use super::super::source::{self, Entry, Format, Kind, MAX_BYTES, MAX_NODES, Span, Value};
use super::files::{Files, Found, Included, Missing, Text};
use super::place::Place;

/// How deep files may include each other.
const MAX_DEPTH: usize = 8;
/// How many files may be included in all.
const MAX_FILES: usize = 1000;
/// The attribute.
const INCLUDE: &str = "include";

/// The document with all that it includes, and the files that were read. What is wrong is reported.
pub(crate) fn expand(root: Value, files: &Files<'_>, cx: &mut Context<'_>) -> (Value, Included) {
    let own = cx.file(root.span).to_owned();
    let size = root.size();
    let mut expansion = Expansion {
        files,
        included: Included::default(),
        chain: vec![one_name(&own)],
        bytes: 0,
        nodes: size,
        count: 0,
        is_full: false,
    };
    let root = expansion.value(root, Place::Node, cx);
    (root, expansion.included)
}

struct Expansion<'a> {
    files: &'a Files<'a>,
    included: Included,
    /// The files that include each other, down to the one at hand.
    chain: Vec<PathBuf>,
    bytes: usize,
    nodes: usize,
    count: usize,
    /// No more is taken, which was said.
    is_full: bool,
}

impl Expansion<'_> {
    fn value(&mut self, value: Value, place: Place, cx: &mut Context<'_>) -> Value {
        let kind = match value.kind {
            Kind::Map(entries) => Kind::Map(self.object(entries, place, cx)),
            Kind::List(items) => Kind::List(self.list(items, place, cx)),
            kind => kind,
        };
        Value { kind, span: value.span }
    }

    fn object(&mut self, entries: Vec<Entry>, place: Place, cx: &mut Context<'_>) -> Vec<Entry> {
        let mut own = Vec::new();
        let mut others = Vec::new();
        for entry in entries {
            let names_files = place == Place::Node || !matches!(entry.value.kind, Kind::Map(_));
            if entry.key == INCLUDE && place.is_object() && names_files {
                for (name, span) in names(&entry.value, cx) {
                    others.extend(self.files_of(&name, span, place, cx));
                }
                continue;
            }
            let value = match place.key(&entry.key) {
                Some(below) => cx.in_key(&entry.key, |cx| self.value(entry.value, below, cx)),
                None => entry.value,
            };
            own.push(Entry { value, ..entry });
        }
        for value in others {
            match value.kind {
                Kind::Map(more) => merge(&mut own, more, place, cx),
                // A file with nothing in it, or with comments only.
                Kind::Null => {}
                _ => unexpected(&value, place, cx),
            }
        }
        own
    }

    fn list(&mut self, items: Vec<Value>, place: Place, cx: &mut Context<'_>) -> Vec<Value> {
        let Some(item_place) = place.item() else { return items };
        let mut all = Vec::new();
        for item in items {
            let index = all.len();
            let include = match &item.kind {
                Kind::Map(entries) => entries.iter().find(|entry| entry.key == INCLUDE),
                _ => None,
            };
            let Some(include) = include else {
                all.push(cx.in_index(index, |cx| self.value(item, item_place, cx)));
                continue;
            };
            if matches!(&item.kind, Kind::Map(entries) if entries.len() > 1) {
                let message = "stands alone where a list is: what it includes are items of the list";
                cx.in_index(index, |cx| cx.error_at(INCLUDE, include.key_span, message));
                continue;
            }
            let mut found = Vec::new();
            for (name, span) in names(&include.value, cx) {
                found.extend(self.files_of(&name, span, place, cx));
            }
            for value in found {
                match value.kind {
                    Kind::List(items) => all.extend(items),
                    Kind::Null => {}
                    _ => unexpected(&value, place, cx),
                }
            }
        }
        all
    }

    /// What is in the files that `name` stands for; each is whole, with what it includes itself.
    fn files_of(&mut self, name: &str, span: Span, place: Place, cx: &mut Context<'_>) -> Vec<Value> {
        let string = Value { kind: Kind::String(name.to_owned()), span };
        let Some(path) = cx.in_key(INCLUDE, |cx| cx.substituted(&string)).and_then(|text| match &text.kind {
            Kind::String(text) => Some(cx.absolute(text)),
            _ => None,
        }) else {
            return Vec::new();
        };
        let found = match self.files.find(name, &path) {
            Ok(found) => found,
            Err(Missing::Files(reason)) => {
                cx.error_at(INCLUDE, span, reason);
                return Vec::new();
            }
            Err(Missing::Text(file, unreadable)) => {
                let number = cx.add_file(&file.display().to_string()).unwrap_or(0);
                cx.error(Span { file: number, ..unreadable.span }, unreadable.message);
                let found = Found {
                    path,
                    texts: vec![Text { file: file.display().to_string(), text: unreadable.text }],
                };
                self.included.0.insert(name.to_owned(), found);
                return Vec::new();
            }
        };
        self.included.0.insert(name.to_owned(), found.clone());
        found.texts.into_iter().filter_map(|text| self.file(text, span, place, cx)).collect()
    }

    fn file(&mut self, text: Text, span: Span, place: Place, cx: &mut Context<'_>) -> Option<Value> {
        let Text { file, text } = text;
        let own = one_name(&file);
        if self.chain.contains(&own) {
            cx.error_at(INCLUDE, span, format!("{file} would include itself"));
            return None;
        }
        if self.chain.len() > MAX_DEPTH {
            cx.error_at(INCLUDE, span, format!("{file}: files include each other, {MAX_DEPTH} deep at most"));
            return None;
        }
        if self.is_full {
            return None;
        }
        self.count += 1;
        self.bytes += text.len();
        if self.count > MAX_FILES || self.bytes > MAX_BYTES {
            self.is_full = true;
            let most = format!("{MAX_FILES} files with {MAX_BYTES} bytes are included at most");
            cx.error_at(INCLUDE, span, format!("{file} is too much: {most}"));
            return None;
        }
        let Some(format) = Format::of_file(&file) else {
            cx.error_at(
                INCLUDE,
                span,
                format!("{file}: the name of a configuration ends in .json, .yaml or .yml"),
            );
            return None;
        };
        let Some(number) = cx.add_file(&file) else {
            cx.error_at(INCLUDE, span, format!("{file}: too many files are included"));
            return None;
        };
        let value = match source::parse(&text, format) {
            Ok(value) => value.in_file(number),
            Err(error) => {
                let error = error.in_file(number);
                if may_be_secret(&text, error.span.line) {
                    cx.secret_lines.insert((number, error.span.line));
                }
                cx.error(error.span, error.message);
                return None;
            }
        };
        self.nodes = self.nodes.saturating_add(value.size());
        if self.nodes > MAX_NODES {
            self.is_full = true;
            cx.error(
                span,
                format!("{file}: at most {MAX_NODES} values are read, with those of included files"),
            );
            return None;
        }
        // One item of a list is a list of one.
        let is_item = place.item().is_some() && matches!(value.kind, Kind::Map(_));
        let value = match is_item {
            true => Value { span: value.span, kind: Kind::List(vec![value]) },
            false => value,
        };
        self.chain.push(own);
        let value = self.value(value, place, cx);
        self.chain.pop();
        Some(value)
    }
}

/// The names that an `include` has, and where they stand.
fn names(value: &Value, cx: &mut Context<'_>) -> Vec<(String, Span)> {
    let items = match &value.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    let mut names = Vec::new();
    for item in items {
        match &item.kind {
            Kind::String(name) if !name.is_empty() && !name.contains('\0') => {
                names.push((name.clone(), item.span))
            }
            _ => {
                let found = cx.describe(item);
                cx.error_at(
                    INCLUDE,
                    item.span,
                    format!("found {found}, expected a file, a directory or a pattern"),
                );
            }
        }
    }
    names
}

fn unexpected(value: &Value, place: Place, cx: &mut Context<'_>) {
    let found = cx.describe(value);
    cx.error(value.span, format!("found {found}, expected {}, since it is included there", place.expected()));
}

/// Adds what a file has to what is there: workers to workers, and attributes that are not there yet.
fn merge(own: &mut Vec<Entry>, more: Vec<Entry>, place: Place, cx: &mut Context<'_>) {
    for entry in more {
        // Each file may say what it is.
        let is_said = place == Place::Node && matches!(entry.key.as_str(), "version" | "$schema");
        let is_note = place == Place::Node && entry.key.starts_with("x-");
        match own.iter_mut().find(|there| there.key == entry.key) {
            None => own.push(entry),
            Some(there) if is_said && there.value.kind == entry.value.kind => {}
            Some(_) if entry.key == "$schema" || is_note => {}
            Some(there) => match (&mut there.value.kind, entry.value.kind) {
                (Kind::List(items), Kind::List(others)) if place == Place::Node => items.extend(others),
                _ => {
                    let line = cx.line(there.key_span, entry.key_span);
                    let message = format!("stands in {line}, too, and both are included together; keep one");
                    cx.error_at(&entry.key, entry.key_span, message);
                }
            },
        }
    }
}

/// A file's name without links, as far as it is there.
fn one_name(file: &str) -> PathBuf {
    std::fs::canonicalize(file).unwrap_or_else(|_| PathBuf::from(file))
}
