//! From a file to a [`Node`], with everything there is to say about it.

use std::path::{Path as FsPath, PathBuf};

use super::decode::{Context, Environment, Rule, nested};
use super::diagnostic::{Diagnostic, Path, Severity, may_be_secret};
use super::include::{Files, Included, expand};
use super::node::Node;
use super::read::read;
use super::source::{self, Format, Span};
use std::collections::BTreeSet;

/// What a configuration is called, the first that is there.
const NAMES: [&str; 3] = ["config.yaml", "config.yml", "config.json"];

/// A configuration, read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The node, if there is no error.
    pub node: Option<Node>,
    /// Errors, features that are not built yet, and warnings, in the order of the documents.
    pub diagnostics: Vec<Diagnostic>,
    /// The document's text, for [`Diagnostic::render`].
    pub text: String,
    /// The file's name as the user knows it.
    pub file: String,
    /// The files that it includes.
    pub included: Included,
    /// The files whose content stands in its strings, or would if they could be read.
    pub files_read: BTreeSet<PathBuf>,
    /// Lines that hold something secret, by file.
    secret: BTreeSet<(String, u32)>,
}

impl Loaded {
    /// The diagnostics of one severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(move |diagnostic| diagnostic.severity == severity)
    }

    /// Whether the configuration is valid.
    pub fn is_valid(&self) -> bool {
        self.node.is_some()
    }

    /// Whether the node can be started: valid, and everything in it is built.
    pub fn can_start(&self) -> bool {
        self.is_valid() && self.of(Severity::NotBuilt).next().is_none()
    }

    /// Adds what was found out about the attribute `path` after reading: an error makes the configuration invalid.
    pub fn remark(&mut self, severity: Severity, path: &Path, message: String) {
        let (file, span) = self.locate(path).unwrap_or_else(|| (self.file.clone(), Span::new(1, 1)));
        let Span { line, column, .. } = span;
        let (sensitive, path) = (self.secret.contains(&(file.clone(), line)), path.to_string());
        self.diagnostics.push(Diagnostic { severity, file, line, column, path, message, sensitive });
        self.sort();
        if severity == Severity::Error {
            self.node = None;
        }
    }

    /// The diagnostic as one line, with the source line and a caret below it where that helps.
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        let text = match diagnostic.file == self.file {
            true => &self.text,
            false => self.included.text(&diagnostic.file).unwrap_or_default(),
        };
        diagnostic.render(text)
    }

    /// In the order of the documents, the configuration's own file first.
    fn sort(&mut self) {
        let own = &self.file;
        self.diagnostics.sort_by(|a, b| {
            let key = |found: &Diagnostic| (found.file != *own, found.line, found.column);
            let ((a_other, a_line, a_column), (b_other, b_line, b_column)) = (key(a), key(b));
            (a_other, &a.file, a_line, a_column).cmp(&(b_other, &b.file, b_line, b_column))
        });
    }

    fn failed(file: &str, text: String, span: Span, message: String) -> Self {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            file: file.to_owned(),
            line: span.line,
            column: span.column,
            path: String::new(),
            message,
            sensitive: may_be_secret(&text, span.line),
        };
        Self {
            node: None,
            diagnostics: vec![diagnostic],
            text,
            file: file.to_owned(),
            included: Included::default(),
            files_read: BTreeSet::new(),
            secret: BTreeSet::new(),
        }
    }
}

/// Reads the configuration `path`. Relative paths in it are relative to `node_dir`; variables come from `env`.
///
/// Every problem, also an unreadable file, is in [`Loaded::diagnostics`].
pub fn load(path: &FsPath, node_dir: &FsPath, env: Environment<'_>) -> Loaded {
    let file = path.display().to_string();
    let start = Span::new(1, 1);
    let Some(format) = Format::of_file(&file) else {
        let message = "the name of a configuration ends in .json, .yaml or .yml".to_owned();
        return Loaded::failed(&file, String::new(), start, message);
    };
    match read(path) {
        Ok(text) => parse_with(&text, format, &file, node_dir, env, &Files::Disk),
        Err(wrong) => Loaded::failed(&file, wrong.text, wrong.span, wrong.message),
    }
}

