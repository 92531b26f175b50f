//! From an attribute back to its place in the document, for what goes wrong after reading.

use super::decode::Context;
use super::diagnostic::Path;
use super::include::{Files, expand};
use super::load::Loaded;
use super::source::{self, Format, Span};

impl Loaded {
    /// `config.json:12:15` for the attribute `path`, or for the last part of it that the document has.
    pub fn place_of(&self, path: &Path) -> String {
        match self.locate(path) {
            Some((file, span)) => format!("{file}:{}:{}", span.line, span.column),
            None => self.file.clone(),
        }
    }

    /// The file in which the attribute `path` stands, and where; `None` where there is no file.
    pub(super) fn locate(&self, path: &Path) -> Option<(String, Span)> {
        let root = source::parse(&self.text, Format::of_file(&self.file)?).ok()?;
        // Relative names and variables don't matter: what was read is found by what is written.
        let mut cx = Context::new(vec![self.file.clone()], "/".as_ref(), &|_| Some(String::new()));
        let (root, _) = expand(root, &Files::Kept(&self.included), &mut cx);
        let span = path.span_in(&root);
        Some((cx.file(span).to_owned(), span))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn the_place_of_an_attribute() {
        let text = "{\"version\": 2,\n \"workers\": [\n  {\"type\": \"router\"}]}";
        let loaded = parse(text, Format::Json, "config.json", "/".as_ref(), &|_| None);
        let worker = Path::default().key("workers").index(0);
        assert_eq!(loaded.place_of(&worker), "config.json:3:3");
        assert_eq!(loaded.place_of(&worker.key("transports")), "config.json:3:3");
        assert_eq!(loaded.place_of(&worker.key("type")), "config.json:3:4");
    }
}
