//! Certificates for tests, and clients that look at them.

use crate::TempDir;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An authority that lives as long as a test.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a certificate is to be like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// Names and addresses it is for.
    pub names: &'a [&'a str],
    /// Its common name.
    pub common_name: &'a str,
    /// Whether its time is over.
    pub expired: bool,
    /// Its serial number.
    pub serial: u64,
    /// The key as PEM; else a new one on P-256.
    pub key: Option<&'a str>,
}

/// One for localhost.
pub const LOCALHOST: Wish<'_> =
    Wish { names: &["localhost"], common_name: "localhost", expired: false, serial: 0, key: None };

/// What a TLS section says of it, where [`prepared`] has written it.
pub const SERVER: &str = r#""key": "server.key", "certificate": "server.crt""#;

/// A node directory with `ca.crt`, and with `server.crt` and `server.key` for localhost.
pub fn prepared() -> (TempDir, Authority) {
    let (dir, authority) = (TempDir::new(), Authority::new("authority of the test"));
    dir.write(".jackfield/ca.crt", authority.pem());
    authority.write(&dir, "server", LOCALHOST);
    (dir, authority)
}

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate and its key, as PEM.
    pub fn issue(&self, wish: Wish<'_>) -> (String, String) {
        let key =
            wish.key.map_or_else(|| KeyPair::generate().unwrap(), |pem| KeyPair::from_pem(pem).unwrap());
        let certificate = params(wish).signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes `NAME.crt` and `NAME.key` (readable by the owner alone) into the node directory.
    pub fn write(&self, dir: &TempDir, name: &str, wish: Wish<'_>) {
        let (certificate, key) = self.issue(wish);
        write_pair(dir, name, &certificate, &key);
    }

    /// A list that revokes these serial numbers, as PEM.
    pub fn revoke(&self, serials: &[u64]) -> String {
        self.revoke_until(serials, 4000)
    }

    /// The same, valid to the beginning of this year.
    pub fn revoke_until(&self, serials: &[u64], year: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// A certificate that is signed by its own key, and that key.
pub fn self_signed(wish: Wish<'_>) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    (params(wish).self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A new key of a kind, as PEM.
pub fn new_key(algorithm: &'static SignatureAlgorithm) -> String {
    KeyPair::generate_for(algorithm).unwrap().serialize_pem()
}

fn params(wish: Wish<'_>) -> CertificateParams {
    let mut params =
        CertificateParams::new(wish.names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, wish.common_name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = if wish.expired { date_time_ymd(2024, 2, 1) } else { date_time_ymd(4000, 1, 1) };
    if wish.serial != 0 {
        params.serial_number = Some(SerialNumber::from(wish.serial));
    }
    params
}

/// Writes `NAME.crt` and `NAME.key`, each as a whole, into the node directory.
pub fn write_pair(dir: &TempDir, name: &str, certificate: &str, key: &str) {
    for (kind, text) in [("key", key), ("crt", certificate)] {
        let temporary = dir.write(&format!(".jackfield/{name}.{kind}.new"), text);
        owner_only(&temporary);
        std::fs::rename(&temporary, dir.path().join(format!(".jackfield/{name}.{kind}"))).unwrap();
    }
}

/// Takes from others the right to read a file.
pub fn owner_only(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Runs `openssl ARGS…` with this on its standard input; all that it says.
pub fn openssl(args: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("openssl");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("run openssl; tests/run installs it");
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input); // it may have ended already
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A path as an argument.
pub fn argument(dir: &TempDir, name: &str) -> String {
    let path: PathBuf = dir.path().join(".jackfield").join(name);
    path.to_str().unwrap().to_owned()
}
