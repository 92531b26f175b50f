//! What `check` says about the files of TLS.

use jackfield_tests::{LOCALHOST, SERVER, Wish, argument, openssl, owner_only, prepared, run};

/// A configuration with an echo that has this TLS.
fn config(tls: &str) -> String {
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{{"type": "stream.testee",
            "endpoint": {{"type": "tcp", "port": 8441, "tls": {{{tls}}}}}}}]}}]}}"#
    )
}

#[test]
fn check_names_what_is_wrong() {
    let (dir, authority) = prepared();
    authority.write(&dir, "other", LOCALHOST);
    authority.write(&dir, "old", Wish { expired: true, ..LOCALHOST });
    let key = argument(&dir, "server.key");
    for (file, passphrase) in [("encrypted.key", "secret\n"), ("wrong.key", "another\n")] {
        let file = argument(&dir, file);
        openssl(&["pkcs8", "-topk8", "-in", &key, "-out", &file, "-passout", "pass:secret"], b"");
        owner_only(file.as_ref());
        std::fs::write(format!("{file}.pass"), passphrase).unwrap();
    }
    dir.write(".jackfield/garbage.pem", "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n");
    dir.write(".jackfield/old-crl.pem", authority.revoke_until(&[1], 2025));
    dir.write(".jackfield/crl.pem", authority.revoke(&[1]));
    dir.write(".jackfield/ca.crt", authority.pem());
    let dhparam = argument(&dir, "dhparam.pem");
    openssl(
        &["genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:modp_2048", "-out", &dhparam],
        b"",
    );
    // The same in PKCS #3, as `openssl dhparam` writes it.
    let pkcs3 = openssl(&["dhparam", "-in", &dhparam], b"");
    std::fs::write(&dhparam, pkcs3).unwrap();
    // What OpenSSL 3 writes.
    let x942 = argument(&dir, "x942.pem");
    openssl(
        &["genpkey", "-genparam", "-algorithm", "DHX", "-pkeyopt", "group:modp_2048", "-out", &x942],
        b"",
    );
    assert!(std::fs::read_to_string(&x942).unwrap().starts_with("-----BEGIN X9.42 DH PARAMETERS-----"));
    for (name, curve) in [("explicit", "prime256v1"), ("explicit-rare", "secp256k1")] {
        let [key, certificate] = ["key", "crt"].map(|end| argument(&dir, &format!("{name}.{end}")));
        openssl(
            &["ecparam", "-name", curve, "-genkey", "-noout", "-param_enc", "explicit", "-out", &key],
            b"",
        );
        openssl(&["req", "-x509", "-key", &key, "-subj", "/CN=localhost", "-out", &certificate], b"");
        owner_only(key.as_ref());
    }
    dir.write(".jackfield/readable.key", std::fs::read_to_string(&key).unwrap());
    let check = |tls: &str| {
        dir.write(".jackfield/config.json", config(tls));
        let output = run(dir.path(), &["check"]);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (tls, valid, message) in [
        (SERVER, true, ""),
        (r#""key": "other.key", "certificate": "server.crt""#, false, "does not belong to the certificate"),
        (r#""key": "server.crt", "certificate": "server.crt""#, false, "holds no private key"),
        (r#""key": "server.key", "certificate": "server.key""#, false, "holds no certificate"),
        (r#""key": "server.key", "certificate": "garbage.pem""#, false, "can't be used"),
        (r#""key": "old.key", "certificate": "old.crt""#, true, "expired at 2024-02-01T00:00:00Z"),
        (r#""key": "readable.key", "certificate": "server.crt""#, true, "can be read by every user"),
        (
            r#""key": "server.key", "certificate": "server.crt", "dhparam": "dhparam.pem""#,
            true,
            "has no effect",
        ),
        (r#""key": "server.key", "certificate": "server.crt", "dhparam": "x942.pem""#, true, "has no effect"),
        (
            r#""key": "explicit.key", "certificate": "explicit.crt""#,
            false,
            "explicit.crt can't be used: its curve is written out (explicit parameters) instead of named",
        ),
        (
            r#""key": "explicit-rare.key", "certificate": "explicit-rare.crt""#,
            false,
            "explicit-rare.key can't be used: its curve is written out (explicit parameters) instead of named",
        ),
        (
            r#""key": "explicit.key", "certificate": "server.crt""#,
            false,
            "does not belong to the certificate",
        ),
        (
            r#""key": "server.key", "certificate": "server.crt", "dhparam": "ca.crt""#,
            false,
            "holds no Diffie-Hellman parameters",
        ),
        (
            r#""key": "server.key", "certificate": "server.crt", "ca_certificates": ["ca.crt"], "crls": ["crl.pem"]"#,
            true,
            "",
        ),
        (
            r#""key": "server.key", "certificate": "server.crt", "ca_certificates": ["ca.crt"], "crls": ["old-crl.pem"]"#,
            true,
            "expired at 2025-01-01T00:00:00Z: it is used all the same",
        ),
        (r#""key": "encrypted.key", "certificate": "server.crt""#, false, "\"passphrase_file\""),
        (
            r#""key": "encrypted.key", "passphrase_file": "encrypted.key.pass", "certificate": "server.crt""#,
            true,
            "",
        ),
        (
            r#""key": "wrong.key", "passphrase_file": "wrong.key.pass", "certificate": "server.crt""#,
            false,
            "can't be decrypted with the passphrase",
        ),
        (
            r#""key": "server.key", "certificate": "server.crt", "ciphers": "AES128-SHA""#,
            false,
            "no cipher suite is left",
        ),
        // Keywords are understood as far as the library has what they mean.
        (r#""key": "server.key", "certificate": "server.crt", "ciphers": "HIGH:!aNULL""#, true, ""),
    ] {
        let (success, said) = check(tls);
        assert_eq!(success, valid, "{tls}: {said}");
        assert!(said.contains(message), "{tls}: {said}");
        assert_eq!(said.is_empty(), message.is_empty(), "{tls}: {said}");
        assert!(said.is_empty() || said.contains("config.json:2:"), "{said}");
        assert!(!said.contains("secret\n") && !said.contains("PRIVATE KEY-----"), "{said}");
    }
    check(r#""key": "other.key", "certificate": "server.crt""#);
    let output = run(dir.path(), &["start"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("does not belong to the certificate"), "{said}");
}
