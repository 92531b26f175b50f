//! What the rest of the program asks a path service, whatever it serves.

use super::super::diagnostic::{Path, Remark};
use super::super::endpoint::ConnectingEndpoint;
use super::super::transport::{Section, Within};
use std::path::PathBuf;

/// The files that a service works with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files<'a> {
    /// A file that is read, or a directory whose files are.
    pub read: Option<&'a PathBuf>,
    /// Directories in which files are made and changed.
    pub written: [Option<&'a PathBuf>; 2],
}

/// A kind of path service: each answers for itself.
pub trait Serves {
    /// What it is to those who ask for it, for people: `files`; `None`: nothing is there.
    fn label(&self) -> Option<&'static str> {
        Some("web service")
    }

    /// The scheme of its URLs, without TLS.
    fn scheme(&self) -> &'static str {
        "http"
    }

    /// Whether WAMP clients may connect, or it is one itself.
    fn speaks_wamp(&self) -> bool {
        false
    }

    /// What WAMP clients are told there, if they may connect.
    fn section(&self) -> Option<Section<'_>> {
        None
    }

    /// The endpoints that requests are carried to; `at` is where the service is.
    fn connections(&self, _at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        Vec::new()
    }

    /// The files that it works with.
    fn files(&self) -> Files<'_> {
        Files::default()
    }

    /// Whether it starts programs.
    fn starts_programs(&self) -> bool {
        false
    }

    /// What of it is not in this release, or without effect, in a worker like this, apart from its section; `at` is where
    /// the service is.
    fn unbuilt(&self, _at: &Path, _within: Within) -> Vec<Remark> {
        Vec::new()
    }
}
