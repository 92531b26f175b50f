//! YAML events into the tree: anchors, aliases and merge keys are resolved here, and only plain data passes.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span as Range, Tag};

use super::scalar::plain_scalar;
use super::tree::{Entry, Kind, MAX_DEPTH, MAX_NODES, Span, SyntaxError, Value};

pub(super) fn parse(text: &str) -> Result<Value, SyntaxError> {
    let options: Options = granit_parser::options! { emit_comments: false };
    let mut builder = Builder {
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        nodes: 0,
    };
    builder.document()
}

struct Builder<'t, P: Iterator<Item = Result<(Event<'t>, Range), ScanError>>> {
    events: P,
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
}

fn place(range: &Range) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span::new(number(range.start.line()).max(1), number(range.start.col()).saturating_add(1))
}

fn wrong(span: Span, message: impl Into<String>) -> SyntaxError {
    SyntaxError { span, message: message.into() }
}

fn scan_error(error: &ScanError) -> SyntaxError {
    wrong(place(&Range::empty(*error.marker())), error.info())
}

impl<'t, P: Iterator<Item = Result<(Event<'t>, Range), ScanError>>> Builder<'t, P> {
    fn next(&mut self) -> Result<(Event<'t>, Span), SyntaxError> {
        match self.events.next() {
            Some(Ok((event, range))) => Ok((event, place(&range))),
            Some(Err(error)) => Err(scan_error(&error)),
            None => Ok((Event::StreamEnd, Span::new(1, 1))),
        }
    }

    fn document(&mut self) -> Result<Value, SyntaxError> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, span) => return Ok(root.unwrap_or(Value { kind: Kind::Null, span })),
                (Event::StreamStart | Event::DocumentEnd, _) => {}
                (Event::DocumentStart(..), span) if root.is_some() => {
                    return Err(wrong(span, "found a second document, a configuration is one"));
                }
                (Event::DocumentStart(..), _) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span, 0)?.0);
                }
                (_, span) => return Err(wrong(span, "found a value outside of the document")),
            }
        }
    }

    /// The node that `event` begins, and how many values it holds.
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<(Value, usize), SyntaxError> {
        self.count(1, depth, span)?;
        let (anchor, value, size) = match event {
            Event::Alias(id) => {
                let (mut value, size) = self
                    .anchors
                    .get(&id)
                    .cloned()
                    .ok_or_else(|| wrong(span, "this alias stands inside of what it names"))?;
                self.count(size, depth, span)?;
                if depth + value.depth() > MAX_DEPTH {
                    return Err(too_large(span));
                }
                value.span = span;
                return Ok((value, size));
            }
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, Value { kind: scalar(&text, style, tag.as_deref(), span)?, span }, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "seq", span)?;
                let mut items = Vec::new();
                let mut size = 1;
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => {
                            let (item, inner) = self.node(event, span, depth + 1)?;
                            items.push(item);
                            size += inner;
                        }
                    }
                }
                (anchor, Value { kind: Kind::List(items), span }, size)
            }
            Event::MappingStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "map", span)?;
                let (entries, size) = self.mapping(depth)?;
                (anchor, Value { kind: Kind::Map(entries), span }, size + 1)
            }
            _ => return Err(wrong(span, "expected a value")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok((value, size))
    }

    fn mapping(&mut self, depth: usize) -> Result<(Vec<Entry>, usize), SyntaxError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        let mut seen = HashSet::new();
        let mut size = 0;
        loop {
            let (event, key_span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text.as_ref() == "<<");
            let (key, key_size) = self.node(event, key_span, depth + 1)?;
            let (event, span) = self.next()?;
            let (value, value_size) = self.node(event, span, depth + 1)?;
            size += key_size + value_size;
            if merge {
                merge_into(&mut merged, value)?;
                continue;
            }
            let Kind::String(key) = key.kind else {
                return Err(wrong(key_span, "an attribute name is a string; put quotes around it"));
            };
            if !seen.insert(key.clone()) {
                return Err(wrong(key_span, super::tree::duplicate_key(&key)));
            }
            entries.push(Entry { key, key_span, value });
        }
        // What is written in the mapping itself goes before what is merged into it.
        merged.retain(|entry| seen.insert(entry.key.clone()));
        merged.append(&mut entries);
        Ok((merged, size))
    }

    fn count(&mut self, more: usize, depth: usize, span: Span) -> Result<(), SyntaxError> {
        self.nodes = self.nodes.saturating_add(more);
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(too_large(span));
        }
        Ok(())
    }
}

