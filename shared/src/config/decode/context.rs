//! What decoding knows besides the value at hand, and where it leaves what it finds.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path as FsPath, PathBuf};

use super::super::address::Address;
use super::super::diagnostic::{Diagnostic, Path, Severity};
use super::super::source::{Span, Value};
use super::describe::{describe, describe_kind};

/// Looks up an environment variable. Injected, so that a configuration can be judged for another environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An id or a listening address somebody claims; two claims to the same are compared at the end.
pub(crate) struct Claim<T> {
    pub(crate) what: T,
    pub(crate) path: Path,
    pub(crate) span: Span,
}

/// The state of one decoding.
pub(crate) struct Context<'a> {
    /// The names of the documents, by their numbers.
    files: Vec<String>,
    node_dir: &'a FsPath,
    env: Environment<'a>,
    path: Path,
    errors: usize,
    /// Files are taken to be there, whether they are or not.
    pub(crate) files_exist: bool,
    /// Everything found so far.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The lines that hold something secret, each with the number of its document.
    pub(crate) secret_lines: BTreeSet<(u16, u32)>,
    /// The files whose content stands in strings, or would if they could be read.
    pub(crate) files_read: BTreeSet<PathBuf>,
    /// What was read from files, and where it stands.
    hidden: Vec<(Span, String)>,
    /// The listening endpoints seen, each with whether it may be shared.
    pub(crate) listeners: Vec<Claim<Address>>,
    /// The ids seen: the scope they are unique in, and the id.
    pub(crate) ids: Vec<Claim<(Path, String)>>,
}

impl<'a> Context<'a> {
    /// For documents of these names, the configuration's own file first.
    pub(crate) fn new(files: Vec<String>, node_dir: &'a FsPath, env: Environment<'a>) -> Self {
        Self {
            files,
            node_dir,
            env,
            path: Path::default(),
            errors: 0,
            files_exist: false,
            diagnostics: Vec::new(),
            secret_lines: BTreeSet::new(),
            files_read: BTreeSet::new(),
            hidden: Vec::new(),
            listeners: Vec::new(),
            ids: Vec::new(),
        }
    }

    /// The name of the document in which `span` is.
    pub(crate) fn file(&self, span: Span) -> &str {
        self.files.get(usize::from(span.file)).map_or("", String::as_str)
    }

    /// The number for one more document.
    pub(crate) fn add_file(&mut self, name: &str) -> Option<u16> {
        let number = u16::try_from(self.files.len()).ok()?;
        self.files.push(name.to_owned());
        Some(number)
    }

    /// The names of the documents, by their numbers.
    pub(crate) fn files(&self) -> &[String] {
        &self.files
    }

    /// `line 7`, with the name of its file where `from` is in another.
    pub(crate) fn line(&self, span: Span, from: Span) -> String {
        match self.file(span) {
            file if file == self.file(from) => format!("line {}", span.line),
            file => format!("line {} of {file}", span.line),
        }
    }

    /// How many errors were reported so far.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Whether `work` reported no error, with its result.
    pub(crate) fn clean<T>(&mut self, work: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.errors;
        work(self).filter(|_| self.errors == before)
    }

    pub(crate) fn env(&self, name: &str) -> Option<String> {
        (self.env)(name)
    }

    /// `path` against the node directory.
    pub(crate) fn absolute(&self, path: &str) -> PathBuf {
        self.node_dir.join(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn in_key<T>(&mut self, key: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push_key(key);
        let result = work(self);
        self.path.pop();
        result
    }

    pub(crate) fn in_index<T>(&mut self, index: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push_index(index);
        let result = work(self);
        self.path.pop();
        result
    }

    /// Reports an error at the current path.
    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors += 1;
        self.push(Severity::Error, span, message.into());
    }

    pub(crate) fn warn(&mut self, span: Span, message: impl Into<String>) {
        self.push(Severity::Warning, span, message.into());
    }

    /// Reports an error at the attribute `key` of the current object.
    pub(crate) fn error_at(&mut self, key: &str, span: Span, message: impl Into<String>) {
        self.in_key(key, |cx| cx.error(span, message));
    }

    pub(crate) fn warn_at(&mut self, key: &str, span: Span, message: impl Into<String>) {
        self.in_key(key, |cx| cx.warn(span, message));
    }

    /// Keeps `text`, which was read from a file, out of what is said about the value at `span`.
    pub(crate) fn hide(&mut self, span: Span, text: &str) {
        if !text.is_empty() {
            self.hidden.push((span, text.to_owned()));
        }
    }

    /// A value as an error message names it: where something secret stands, without what it says.
    pub(crate) fn describe(&self, value: &Value) -> String {
        let is_hidden = self.hidden.iter().any(|(span, _)| *span == value.span);
        if self.path.is_secret() || is_hidden { describe_kind(value).into() } else { describe(value) }
    }

    fn push(&mut self, severity: Severity, span: Span, mut message: String) {
        if self.path.is_secret() {
            self.secret_lines.insert((span.file, span.line));
        }
        for (_, text) in self.hidden.iter().filter(|(at, _)| *at == span) {
            let quoted = format!("{text:?}");
            message = message.replace(&quoted, "what is in the file");
            message = message.replace(quoted.trim_matches('"'), "…").replace(text, "…");
        }
        self.diagnostics.push(Diagnostic {
            severity,
            file: self.file(span).to_owned(),
            line: span.line,
            column: span.column,
            path: self.path.to_string(),
            message,
            sensitive: false,
        });
    }
}

impl Context<'_> {
    /// Reports ids and listening addresses that are claimed twice.
    pub(crate) fn compare_claims(&mut self) {
        let ids = std::mem::take(&mut self.ids);
        let mut first: HashMap<(String, &str), Span> = HashMap::new();
        for claim in &ids {
            let (scope, id) = &claim.what;
            let earlier = *first.entry((scope.to_string(), id)).or_insert(claim.span);
            if earlier != claim.span {
                self.path = claim.path.clone();
                let line = self.line(earlier, claim.span);
                self.error(
                    claim.span,
                    format!("the id {id:?} is given twice, first in {line}; each needs its own"),
                );
            }
        }
        let listeners = std::mem::take(&mut self.listeners);
        let mut seen: HashMap<String, Vec<&Claim<Address>>> = HashMap::new();
        for claim in &listeners {
            let others = seen.entry(claim.what.place()).or_default();
            match others.iter().find(|other| other.what.conflicts_with(&claim.what)) {
                None => others.push(claim),
                Some(first) => {
                    let hint = match claim.what {
                        Address::Tcp { .. } => "choose another, or set \"shared\": true on both",
                        Address::Unix(_) | Address::Onion(_) => "choose another",
                    };
                    let (path, line) = (&first.path, self.line(first.span, claim.span));
                    self.path = claim.path.clone();
                    self.error(claim.span, format!("{path} listens there already, in {line}; {hint}"));
                }
            }
        }
        self.path = Path::default();
    }
}
