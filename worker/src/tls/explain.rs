//! Errors of TLS in words.

use super::verify::SelfSigned;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
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
        Error::PeerIncompatible(why) => format!("the peer and we have nothing in common in TLS: {why:?}"),
        other => other.to_string(),
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
        other => format!("the peer's certificate can't be accepted: {other}"),
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
        other => return format!("the peer ended TLS with the alert {other:?}"),
    };
    why.into()
}
