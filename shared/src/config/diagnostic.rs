//! What there is to say about a configuration, for people: where, what was found, what is accepted.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::source::Span;

/// How much a [`Diagnostic`] weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// The configuration is invalid.
    Error,
    /// Valid, but a feature whose effect this release does not have: `check` warns, `start` refuses.
    NotBuilt,
    /// Valid, and something the author should know.
    Warning,
}

/// What there is to say about an attribute, before anybody knows where in a file it is.
pub type Remark = (Severity, Path, String);

/// One remark about one place of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// The file's name as the user knows it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The attribute, like `workers[0].transports[1].endpoint.port`; empty for the document itself.
    pub path: String,
    /// What was found, what is accepted, and what to do.
    pub message: String,
    /// The line holds something secret and must not be quoted.
    pub sensitive: bool,
}

/// `config.json:12:15: workers[0].transports[1].endpoint.port: found 70000, expected an integer from 1 to 65535`
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        match self.severity {
            Severity::Error => {}
            Severity::NotBuilt => f.write_str("not built yet: ")?,
            Severity::Warning => f.write_str("warning: ")?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Longer source lines are not quoted: they are generated, and a caret under them helps nobody.
const QUOTED_LINE: usize = 160;

/// Lines with one of these are not quoted either: where the syntax is broken, nobody knows what is secret.
const SECRET: [&str; 7] = ["secret", "ticket", "password", "passphrase", "stored-key", "server-key", "token"];

/// Attributes below which something secret stands, or which hold it where they should hold an object.
const SECRET_BELOW: [&str; 6] = ["principals", "users", "vars", "salt", "stored-key", "server-key"];
const SECRET_AT: [&str; 4] = ["ticket", "wampcra", "scram", "vars"];

impl Diagnostic {
    /// The diagnostic as one line, with the source line and a caret below it where that helps.
    pub fn render(&self, text: &str) -> String {
        let line = usize::try_from(self.line).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
        match line {
            Some(line) if !self.sensitive && is_quotable(line) => {
                let number = self.line.to_string();
                let before = line.chars().take(self.column.saturating_sub(1) as usize);
                // Tabs stay tabs, so that the caret stands under its character whatever their width.
                let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                format!("{self}\n  {number} | {line}\n  {} | {indent}^", " ".repeat(number.len()))
            }
            _ => self.to_string(),
        }
    }
}

fn is_quotable(line: &str) -> bool {
    !line.trim().is_empty() && line.chars().count() <= QUOTED_LINE && !names_secret(line)
}

fn names_secret(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    SECRET.iter().any(|name| line.contains(name))
}

/// Whether something secret may stand in this line (from 1) of a text whose syntax is broken: it says so itself, or it
/// belongs to an attribute whose values are secret.
pub(crate) fn may_be_secret(text: &str, line: u32) -> bool {
    let lines: Vec<_> = text.lines().take(line as usize).collect();
    let opens = |line: &str| {
        let word = line.trim_start_matches([' ', '\t', '-', '{', '"', '\'']);
        SECRET_BELOW
            .iter()
            .chain(&SECRET_AT)
            .any(|name| word.strip_prefix(name).is_some_and(|rest| rest.starts_with(['"', '\'', ':', ' '])))
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some((last, before)) = lines.split_last() else { return false };
    let mut depth = indent(last);
    if names_secret(last) || opens(last) || SECRET_BELOW.iter().any(|name| last.contains(name)) {
        return true;
    }
    for line in before.iter().rev().filter(|line| !line.trim().is_empty()) {
        if indent(line) < depth {
            depth = indent(line);
            if opens(line) {
                return true;
            }
        }
    }
    false
}

/// The way to an attribute, from the top of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

impl Path {
    /// The path of the attribute `key` of this object.
    pub fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.push_key(key);
        path
    }

    /// The path of item `index` of this list.
    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.push_index(index);
        path
    }

    /// Whether what stands here may be secret, also where it is something else than what is expected here.
    pub(crate) fn is_secret(&self) -> bool {
        let is = |segment: &Segment, some: &dyn Fn(&str) -> bool| match segment {
            Segment::Key(key) => some(key),
            Segment::Index(_) => false,
        };
        let below = |key: &str| {
            let is_file = key.ends_with("_file");
            SECRET_BELOW.contains(&key) || (!is_file && (key.contains("secret") || key.contains("password")))
        };
        self.0.iter().any(|segment| is(segment, &below))
            || self.0.last().is_some_and(|last| is(last, &|key| SECRET_AT.contains(&key)))
    }

    pub(crate) fn push_key(&mut self, key: &str) {
        self.0.push(Segment::Key(key.to_owned()));
    }

    pub(crate) fn push_index(&mut self, index: usize) {
        self.0.push(Segment::Index(index));
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// Where this path leads in `root`; where the last part of it that exists stands.
    pub(crate) fn span_in(&self, root: &super::source::Value) -> Span {
        use super::source::Kind;
        let mut value = root;
        let mut span = root.span;
        for segment in &self.0 {
            let next = match (segment, &value.kind) {
                (Segment::Key(key), Kind::Map(_)) => {
                    value.get(key).map(|entry| (&entry.value, entry.key_span))
                }
                (Segment::Index(index), Kind::List(items)) => items.get(*index).map(|item| (item, item.span)),
                _ => None,
            };
            match next {
                Some(next) => (value, span) = next,
                None => break,
            }
        }
        span
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    let plain = !key.is_empty()
                        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'));
                    match (plain, position) {
                        (true, 0) => f.write_str(key)?,
                        (true, _) => write!(f, ".{key}")?,
                        (false, _) => write!(f, "[{key:?}]")?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_secrets_are_known_where_the_syntax_is_broken() {
        let text =
            "a: 1\nenv:\n  vars:\n    TOKEN_A: x\n    DB: \"hunter2\n  other: 1\nusers:\n  joe: {secret: x\n";
        let found: Vec<_> = (1..=8).map(|line| may_be_secret(text, line)).collect();
        assert_eq!(found, [false, false, true, true, true, false, true, true]);
        assert!(may_be_secret("{\"vars\": {\"DB\": hunter2}}", 1));
        assert!(!may_be_secret("{\"type\": rooter}", 1));
    }

    #[test]
    fn what_is_secret_is_known_by_its_place() {
        let path = |text: &str| text.split('.').fold(Path::default(), |path, key| path.key(key));
        for secret in [
            "a.env.vars.X",
            "auth.ticket.principals.joe",
            "tor_control_password",
            "wampcra.users.joe.salt",
            "auth.ticket",
            "options.secret",
        ] {
            assert!(path(secret).is_secret(), "{secret}");
        }
        for public in ["tor_control_password_file", "auth.ticket.type", "tls.key", "id"] {
            assert!(!path(public).is_secret(), "{public}");
        }
    }

    #[test]
    fn one_line_then_the_source_with_a_caret() {
        let path = Path::default().key("workers").index(0).key("paths").key("/").key("port");
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            file: "config.json".into(),
            line: 2,
            column: 10,
            path: path.to_string(),
            message: "found 70000, expected an integer from 1 to 65535".into(),
            sensitive: false,
        };
        assert_eq!(
            diagnostic.render("{\n\t\"port\": 70000\n}"),
            "config.json:2:10: workers[0].paths[\"/\"].port: found 70000, expected an integer from 1 to 65535\n  \
             2 | \t\"port\": 70000\n    | \t        ^"
        );
        let secret = Diagnostic { sensitive: true, ..diagnostic };
        assert!(!secret.render("{\n\t\"port\": 70000\n}").contains('^'));
    }
}
