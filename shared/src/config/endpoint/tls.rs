//! TLS sections of endpoints. Both ends are described; rustls gives them their effect.

use std::path::{Path as FsPath, PathBuf};

use serde_json::json;

use super::super::decode::*;
use super::acme::Acme;

choice! {
    /// A TLS version.
    pub enum TlsVersion {
        /// TLS 1.2
        V12 = "1.2",
        /// TLS 1.3
        V13 = "1.3",
    }
}

choice! {
    /// Whether clients show a certificate.
    pub enum ClientAuth {
        /// They must, and it must verify.
        Required = "required",
        /// They may, and if they do it must verify.
        Optional = "optional",
    }
}

object! {
    /// One more certificate of a listening endpoint, chosen by the name the client asks for (SNI).
    pub struct TlsCertificate as "a certificate with its key" {
        /// The private key, a PEM file: RSA, ECDSA or Ed25519.
        pub key as "key": PathBuf = file(), required;
        /// The file whose first line is the passphrase of an encrypted key (PKCS#8).
        pub passphrase_file as "passphrase_file": Option<PathBuf> = file(), optional;
        /// The certificate, a PEM file; intermediate certificates may follow it there.
        pub certificate as "certificate": PathBuf = file(), required;
        /// Intermediate certificates, a PEM file each, sent after the certificate.
        pub chain_certificates as "chain_certificates": Vec<PathBuf> = list(file()), default(json!([]), Vec::new());
        /// Clients that ask for a name of this certificate show one of their own, signed by one of these, PEM files; absent:
        /// what holds for the endpoint. Who came by another name can't ask for one of these on the same connection (421).
        pub ca_certificates as "ca_certificates": Vec<PathBuf> = list(file()), default(json!([]), Vec::new());
        /// Whether such a client without a certificate is refused; needs `ca_certificates`.
        pub client_auth as "client_auth": ClientAuth = word(), default(json!("required"), ClientAuth::Required);
        /// Certificate revocation lists for such clients, PEM files; needs `ca_certificates`.
        pub crls as "crls": Vec<PathBuf> = list(file()), default(json!([]), Vec::new());
    }
    check TlsCertificate::check;
}

impl TlsCertificate {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        for key in ["client_auth", "crls"] {
            if fields.has(key) && self.ca_certificates.is_empty() {
                let text = "needs \"ca_certificates\": whose signature on a client's certificate counts";
                cx.error_at(key, fields.span_of(key), text);
            }
        }
    }
}

object! {
    /// TLS of a listening endpoint.
    pub struct TlsListening as "the TLS settings of a listening endpoint" {
        /// The private key, a PEM file: RSA, ECDSA or Ed25519. Needed, as `certificate` is, unless there is `acme`.
        pub key as "key": PathBuf = file(), special(TlsListening::key, Presence::Optional);
        /// The file whose first line is the passphrase of an encrypted key (PKCS#8).
        pub passphrase_file as "passphrase_file": Option<PathBuf> = file(), optional;
        /// The certificate, a PEM file; intermediate certificates may follow it there.
        pub certificate as "certificate": PathBuf = file(), special(TlsListening::certificate, Presence::Optional);
        /// The node gets the certificate by itself, and renews it, in place of `key` and `certificate`.
        pub acme as "acme": Option<Acme> = nested(), optional, for controller;
        /// Intermediate certificates, a PEM file each, sent after the certificate.
        pub chain_certificates as "chain_certificates": Vec<PathBuf> = list(file()), default(json!([]), Vec::new());
        /// Clients show a certificate signed by one of these, PEM files; see `client_auth`.
        pub ca_certificates as "ca_certificates": Vec<PathBuf> = list(file()), default(json!([]), Vec::new());
        /// Whether a client without a certificate is refused; needs `ca_certificates`.
        pub client_auth as "client_auth": ClientAuth = word(), default(json!("required"), ClientAuth::Required);
        /// Certificate revocation lists, PEM files.
        pub crls as "crls": Vec<PathBuf> = list(file()), default(json!([]), Vec::new());
        /// Cipher suites by their OpenSSL names, separated by colons; absent: all nine of the TLS library.
        pub ciphers as "ciphers": Option<String> = text(), optional;
        /// The versions spoken.
        pub versions as "versions": Vec<TlsVersion> = some(word()), default(json!(["1.2", "1.3"]), vec![TlsVersion::V12, TlsVersion::V13]);
        /// Protocol names, the best first (ALPN); absent: those of HTTP, where the transport speaks it. A client that
        /// offers none of them is served all the same.
        pub alpn as "alpn": Option<Vec<String>> = some(protocol_name()), optional;
        /// More certificates, chosen by the name the client asks for (SNI).
        pub certificates as "certificates": Vec<TlsCertificate> = list(nested()), default(json!([]), Vec::new());
        /// Diffie-Hellman parameters, a PEM file. It is looked at and then has no effect: the TLS library has no
        /// finite-field Diffie-Hellman.
        pub dhparam as "dhparam": Option<PathBuf> = file(), optional;
    }
    check TlsListening::check;
}