fn too_large(span: Span) -> SyntaxError {
    wrong(
        span,
        format!("the document is too large: at most {MAX_DEPTH} levels and {MAX_NODES} values are read"),
    )
}

fn merge_into(merged: &mut Vec<Entry>, value: Value) -> Result<(), SyntaxError> {
    match value.kind {
        Kind::Map(entries) => merged.extend(entries),
        Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
            for item in items {
                merge_into(merged, item)?;
            }
        }
        _ => return Err(wrong(value.span, "a merge key takes a mapping, or a list of mappings")),
    }
    Ok(())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Kind, SyntaxError> {
    let plain = matches!(style, ScalarStyle::Plain);
    let Some(tag) = tag else {
        return match plain.then(|| plain_scalar(text)) {
            None => Ok(Kind::String(text.to_owned())),
            Some(_) if [".inf", "-.inf", "+.inf", ".nan"].contains(&text.to_ascii_lowercase().as_str()) => {
                Err(wrong(span, format!("found {text}, numbers are finite here")))
            }
            Some(kind) => Ok(kind),
        };
    };
    let kind = plain_scalar(text);
    let matching = match tag.core_suffix() {
        Some("str") => return Ok(Kind::String(text.to_owned())),
        Some("int") => matches!(kind, Kind::Int(_)),
        Some("float") => {
            if let Kind::Int(value) = kind {
                return Ok(Kind::Float(value as f64));
            }
            matches!(kind, Kind::Float(_))
        }
        Some("bool") => matches!(kind, Kind::Bool(_)),
        Some("null") => matches!(kind, Kind::Null),
        _ => return Err(custom_tag(tag, span)),
    };
    if matching {
        Ok(kind)
    } else {
        Err(wrong(span, format!("found a value that does not fit the tag {tag}")))
    }
}

fn collection_tag(tag: Option<&Tag>, expected: &str, span: Span) -> Result<(), SyntaxError> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(expected) => Err(custom_tag(tag, span)),
        _ => Ok(()),
    }
}

fn custom_tag(tag: &Tag, span: Span) -> SyntaxError {
    wrong(span, format!("found the tag {tag}, a configuration is plain data without tags"))
}

impl Value {
    fn depth(&self) -> usize {
        match &self.kind {
            Kind::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Kind::Map(entries) => 1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_and_places() {
        let value = parse("# hello\nworkers:\n  - type: router\n    port: 0x1F90\n    on_: yes\n").unwrap();
        assert_eq!(value.to_json(), json!({"workers": [{"type": "router", "port": 8080, "on_": true}]}));
        let workers = value.get("workers").unwrap();
        let Kind::List(items) = &workers.value.kind else { panic!() };
        let port = items[0].get("port").unwrap();
        assert_eq!((port.key_span.line, port.key_span.column), (4, 5));
        assert_eq!((port.value.span.line, port.value.span.column), (4, 11));
    }

    #[test]
    fn anchors_and_merge_keys() {
        let value =
            parse("base: &b {x: 1, y: 2}\nother:\n  <<: *b\n  y: 3\nlist: [*b]\nquoted: '8080'\n").unwrap();
        assert_eq!(
            value.to_json(),
            json!({"base": {"x": 1, "y": 2}, "other": {"x": 1, "y": 3}, "list": [{"x": 1, "y": 2}], "quoted": "8080"})
        );
    }

    #[test]
    fn what_is_not_one_plain_document_is_refused() {
        for text in [
            "a: 1\n---\nb: 2\n",
            "a: !!python/object:os.system {}\n",
            "a: 1\na: 2\n",
            "a: .nan\n",
            "8080: x\n",
            "a: &a [*a]\n",
            "a: [",
            "a: *b",
        ] {
            assert!(parse(text).is_err(), "{text:?} gave {:?}", parse(text));
        }
        let deep = "[".repeat(5000);
        assert!(parse(&deep).is_err());
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(",")));
        }
        assert!(parse(&bomb).is_err());
    }
}
