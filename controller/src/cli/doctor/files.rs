//! The files of a node: who may read and write them, and how long certificates are valid.

use super::finding::Finding;
use crate::node::Configuration;
use crate::tls::{certificates_of, files_of};
use jackfield_shared::status::Certificate;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Days that a certificate should be valid for.
const DAYS: i64 = 14;
const DAY: i64 = 86_400;

/// All of them; `base` is the node directory.
pub(super) fn look(configuration: &Configuration, base: &Path, now: i64) -> Vec<Finding> {
    let own = rustix::process::geteuid().as_raw();
    let mut found = Vec::new();
    found.extend(base.metadata().ok().map(|dir| directory(base, dir.mode(), dir.uid(), own)));
    let files = &configuration.tls.files;
    for (file, _) in files.0.iter().filter(|(_, text)| text.contains("PRIVATE KEY-----")) {
        found.extend(file.metadata().ok().map(|metadata| secret(file, metadata.mode())));
    }
    let workers = configuration.loaded.node.iter().flat_map(|node| &node.workers);
    for worker in workers {
        let shown = certificates_of(worker, &files_of(worker, files));
        found.extend(shown.iter().map(|certificate| valid(certificate, now)));
    }
    found
}

fn directory(path: &Path, mode: u32, owner: u32, own: u32) -> Finding {
    let shown = path.display();
    if mode & 0o022 != 0 {
        return Finding::wrong(
            format!("others may write into {shown}"),
            "they could change the configuration, and so run programs as the node's user",
            format!("chmod go-w {shown}"),
        );
    }
    if owner != own && own != 0 {
        return Finding::hint(
            format!("{shown} belongs to user {owner}"),
            "a node of yours can't make its files there, or others own what it relies on",
            format!("run the node as that user, or chown {shown}"),
        );
    }
    Finding::good(format!("nobody else may write into {shown}"))
}

fn secret(path: &Path, mode: u32) -> Finding {
    let shown = path.display();
    if mode & 0o077 == 0 {
        return Finding::good(format!("{shown} is for its owner alone"));
    }
    Finding::wrong(
        format!("{shown} has mode {:03o}", mode & 0o777),
        "it holds a private key, and others may read it",
        format!("chmod 600 {shown}"),
    )
}

fn valid(certificate: &Certificate, now: i64) -> Finding {
    let Certificate { file, not_after, names, .. } = certificate;
    let names = names.join(", ");
    let days = (not_after - now) / DAY;
    if *not_after <= now {
        return Finding::wrong(
            format!("the certificate {file} ({names}) has expired"),
            "clients refuse it",
            "renew it; a node that runs takes the new files by itself",
        );
    }
    if days < DAYS {
        return Finding::hint(
            format!("the certificate {file} ({names}) expires in {days} days"),
            "clients refuse it from then on",
            "look whether its renewal works",
        );
    }
    Finding::good(format!("the certificate {file} ({names}) is valid for {days} days"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight::{Good, Hint, Wrong};
    use super::*;

    #[test]
    fn certificates_have_time_or_not() {
        let weight = |not_after| {
            let certificate = Certificate {
                worker: "edge".into(),
                transport: "tls".into(),
                names: vec!["a.example".into()],
                file: "a.crt".into(),
                not_after,
            };
            valid(&certificate, 100 * DAY).weight
        };
        assert_eq!(
            [99, 100, 101, 113, 114, 200].map(|day| weight(day * DAY)),
            [Wrong, Wrong, Hint, Hint, Good, Good]
        );
    }

    #[test]
    fn what_others_may_read_or_write_is_wrong() {
        let weight = |mode, owner, own| directory(Path::new("/srv/node"), mode, owner, own).weight;
        assert_eq!([0o755, 0o700, 0o777, 0o770].map(|mode| weight(mode, 7, 7)), [Good, Good, Wrong, Wrong]);
        assert_eq!((weight(0o755, 7, 8), weight(0o755, 7, 0)), (Hint, Good));
        assert_eq!(
            [0o600, 0o400, 0o640, 0o644].map(|mode| secret(Path::new("k"), mode).weight),
            [Good, Good, Wrong, Wrong]
        );
    }
}
