//! What the TLS of an accepted connection tells of its client.

use super::names::Groups;
use rustls::{ConnectionCommon, ProtocolVersion, ServerConnection};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::fmt::Write;
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::Decode;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::name::Name;

/// What the TLS of an accepted connection tells of its client.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The certificate that the client has shown, and that was verified.
    pub(crate) certificate: Option<Shown>,
    /// What only the two ends of this connection know (`tls-exporter`, RFC 9266). Absent below TLS 1.3, where it is bound to
    /// the connection only with an extension that the library does not tell of.
    pub(crate) exporter: Option<[u8; 32]>,
    /// The names of the endpoint, and the group of that which the client has asked for, where they are in several.
    pub(crate) group: Option<(Arc<Groups>, usize)>,
}

/// A certificate as authenticators are told of it.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Fingerprints, in upper-case hexadecimal with colons.
    pub(crate) sha1: String,
    pub(crate) sha256: String,
    /// The serial number, in hexadecimal.
    pub(crate) serial: String,
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    /// Parts of the names, such as `cn`, with their values.
    pub(crate) subject: Vec<(String, String)>,
    pub(crate) issuer: Vec<(String, String)>,
}

impl Facts {
    pub(crate) fn of(connection: &ServerConnection) -> Self {
        let certificate = connection.peer_certificates().and_then(|chain| chain.first());
        Self {
            certificate: certificate.map(|certificate| Shown::of(certificate)),
            exporter: exporter(connection),
            group: None,
        }
    }

    /// Whether a client may ask for this host, having authenticated as it has.
    pub(crate) fn permit(&self, host: &str) -> bool {
        self.group.as_ref().is_none_or(|(groups, group)| groups.of(host) == *group)
    }
}

/// What only the two ends of a connection know (`tls-exporter`, RFC 9266), of TLS 1.3 and later.
pub(crate) fn exporter<Data>(connection: &ConnectionCommon<Data>) -> Option<[u8; 32]> {
    let bound = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    let export = || connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok();
    bound.then(export).flatten()
}

impl Shown {
    fn of(der: &[u8]) -> Self {
        let parsed = Certificate::from_der(der).ok().map(|certificate| certificate.tbs_certificate);
        let parsed = parsed.as_ref();
        let name = |name: Option<&Name>| name.map(parts).unwrap_or_default();
        Self {
            sha1: fingerprint(&Sha1::digest(der)),
            sha256: fingerprint(&Sha256::digest(der)),
            serial: parsed.map(|known| hex(known.serial_number.as_bytes(), "")).unwrap_or_default(),
            not_before: parsed.map(|known| known.validity.not_before.to_string()).unwrap_or_default(),
            not_after: parsed.map(|known| known.validity.not_after.to_string()).unwrap_or_default(),
            subject: name(parsed.map(|known| &known.subject)),
            issuer: name(parsed.map(|known| &known.issuer)),
        }
    }
}

fn fingerprint(digest: &[u8]) -> String {
    hex(digest, ":").to_ascii_uppercase()
}

fn hex(bytes: &[u8], between: &str) -> String {
    let mut text = String::with_capacity(3 * bytes.len());
    for (index, byte) in bytes.iter().enumerate() {
        let between = if index > 0 { between } else { "" };
        // Writing to a string can't fail.
        let _ = write!(text, "{between}{byte:02x}");
    }
    text
}

/// The parts of a name, their keys in small letters.
fn parts(name: &Name) -> Vec<(String, String)> {
    let all = name.0.iter().flat_map(|part| part.0.iter());
    let pair = |part: &AttributeTypeAndValue| {
        let written = part.to_string();
        let (key, value) = written.split_once('=')?;
        Some((key.to_ascii_lowercase(), text(part).unwrap_or_else(|| value.to_owned())))
    };
    all.filter_map(pair).collect()
}

fn text(part: &AttributeTypeAndValue) -> Option<String> {
    let value = &part.value;
    let utf8 = value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.as_str().to_owned());
    utf8.or_else(|| value.decode_as::<PrintableStringRef<'_>>().ok().map(|text| text.as_str().to_owned()))
        .or_else(|| value.decode_as::<Ia5StringRef<'_>>().ok().map(|text| text.as_str().to_owned()))
        .or_else(|| value.decode_as::<TeletexStringRef<'_>>().ok().map(|text| text.as_str().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_by_its_fingerprints_and_names() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Zoë, of the test");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Test");
        params.serial_number = Some(rcgen::SerialNumber::from(vec![1, 0xab]));
        let certificate = params.self_signed(&key).unwrap();
        let shown = Shown::of(certificate.der());
        let part =
            |key: &str| shown.subject.iter().find(|(name, _)| name == key).map(|(_, text)| text.as_str());
        assert_eq!(part("cn"), Some("Zoë, of the test"));
        assert_eq!(part("o"), Some("Test"));
        assert_eq!(shown.subject, shown.issuer);
        assert_eq!(shown.serial, "01ab");
        assert_eq!((shown.sha1.len(), shown.sha256.len()), (59, 95));
        assert_eq!(shown.sha1, fingerprint(&Sha1::digest(certificate.der())));
        assert!(shown.not_after.contains('T'), "{}", shown.not_after);
        // What can't be read has fingerprints all the same.
        assert_eq!(Shown::of(b"x").sha1.len(), 59);
    }
}
