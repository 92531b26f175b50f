//! TLS by rustls: all that knows of the library is here.
//!
//! [`check`] builds what a section of the configuration asks for, from the contents of its files, and says what is
//! wrong with it. The controller does so before anything starts, and again when a file has changed; a worker process
//! does it to serve.

mod acceptor;
mod certificates;
mod ciphers;
mod client;
mod dates;
mod dhparam;
mod explain;
mod pem;
mod server;
mod sni;
mod tickets;
mod verify;

pub(crate) use acceptor::Acceptor;
pub(crate) use client::Connector;
pub(crate) use explain::explain;
pub(crate) use tickets::Tickets;
pub use tickets::{LIFETIME as TICKET_LIFETIME, new_ticket_key};

use jackfield_shared::config::{Path, Severity, TlsVersion};
use jackfield_shared::tls::{Files, Remark, Tls, protocols};
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};

/// Everything there is to say about a section and its files; `at` is where the section is in the configuration.
/// It can be served if none of it is an error.
#[must_use]
pub fn check(section: Tls<'_>, files: &Files, at: &Path) -> Vec<Remark> {
    let mut review = Review::new(files, at);
    match section {
        Tls::Listening(tls, transport) => drop(server::build(tls, protocols(transport), &mut review)),
        Tls::Connecting(tls, endpoint) => drop(client::build(tls, endpoint, &mut review)),
    }
    review.remarks
}

/// Builds from files, and collects what there is to say about them.
struct Review<'a> {
    files: &'a Files,
    at: &'a Path,
    remarks: Vec<Remark>,
}

impl<'a> Review<'a> {
    const fn new(files: &'a Files, at: &'a Path) -> Self {
        Self { files, at, remarks: Vec::new() }
    }

    fn error(&mut self, path: &Path, message: impl Into<String>) {
        self.remarks.push(Remark { severity: Severity::Error, path: path.clone(), message: message.into() });
    }

    fn warn(&mut self, path: &Path, message: impl Into<String>) {
        self.remarks.push(Remark {
            severity: Severity::Warning,
            path: path.clone(),
            message: message.into(),
        });
    }

    /// All errors in one text, for a process that has no configuration file to point at.
    fn errors(&self) -> String {
        let errors = self.remarks.iter().filter(|remark| remark.severity == Severity::Error);
        let texts: Vec<_> = errors.map(|remark| format!("{}: {}", remark.path, remark.message)).collect();
        texts.join("; ")
    }
}

/// The cryptography, whatever other crates may have installed for the process.
fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

fn versions(wanted: &[TlsVersion]) -> Vec<&'static SupportedProtocolVersion> {
    let version = |version: &TlsVersion| match version {
        TlsVersion::V12 => &TLS12,
        TlsVersion::V13 => &TLS13,
    };
    wanted.iter().map(version).collect()
}

fn names(protocols: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Vec<u8>> {
    protocols.into_iter().map(|name| name.as_ref().as_bytes().to_vec()).collect()
}
