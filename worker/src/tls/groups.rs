//! Certificates whose clients authenticate in another way than those of the rest of the endpoint.

use super::dates::shown;
use crate::net::names::Groups;
use jackfield_shared::config::{Path, Severity, TlsListening, Transport, TransportKind};
use jackfield_shared::tls::{Files, Remark};

/// The sections that one is made of, each where it stands: the first serves all certificates without authorities of their
/// own, each of the others one that has some.
pub(super) fn sections(tls: &TlsListening, at: &Path) -> Vec<(Path, TlsListening)> {
    let mut sections = vec![(at.clone(), tls.clone())];
    for (index, own) in tls.certificates.iter().enumerate() {
        if own.ca_certificates.is_empty() {
            continue;
        }
        let section = TlsListening {
            key: own.key.clone(),
            passphrase_file: own.passphrase_file.clone(),
            certificate: own.certificate.clone(),
            chain_certificates: own.chain_certificates.clone(),
            ca_certificates: own.ca_certificates.clone(),
            client_auth: own.client_auth,
            crls: own.crls.clone(),
            certificates: Vec::new(),
            dhparam: None,
            ..tls.clone()
        };
        sections.push((at.key("certificates").index(index), section));
    }
    sections
}

/// Says which names of virtual hosts no certificate is for.
pub(super) fn without_certificate(transport: &Transport, names: &Groups, at: &Path) -> Vec<Remark> {
    let web = match &transport.kind {
        TransportKind::Web(web) => Some(web),
        TransportKind::Universal(universal) => universal.web.as_ref(),
        _ => None,
    };
    let hosts = web.into_iter().flat_map(|web| web.hosts.keys());
    let missing = hosts.filter(|host| !names.know(host));
    let remark = |host: &String| Remark {
        severity: Severity::Warning,
        path: at.key("certificate"),
        message: format!(
            "no certificate here is for {host:?} of `hosts`: its clients will refuse the connection"
        ),
    };
    missing.map(remark).collect()
}

/// The names in the certificates of these sections.
pub(super) fn names(sections: &[(Path, TlsListening)], files: &Files) -> Groups {
    let names = |(_, section): &(Path, TlsListening)| {
        let more = section.certificates.iter().filter(|more| more.ca_certificates.is_empty());
        let certificates = std::iter::once(&section.certificate).chain(more.map(|more| &more.certificate));
        let shown = certificates.filter_map(|file| shown(files.get(file)?));
        shown.flat_map(|shown| shown.names).map(|name| name.to_ascii_lowercase()).collect()
    };
    Groups::new(sections.iter().map(names).collect())
}