/// Reads the configuration `text`, called `file` in diagnostics, which includes nothing.
pub fn parse(text: &str, format: Format, file: &str, node_dir: &FsPath, env: Environment<'_>) -> Loaded {
    parse_again(text, format, file, node_dir, env, &Included::default())
}

/// Reads the configuration `text` that was read before, with what it had `included`.
pub fn parse_again(
    text: &str,
    format: Format,
    file: &str,
    node_dir: &FsPath,
    env: Environment<'_>,
    included: &Included,
) -> Loaded {
    parse_with(text, format, file, node_dir, env, &Files::Kept(included))
}

fn parse_with(
    text: &str,
    format: Format,
    file: &str,
    node_dir: &FsPath,
    env: Environment<'_>,
    files: &Files<'_>,
) -> Loaded {
    let root = match source::parse(text, format) {
        Ok(root) => root,
        Err(error) => return Loaded::failed(file, text.to_owned(), error.span, error.message),
    };
    let mut cx = Context::new(vec![file.to_owned()], node_dir, env);
    let (root, included) = expand(root, files, &mut cx);
    let mut node = nested::<Node>().read(&root, &mut cx);
    cx.compare_claims();
    // What is missing on the disk hides nothing of what is not built.
    let mut otherwise = None;
    if cx.errors() > 0 {
        node = None;
        let mut lenient = Context::new(cx.files().to_vec(), node_dir, env);
        lenient.files_exist = true;
        otherwise = nested::<Node>().read(&root, &mut lenient).filter(|_| lenient.errors() == 0);
    }
    let names = cx.files().to_vec();
    let name = |number: u16| names.get(usize::from(number)).map_or(file, String::as_str).to_owned();
    let files_read = cx.files_read;
    let mut diagnostics = cx.diagnostics;
    let secret: BTreeSet<_> =
        cx.secret_lines.into_iter().map(|(number, line)| (name(number), line)).collect();
    if let Some(node) = node.as_mut().or(otherwise.as_mut()) {
        node.settle(node_dir);
        let remarks = super::not_built::remarks(node).into_iter();
        let remarks = remarks.chain(super::after::review(node));
        let remarks = remarks.chain(super::sinks::review(node));
        let remarks = remarks.chain(super::acme::review(node));
        let remarks = remarks.chain(super::loops::remarks(node));
        diagnostics.extend(remarks.map(|(severity, path, message)| {
            let span = path.span_in(&root);
            Diagnostic {
                severity,
                file: name(span.file),
                line: span.line,
                column: span.column,
                path: path.to_string(),
                message,
                sensitive: false,
            }
        }));
    }
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        node = None;
    }
    for diagnostic in &mut diagnostics {
        diagnostic.sensitive = secret.contains(&(diagnostic.file.clone(), diagnostic.line));
    }
    let mut loaded = Loaded {
        node,
        diagnostics,
        text: text.to_owned(),
        file: file.to_owned(),
        included,
        files_read,
        secret,
    };
    loaded.sort();
    loaded
}

/// The configuration of the node in `dir`: `file` in it if given, else `config.yaml`, `config.yml`, or `config.json`.
///
/// `None`: there is none; a link that leads nowhere is one that can't be read. A `file` that is given is returned whether it exists
/// or not, so that its absence is an error of [`load`].
pub fn find(dir: &FsPath, file: Option<&FsPath>) -> Option<PathBuf> {
    match file {
        Some(file) => Some(dir.join(file)),
        None => NAMES.into_iter().map(|name| dir.join(name)).find(|path| path.symlink_metadata().is_ok()),
    }
}

/// What there is to say where [`find`] finds nothing.
pub fn missing(dir: &FsPath) -> Loaded {
    let names = NAMES.join(", ");
    let message = format!("there is no configuration: expected one of {names}; `jackfield init` writes one");
    Loaded::failed(&dir.display().to_string(), String::new(), Span::new(1, 1), message)
}

/// The configuration of the node that runs where there is none, as JSON.
pub fn builtin() -> &'static str {
    include_str!("builtin.json")
}
