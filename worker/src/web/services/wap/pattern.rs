//! Paths with variables in them, as Crossbar.io's `wap` has them: `/product/<int:id>/<name>`.

use jackfield_wamp::{Dict, Value};
use percent_encoding::percent_decode_str;

/// A path with variables.
#[derive(Debug, PartialEq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Variable(String, Kind),
}

/// What a variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A segment.
    Text,
    /// A segment that is an integer, not below 0.
    Int,
    /// A segment that is a number with a point, not below 0.
    Float,
    /// All segments from here on.
    Path,
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for segment in segments(text) {
            let Some(variable) = segment.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
                if segment.contains(['<', '>']) {
                    return Err(format!("\"{segment}\": a variable is a segment of its own, like <name>"));
                }
                parts.push(Part::Text(segment.to_owned()));
                continue;
            };
            let (kind, name) = variable.split_once(':').unwrap_or(("string", variable));
            let kind = match kind {
                "string" | "default" => Kind::Text,
                "int" => Kind::Int,
                "float" => Kind::Float,
                "path" => Kind::Path,
                other => {
                    return Err(format!(
                        "<{variable}>: there is no kind \"{other}\"; \"string\", \"int\", \"float\" and \"path\" are"
                    ));
                }
            };
            if name.is_empty() {
                return Err(format!("<{variable}> names no variable"));
            }
            parts.push(Part::Variable(name.to_owned(), kind));
        }
        let last = parts.len().saturating_sub(1);
        if parts.iter().take(last).any(|part| matches!(part, Part::Variable(_, Kind::Path))) {
            return Err("a variable of the kind \"path\" is the last segment".into());
        }
        Ok(Self(parts))
    }

    /// The variables' values, if the path is one of this pattern.
    pub(super) fn values(&self, path: &str) -> Option<Dict> {
        let mut rest = segments(path);
        let mut values = Dict::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => {
                    if decoded(rest.next()?)? != *text {
                        return None;
                    }
                }
                Part::Variable(name, Kind::Path) => {
                    let all: Option<Vec<_>> = rest.by_ref().map(decoded).collect();
                    let all = all.filter(|all| !all.is_empty())?;
                    values = values.with(name, all.join("/").as_str());
                }
                Part::Variable(name, kind) => {
                    values = values.with(name, kind.value(&decoded(rest.next()?)?)?)
                }
            }
        }
        rest.next().is_none().then_some(values)
    }
}

impl Kind {
    fn value(self, text: &str) -> Option<Value> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match self {
            Self::Text | Self::Path => Some(Value::Str(text.to_owned())),
            Self::Int => digits(text).then(|| text.parse().ok().map(Value::Int)).flatten(),
            Self::Float => {
                let (whole, part) = text.split_once('.')?;
                (digits(whole) && digits(part)).then(|| text.parse().ok().map(Value::Float)).flatten()
            }
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn decoded(segment: &str) -> Option<String> {
    Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_and_their_variables_are_read() {
        let none = Dict::new;
        for (pattern, path, expected) in [
            ("/", "", Some(none())),
            ("/", "/", Some(none())),
            ("/", "/a", None),
            ("/a/<name>", "/a/b%20c", Some(none().with("name", "b c"))),
            ("/a/<name>", "/a/", None),
            ("/a/<name>", "/b/c", None),
            ("/<int:n>", "/12", Some(none().with("n", 12))),
            ("/<int:n>", "/-12", None),
            ("/<int:n>", "/1a", None),
            ("/<float:n>", "/1.5", Some(none().with("n", Value::Float(1.5)))),
            ("/<float:n>", "/1", None),
            ("/x/<path:rest>", "/x/a/b", Some(none().with("rest", "a/b"))),
            ("/x/<path:rest>", "/x", None),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().values(path), expected, "{pattern} {path}");
        }
        for wrong in ["/<uuid:x>", "/a<b>", "/<>", "/<int:>", "/<path:p>/b"] {
            assert!(Pattern::new(wrong).is_err(), "{wrong}");
        }
    }
}
