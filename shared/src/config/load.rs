//! From a file to a [`Node`], with everything there is to say about it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path as FsPath, PathBuf};
use std::time::Duration;

use super::decode::{Context, Environment, Rule, nested};
use super::diagnostic::{Diagnostic, Path, Severity, may_be_secret};
use super::node::Node;
use super::source::{self, Format, Span};
use std::collections::BTreeSet;

/// What a configuration is called, the first that is there.
const NAMES: [&str; 3] = ["config.yaml", "config.yml", "config.json"];

/// How often a file is read that is being written to, at most, and how long is waited in between.
const STILL: u32 = 100;
const STEP: Duration = Duration::from_millis(10);

/// A configuration, read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The node, if there is no error.
    pub node: Option<Node>,
    /// Errors, features that are not built yet, and warnings, in the order of the document.
    pub diagnostics: Vec<Diagnostic>,
    /// The document's text, for [`Diagnostic::render`].
    pub text: String,
    /// The file's name as the user knows it.
    pub file: String,
    /// Lines that hold something secret.
    secret: BTreeSet<u32>,
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
        let root = Format::of_file(&self.file).and_then(|format| source::parse(&self.text, format).ok());
        let span = root.map_or(Span { line: 1, column: 1 }, |root| path.span_in(&root));
        let Span { line, column } = span;
        let (file, sensitive, path) = (self.file.clone(), self.secret.contains(&line), path.to_string());
        self.diagnostics.push(Diagnostic { severity, file, line, column, path, message, sensitive });
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        if severity == Severity::Error {
            self.node = None;
        }
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
        let secret = BTreeSet::new();
        Self { node: None, diagnostics: vec![diagnostic], text, file: file.to_owned(), secret }
    }
}

/// Reads the configuration `path`. Relative paths in it are relative to `node_dir`; variables come from `env`.
///
/// Every problem, also an unreadable file, is in [`Loaded::diagnostics`].
pub fn load(path: &FsPath, node_dir: &FsPath, env: Environment<'_>) -> Loaded {
    let file = path.display().to_string();
    let start = Span { line: 1, column: 1 };
    let Some(format) = Format::of_file(&file) else {
        let message = "the name of a configuration ends in .json, .yaml or .yml".to_owned();
        return Loaded::failed(&file, String::new(), start, message);
    };
    let bytes = match read_still(path) {
        Ok(bytes) => bytes,
        Err(error) => return Loaded::failed(&file, String::new(), start, format!("cannot be read: {error}")),
    };
    match String::from_utf8(bytes) {
        Ok(text) => parse(&text, format, &file, node_dir, env),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before =
                String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let span = Span { line: number(line), column: number(column) };
            Loaded::failed(
                &file,
                before,
                span,
                "found bytes that are no UTF-8, which a configuration is written in".into(),
            )
        }
    }
}

/// The content of a file that nobody writes to: what is written in place while it is read would be half a file.
fn read_still(path: &FsPath) -> std::io::Result<Vec<u8>> {
    let stamp = || {
        let there = std::fs::metadata(path)?;
        std::io::Result::Ok((there.dev(), there.ino(), there.size(), there.mtime(), there.mtime_nsec()))
    };
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut before = stamp()?;
    for _ in 0..STILL {
        let bytes = std::fs::read(path)?;
        let after = stamp()?;
        // What /proc shows has no size.
        if before == after && (after.2 == bytes.len() as u64 || after.2 == 0) {
            return Ok(bytes);
        }
        before = after;
        std::thread::sleep(STEP);
    }
    Err(std::io::Error::other("it is being written to all the time"))
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Reads the configuration `text`, called `file` in diagnostics.
pub fn parse(text: &str, format: Format, file: &str, node_dir: &FsPath, env: Environment<'_>) -> Loaded {
    let root = match source::parse(text, format) {
        Ok(root) => root,
        Err(error) => return Loaded::failed(file, text.to_owned(), error.span, error.message),
    };
    let mut cx = Context::new(file, node_dir, env);
    let mut node = nested::<Node>().read(&root, &mut cx);
    cx.compare_claims();
    // What is missing on the disk hides nothing of what is not built.
    let mut otherwise = None;
    if cx.errors() > 0 {
        node = None;
        let mut lenient = Context::new(file, node_dir, env);
        lenient.files_exist = true;
        otherwise = nested::<Node>().read(&root, &mut lenient).filter(|_| lenient.errors() == 0);
    }
    let mut diagnostics = cx.diagnostics;
    let secret = cx.secret_lines;
    if let Some(node) = node.as_mut().or(otherwise.as_mut()) {
        node.settle(node_dir);
        let remarks = super::not_built::remarks(node).into_iter();
        let remarks = remarks.chain(super::after::review(node));
        let remarks = remarks.chain(super::acme::review(node));
        let remarks = remarks.chain(super::loops::remarks(node));
        diagnostics.extend(remarks.map(|(severity, path, message)| {
            let span = path.span_in(&root);
            Diagnostic {
                severity,
                file: file.to_owned(),
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
        diagnostic.sensitive = secret.contains(&diagnostic.line);
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
    Loaded { node, diagnostics, text: text.to_owned(), file: file.to_owned(), secret }
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
    Loaded::failed(&dir.display().to_string(), String::new(), Span { line: 1, column: 1 }, message)
}

/// The configuration of the node that runs where there is none, as JSON.
pub fn builtin() -> &'static str {
    include_str!("builtin.json")
}
