//! From an attribute back to its place in the document, for what goes wrong after reading.

use super::diagnostic::Path;
use super::load::Loaded;
use super::source::{self, Format};

impl Loaded {
    /// `config.json:12:15` for the attribute `path`, or for the last part of it that the document has.
    pub fn place_of(&self, path: &Path) -> String {
        let root = Format::of_file(&self.file).and_then(|format| source::parse(&self.text, format).ok());
        match root.map(|root| path.span_in(&root)) {
            Some(span) => format!("{}:{}:{}", self.file, span.line, span.column),
            None => self.file.clone(),
        }
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
