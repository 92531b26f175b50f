//! Errors of TLS in words.

use super::verify::SelfSigned;
use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use std::io;

/// Why a handshake failed.
pub(crate) fn explain(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => of_rustls(error),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the peer closed during the TLS handshake".into()
        }
        None => error.to_string(),
    }
}

fn of_rustls(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(e) => of_certificate(e),
        Error::NoCertificatesPresented => "the peer shows no certificate, and one is required".into(),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "the peer does not speak TLS".into(),
        Error::InvalidMessage(_) => "the peer sent what is no proper message of TLS".into(),
        Error::PeerIncompatible(why) => {
            format!("the peer and we have nothing in common in TLS: {}", of_incompatible(why))
        }
        Error::PeerMisbehaved(_) => "the peer did what TLS does not allow".into(),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the peer sent a message of TLS out of turn".into()
        }
        Error::InvalidCertRevocationList(_) => "a certificate revocation list can't be used".into(),
        other => other.to_string(),
    }
}

fn of_incompatible(why: &PeerIncompatible) -> &'static str {
    match why {
        PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite",
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
            "no group for the exchange of keys"
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => "no way to sign",
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => "no version of TLS",
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
            "it has no extended master secret (RFC 7627)"
        }
        _ => "an extension that one of us needs",
    }
}

/// Why a PEM file can't be read. Nothing of it is quoted: it may be a key.
pub(super) fn of_pem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "a block has no line \"-----END …-----\" of its own that belongs to it"
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a line begins with \"-----BEGIN \" and does not end with \"-----\": line ends are missing"
        }
        pem::Error::Base64Decode(_) => "a block holds what is no base64",
        pem::Error::Io(_) => "it can't be read to its end",
        pem::Error::NoItemsFound => "nothing of that kind is there",
        pem::Error::SectionTooLarge => "a block is too large",
        _ => "it is no proper PEM",
    }
}

/// Why a certificate of ours can't be used.
pub(super) fn of_own_certificate(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::BadEncoding) => "it is no certificate of X.509".into(),
        Error::InvalidCertificate(e) => of_inner(e),
        other => other.to_string(),
    }
}

/// Why authorities and revocation lists can't be used.
pub(super) fn of_verifier(error: &VerifierBuilderError) -> &'static str {
    match error {
        VerifierBuilderError::NoRootAnchors => "no authority is among them",
        VerifierBuilderError::InvalidCrl(_) => "a revocation list among them is garbled",
        _ => "they don't fit together",
    }
}

/// What webpki finds wrong with a certificate.
fn of_inner(error: &CertificateError) -> String {
    let webpki = match error {
        CertificateError::Other(other) => other.0.downcast_ref::<webpki::Error>(),
        other => return other.to_string(),
    };
    match webpki {
        Some(webpki::Error::UnsupportedCertVersion) => "it is of another version of X.509 than 3".into(),
        Some(webpki::Error::UnsupportedCriticalExtension) => {
            "it has a critical extension that is not known here".into()
        }
        Some(webpki::Error::ExtensionValueInvalid) => "one of its extensions is garbled".into(),
        Some(webpki::Error::BadDer | webpki::Error::TrailingData(_)) => "it is garbled".into(),
        _ => "it has a form that is not known here".into(),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the peer's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the peer's certificate is not valid yet; is this machine's clock right?".into()
        }
        CertificateError::Revoked => "the peer's certificate is revoked".into(),
        CertificateError::UnknownIssuer => {
            "the peer's certificate was issued by nobody we trust (`ca_certificates`)".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "the peer's certificate is for another host: expected {}, it says {}",
            expected.to_str(),
            if presented.is_empty() { "none".into() } else { presented.join(", ") }
        ),
        CertificateError::NotValidForName => "the peer's certificate is for another host".into(),
        CertificateError::Other(other) if other.0.downcast_ref::<SelfSigned>().is_some() => {
            other.0.to_string()
        }
        other => format!("the peer's certificate can't be accepted: {}", of_inner(other)),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    let why = match alert {
        AlertDescription::CertificateExpired => "our certificate has expired, says the peer",
        AlertDescription::CertificateRevoked => "our certificate is revoked, says the peer",
        AlertDescription::UnknownCA => "the peer does not trust who issued our certificate",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "the peer refuses our certificate"
        }
        AlertDescription::CertificateRequired => {
            "the peer requires a certificate of ours, and we have shown none"
        }
        AlertDescription::ProtocolVersion => "the peer speaks none of our versions of TLS",
        AlertDescription::HandshakeFailure => "the peer finds nothing in common with us in TLS",
        AlertDescription::NoApplicationProtocol => "the peer speaks none of the protocols offered (ALPN)",
        AlertDescription::UnrecognisedName => "the peer has no certificate for the name asked for",
        other => return format!("the peer ended TLS with alert {} (RFC 8446, 6)", u8::from(other)),
    };
    why.into()
}
