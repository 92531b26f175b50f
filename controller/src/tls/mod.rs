//! The files of TLS. The controller reads them, so that workers need no right to; makes sure that they are of use
//! before anything starts; and watches them, so that a renewed certificate is served without a restart.

mod key;
mod read;
mod text;
mod watch;

pub(crate) use watch::{News, watch};

use jackfield_shared::config::{Node, Path, Severity, Worker};
use jackfield_shared::status::Certificate;
use jackfield_shared::tls::{Files, Remark, Tls, sections};
use read::Reader;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The workers of a configuration that ask for TLS, with the files they are served with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    workers: Vec<(Path, Worker)>,
    /// What is in use.
    pub files: Files,
}

impl Store {
    /// Reads everything that the node's TLS sections name, and says what there is to say about it.
    pub(crate) fn load(node: &Node) -> (Self, Vec<Remark>) {
        let mut store = Self::restore(node, &Files::default());
        let mut reader = Reader::default();
        for (at, section) in store.sections() {
            reader.read(&at, section);
        }
        let Reader { files, mut remarks, failed, .. } = reader;
        for (at, section) in store.sections() {
            if !section.files().iter().any(|file| failed.contains(*file)) {
                remarks.extend(check(section, &files, &at));
            }
        }
        store.files = files;
        (store, remarks)
    }

    /// The same with files that were read before.
    pub(crate) fn restore(node: &Node, files: &Files) -> Self {
        let at = |index| Path::default().key("workers").index(index);
        let workers = node.workers.iter().enumerate().map(|(index, worker)| (at(index), worker.clone()));
        Self { workers: workers.collect(), files: files.clone() }
    }

    /// Every TLS section of the node, and where it is.
    fn sections(&self) -> Vec<(Path, Tls<'_>)> {
        self.workers.iter().flat_map(|(at, worker)| sections(worker, at)).collect()
    }

    /// The files that are looked at.
    fn paths(&self) -> BTreeSet<PathBuf> {
        self.sections().iter().flat_map(|(_, section)| section.files()).cloned().collect()
    }

    /// Reads again. What has changed is taken into use, but nothing of a section that would not work with it:
    /// a key without its certificate waits for it. Returns whether anything is used now that was not, and why
    /// the rest is not.
    fn renew(&mut self) -> (BTreeSet<PathBuf>, Vec<Remark>) {
        let mut reader = Reader::after(self.files.clone());
        for (at, section) in self.sections() {
            reader.read(&at, section);
        }
        let Reader { files: found, remarks: mut obstacles, .. } = reader;
        obstacles.retain(|remark| remark.severity == Severity::Error);
        let mut fresh: BTreeSet<_> = found
            .0
            .iter()
            .filter(|(path, text)| self.files.0.get(*path) != Some(text))
            .map(|(path, _)| path.clone())
            .collect();
        // A file may belong to several sections: what one of them can't use, the others wait for, too.
        loop {
            let mut files = self.files.clone();
            files.0.extend(found.only(&fresh).0);
            let mut refused = BTreeSet::new();
            for (at, section) in self.sections() {
                let changed: Vec<_> =
                    section.files().into_iter().filter(|path| fresh.contains(*path)).cloned().collect();
                if changed.is_empty() {
                    continue;
                }
                let mut errors = check(section, &files, &at);
                errors.retain(|remark| remark.severity == Severity::Error);
                if !errors.is_empty() {
                    refused.extend(changed);
                    obstacles.extend(errors);
                }
            }
            if refused.is_empty() {
                self.files = files;
                return (fresh, obstacles);
            }
            fresh.retain(|path| !refused.contains(path));
        }
    }
}

/// Everything there is to say about a section and its files.
fn check(section: Tls<'_>, files: &Files, at: &Path) -> Vec<Remark> {
    match section {
        Tls::Passwords(file) => jackfield_worker::passwords::check(file, files, at),
        Tls::Listening(..) | Tls::Connecting(..) => jackfield_worker::tls::check(section, files, at),
    }
}

/// The files that one worker needs.
pub(crate) fn files_of(worker: &Worker, files: &Files) -> Files {
    let sections = sections(worker, &Path::default());
    files.only(sections.iter().flat_map(|(_, section)| section.files()))
}

/// The certificates that the endpoints of a worker show.
pub(crate) fn certificates_of(worker: &Worker, files: &Files) -> Vec<Certificate> {
    let mut certificates = Vec::new();
    for (_, section) in sections(worker, &Path::default()) {
        let Tls::Listening(tls, transport) = section else { continue };
        let more = tls.certificates.iter().map(|more| &more.certificate);
        for file in std::iter::once(&tls.certificate).chain(more) {
            let Some(shown) = files.get(file).and_then(jackfield_worker::tls::shown) else { continue };
            certificates.push(Certificate {
                worker: worker.id.clone(),
                transport: transport.id.clone(),
                names: shown.names,
                file: file.display().to_string(),
                not_after: shown.not_after,
            });
        }
    }
    certificates
}

/// Whether a transport of the worker has TLS, and so session tickets.
pub(crate) fn has_tickets(worker: &Worker) -> bool {
    worker.transports().iter().any(|transport| transport.has_tls())
}