impl TlsListening {
    fn key(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<PathBuf> {
        Self::file_or_acme("key", fields, cx)
    }

    fn certificate(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<PathBuf> {
        Self::file_or_acme("certificate", fields, cx)
    }

    /// One that ACME writes is known when the domains are ([`Self::settle`]).
    fn file_or_acme(key: &'static str, fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<PathBuf> {
        if fields.has("acme") && !fields.has(key) {
            return Some(PathBuf::new());
        }
        fields.required(key, &file(), cx)
    }

    /// Names the file that ACME writes.
    pub(crate) fn settle(&mut self, node_dir: &FsPath) {
        if let Some(acme) = &self.acme {
            self.key = acme.file(node_dir);
            self.certificate.clone_from(&self.key);
        }
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        for key in ["key", "certificate", "passphrase_file", "chain_certificates"] {
            if fields.has("acme") && fields.has(key) {
                let text = "does not go with \"acme\", which gets its own certificate: leave one of them out";
                cx.error_at(key, fields.span_of(key), text);
            }
        }
        if fields.has("client_auth") && self.ca_certificates.is_empty() {
            let span = fields.span_of("client_auth");
            cx.error_at(
                "client_auth",
                span,
                "needs \"ca_certificates\": whose signature on a client's certificate counts",
            );
        }
    }
}

object! {
    /// TLS of a connecting endpoint.
    pub struct TlsConnecting as "the TLS settings of a connecting endpoint" {
        /// The name the server's certificate is verified against, also sent as SNI; absent: the endpoint's `host`.
        /// Needed for Unix domain sockets.
        pub hostname as "hostname": Option<String> = text(), optional;
        /// The server's certificate is signed by one of these, PEM files; absent: by one the system trusts.
        pub ca_certificates as "ca_certificates": Option<Vec<PathBuf>> = list(file()), optional;
        /// Certificate revocation lists, PEM files.
        pub crls as "crls": Vec<PathBuf> = list(file()), default(json!([]), Vec::new());
        /// The client's private key, a PEM file; needs `certificate`.
        pub key as "key": Option<PathBuf> = file(), optional;
        /// The file whose first line is the passphrase of an encrypted key (PKCS#8).
        pub passphrase_file as "passphrase_file": Option<PathBuf> = file(), optional;
        /// The client's certificate, a PEM file; needs `key`.
        pub certificate as "certificate": Option<PathBuf> = file(), optional;
        /// The versions spoken.
        pub versions as "versions": Vec<TlsVersion> = some(word()), default(json!(["1.2", "1.3"]), vec![TlsVersion::V12, TlsVersion::V13]);
        /// Protocol names offered (ALPN); absent: none.
        pub alpn as "alpn": Option<Vec<String>> = some(protocol_name()), optional;
    }
    check TlsConnecting::check;
    absent default;
}

impl TlsConnecting {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        for (given, key, missing) in
            [(self.key.is_some(), "key", "certificate"), (self.certificate.is_some(), "certificate", "key")]
        {
            if given && !fields.has(missing) {
                let span = fields.span_of(key);
                cx.warn_at(key, span, format!("has no effect without {missing:?}: no certificate is shown"));
            }
        }
    }
}

/// RFC 7301: one to 255 bytes.
fn protocol_name() -> Text {
    matching("a protocol name of 1 to 255 bytes", None, |name| (1..=255).contains(&name.len()))
}
