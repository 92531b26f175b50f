//! The attributes of one object while it is being read: which were asked for, which are left over.

use super::super::source::{Entry, Kind, Span, Value};
use super::{Context, Rule, nearest};

/// What the names of attributes begin with that are the author's own: notes, and what YAML's anchors name.
const OWN: &str = "x-";

/// The attributes of one object.
pub(crate) struct Fields<'v> {
    entries: &'v [Entry],
    /// Where the object begins.
    pub(crate) span: Span,
    known: Vec<&'static str>,
    /// Nothing can be said about the attributes left over.
    unclear: bool,
    /// Attributes left over are no error.
    lenient: bool,
}

impl<'v> Fields<'v> {
    /// The attributes of `value`; an error if it is no object.
    pub(crate) fn of(value: &'v Value, what: &str, cx: &mut Context<'_>) -> Option<Self> {
        match &value.kind {
            Kind::Map(entries) => {
                Some(Self { entries, span: value.span, known: Vec::new(), unclear: false, lenient: false })
            }
            _ => {
                cx.error(value.span, format!("found {}, expected {what}", cx.describe(value)));
                None
            }
        }
    }

    /// An object in which nothing is given: what it reads as, is the defaults.
    pub(crate) fn empty(span: Span) -> Self {
        Self { entries: &[], span, known: Vec::new(), unclear: true, lenient: false }
    }

    /// The entry `key`, which is a valid attribute here.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<&'v Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Where `key` stands; where the object stands if it is absent.
    pub(crate) fn span_of(&self, key: &str) -> Span {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.span, |entry| entry.value.span)
    }

    /// Whether `key` is given.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// `None`: absent; `Some(None)`: given and wrong, which was reported.
    pub(crate) fn given<R: Rule + ?Sized>(
        &mut self,
        key: &'static str,
        rule: &R,
        cx: &mut Context<'_>,
    ) -> Option<Option<R::Out>> {
        let entry = self.entry(key)?;
        Some(cx.in_key(key, |cx| cx.clean(|cx| rule.read(&entry.value, cx))))
    }

    /// A required attribute.
    pub(crate) fn required<R: Rule + ?Sized>(
        &mut self,
        key: &'static str,
        rule: &R,
        cx: &mut Context<'_>,
    ) -> Option<R::Out> {
        match self.given(key, rule, cx) {
            Some(value) => value,
            None => {
                cx.error(
                    self.span,
                    format!("the attribute {key:?} is missing, expected {}", rule.expected()),
                );
                None
            }
        }
    }

    /// Attributes nobody asks for are passed over in this object, as Crossbar.io does, with a warning.
    pub(crate) fn leave_open(&mut self) {
        self.lenient = true;
    }

    /// The attributes nobody asked for; those of the author's own are nobody's business.
    pub(crate) fn left_over(&self) -> impl Iterator<Item = &'v Entry> {
        let is_known = |key: &str| self.known.contains(&key) || key.starts_with(OWN);
        self.entries.iter().filter(move |entry| !is_known(&entry.key))
    }

    /// Reports every attribute that nobody asked for.
    pub(crate) fn finish(&self, cx: &mut Context<'_>) {
        if self.unclear {
            return;
        }
        for entry in self.left_over() {
            let candidates = self.known.iter().copied().filter(|known| !self.has(known));
            let hint = match nearest(&entry.key, candidates) {
                Some(name) => format!("did you mean {name:?}?"),
                None if self.known.is_empty() => "no attributes are accepted here".to_owned(),
                None => {
                    let mut known = self.known.clone();
                    known.sort_unstable();
                    format!("accepted here: {}", known.join(", "))
                }
            };
            if self.lenient {
                cx.warn_at(&entry.key, entry.key_span, format!("unknown attribute, passed over; {hint}"));
            } else {
                cx.error_at(&entry.key, entry.key_span, format!("unknown attribute; {hint}"));
            }
        }
    }
}

impl Fields<'_> {
    /// An attribute that is checked and has no effect here, which is said.
    pub(crate) fn ignored<R: Rule + ?Sized>(&mut self, key: &'static str, rule: &R, cx: &mut Context<'_>) {
        if let Some(Some(_)) = self.given(key, rule, cx) {
            cx.warn_at(key, self.span_of(key), "has no effect in Jackfield; it may be removed");
        }
    }

    /// The value of the attribute that decides what this object is.
    pub(crate) fn tag(
        &mut self,
        key: &'static str,
        known: &[&'static str],
        aliases: &[(&str, &'static str, &str)],
        cx: &mut Context<'_>,
    ) -> Option<&'static str> {
        let expected = || super::alternatives(known);
        let Some(entry) = self.entry(key) else {
            self.unclear = true;
            cx.error(self.span, format!("the attribute {key:?} is missing, expected {}", expected()));
            return None;
        };
        let found = cx.in_key(key, |cx| {
            let value = cx.substituted(&entry.value)?;
            let Kind::String(text) = &value.kind else {
                cx.error(entry.value.span, format!("found {}, expected {}", cx.describe(&value), expected()));
                return None;
            };
            if let Some((_, meant, why)) = aliases.iter().find(|(alias, ..)| alias == text) {
                cx.warn(entry.value.span, *why);
                return Some(*meant);
            }
            let tag = known.iter().copied().find(|known| known == text);
            if tag.is_none() {
                let hint = nearest(text, known.iter().copied());
                let hint = hint.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
                cx.error(
                    entry.value.span,
                    format!("found {}, expected {}{hint}", cx.describe(&value), expected()),
                );
            }
            tag
        });
        // Without knowing what the object is, nothing can be said about its attributes.
        self.unclear |= found.is_none();
        found
    }
}
