//! The media type of a file, by the extension of its name.

use hyper::header::HeaderValue;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Media types: the configured ones, then the well-known ones.
#[derive(Debug)]
pub(in crate::web) struct Kinds(HashMap<String, HeaderValue>);

impl Kinds {
    /// `configured` are extensions with their point, and their types.
    pub(in crate::web) fn new(configured: &BTreeMap<String, String>) -> Result<Self, String> {
        let entry = |(extension, kind): (&String, &String)| {
            let value = HeaderValue::from_str(kind)
                .map_err(|_| format!("`mime_types`: {kind:?} can't stand in a header"))?;
            Ok((extension.trim_start_matches('.').to_ascii_lowercase(), value))
        };
        configured.iter().map(entry).collect::<Result<_, _>>().map(Self)
    }

    pub(in crate::web) fn of(&self, path: &Path) -> HeaderValue {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if let Some(kind) = self.0.get(&extension) {
            return kind.clone();
        }
        let kind = mime_guess::from_ext(&extension).first_or_octet_stream();
        // Pages say themselves how they are encoded; other text can't.
        let kind = match (kind.type_().as_str(), kind.subtype().as_str()) {
            ("text", "html") => return HeaderValue::from_static("text/html"),
            ("text", subtype) => format!("text/{subtype}; charset=utf-8"),
            _ => kind.to_string(),
        };
        HeaderValue::from_str(&kind).unwrap_or(HeaderValue::from_static("application/octet-stream"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_types_come_first() {
        let configured = [(".md".into(), "text/x-own".into()), ("Foo".into(), "a/b".into())];
        let kinds = Kinds::new(&configured.into()).unwrap();
        for (name, kind) in [
            ("a.html", "text/html"),
            ("a.CSS", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.png", "image/png"),
            ("a.json", "application/json"),
            ("a.wasm", "application/wasm"),
            ("a.md", "text/x-own"),
            ("a.foo", "a/b"),
            ("a.unheardof", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ] {
            assert_eq!(kinds.of(Path::new(name)), kind, "{name}");
        }
        assert!(Kinds::new(&[(".a".into(), "x\ny".into())].into()).is_err());
    }
}
