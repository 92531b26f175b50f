//! Cipher suites by the names OpenSSL gives them (openssl-ciphers(1)).

use super::review::{Review, provider};
use jackfield_shared::config::Path;
use rustls::{CipherSuite, SupportedCipherSuite, crypto::CryptoProvider};

/// All that the library has.
const NAMES: [(&str, CipherSuite); 9] = [
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// What suites of TLS 1.2 are told apart by in OpenSSL's lists, for those that the library has: keywords that stand for all
/// of them first.
const ALL: [&str; 13] = [
    "ALL",
    "AEAD",
    "COMPLEMENTOFDEFAULT",
    "DEFAULT",
    "ECDH",
    "ECDHE",
    "EECDH",
    "FIPS",
    "HIGH",
    "TLSv1.2",
    "kECDHE",
    "kEECDH",
    "kECDH",
];

/// Keywords that stand for none of them: what they name is in no library of today, or in none without finite fields.
const NONE: [&str; 62] = [
    "3DES",
    "ADH",
    "AECDH",
    "AES128-CBC",
    "AES256-CBC",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "CBC",
    "COMPLEMENTOFALL",
    "DES",
    "DH",
    "DHE",
    "DSA",
    "DSS",
    "ECDHEPSK",
    "EDH",
    "EXP",
    "EXPORT",
    "EXPORT40",
    "EXPORT56",
    "GOST",
    "GOST94",
    "GOST89MAC",
    "IDEA",
    "LOW",
    "MD5",
    "MEDIUM",
    "NULL",
    "PSK",
    "RC2",
    "RC4",
    "RSA",
    "RSAPSK",
    "SEED",
    "SHA",
    "SHA1",
    "SRP",
    "SSLv2",
    "SSLv3",
    "TLSv1",
    "TLSv1.0",
    "aDH",
    "aDSS",
    "aECDH",
    "aGOST",
    "aNULL",
    "aPSK",
    "eNULL",
    "kDHE",
    "kDHEPSK",
    "kEDH",
    "kGOST",
    "kPSK",
    "kRSA",
    "kSRP",
];

/// Whether a keyword stands for the suite of this name; `None` if it is no keyword.
fn keyword(word: &str, suite: &str) -> Option<bool> {
    Some(match word {
        _ if ALL.contains(&word) => true,
        _ if NONE.contains(&word) || word.starts_with('@') => false,
        "AES" | "AESGCM" => suite.contains("AES"),
        "AES128" => suite.contains("AES128"),
        "AES256" => suite.contains("AES256"),
        "CHACHA20" => suite.contains("CHACHA20"),
        "ECDSA" | "aECDSA" => suite.contains("ECDSA"),
        "aRSA" => suite.contains("RSA"),
        // The hashes of these are no codes that authenticate messages, which is what the keywords mean.
        "SHA256" | "SHA384" => false,
        _ => return None,
    })
}

/// The suites of TLS 1.2 that an expression of OpenSSL stands for: keywords joined by `+`, all of which fit. `None` if one
/// of them is unknown.
fn suites_of(expression: &str) -> Option<Vec<CipherSuite>> {
    let of_12 = NAMES.iter().filter(|(name, _)| !name.starts_with("TLS_"));
    let mut found = Vec::new();
    for (name, id) in of_12 {
        let fits: Option<Vec<bool>> = expression.split('+').map(|word| keyword(word, name)).collect();
        if fits?.into_iter().all(|fits| fits) {
            found.push(*id);
        }
    }
    Some(found)
}

impl Review<'_> {
    /// The provider with the suites that `list` leaves, in its order; `None` if it leaves none.
    pub(super) fn ciphers(&mut self, path: &Path, list: Option<&str>) -> Option<CryptoProvider> {
        let mut provider = provider();
        let Some(list) = list else { return Some(provider) };
        let suite =
            |wanted: CipherSuite| provider.cipher_suites.iter().copied().find(|s| s.suite() == wanted);
        let (mut chosen, mut removed) = (Vec::<SupportedCipherSuite>::new(), Vec::new());
        let (mut unknown, mut names_some) = (Vec::new(), false);
        for word in list.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
            let (is_removed, name) = match word.strip_prefix(['!', '-']) {
                Some(name) => (true, name),
                None => (false, word.strip_prefix('+').unwrap_or(word)),
            };
            let named =
                NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, id)| vec![*id]);
            let is_sorting = name.starts_with('@');
            match named.or_else(|| suites_of(name)) {
                Some(found) if is_removed => removed.extend(found.into_iter().filter_map(suite)),
                Some(found) => {
                    names_some |= !is_sorting;
                    for found in found.into_iter().filter_map(suite) {
                        if !chosen.contains(&found) {
                            chosen.push(found);
                        }
                    }
                }
                None if is_removed => {} // is not offered, as wished
                None => {
                    names_some = true;
                    unknown.push(word);
                }
            }
        }
        chosen.retain(|suite| !removed.contains(suite));
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            self.warn(path, format!("the TLS library does not have {unknown}"));
        }
        if names_some && chosen.is_empty() {
            let known: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            let dhe = ["DHE", "EDH", "DH"].iter().any(|word| list.contains(word) && !list.contains("ECDH"));
            let way_out = if dhe {
                "; it has no finite-field Diffie-Hellman (DHE): write ECDHE in place of it, or leave \"ciphers\" out"
            } else {
                ""
            };
            self.error(
                path,
                format!("no cipher suite is left; the TLS library has {}{way_out}", known.join(", ")),
            );
            return None;
        }
        let is_13 = |suite: &SupportedCipherSuite| suite.tls13().is_some();
        // Each version's suites stay as they are where the list names none of its own; for TLS 1.2 only if it names
        // none at all.
        let names_13 = chosen.iter().any(is_13);
        let names_any = !chosen.is_empty();
        let mut suites: Vec<_> = provider
            .cipher_suites
            .iter()
            .copied()
            .filter(|s| if is_13(s) { !names_13 } else { !names_any })
            .collect();
        suites.extend(chosen);
        suites.retain(|suite| !removed.contains(suite));
        if suites.is_empty() {
            self.error(path, "no cipher suite is left");
            return None;
        }
        provider.cipher_suites = suites;
        Some(provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::Severity;
    use jackfield_shared::tls::Files;

    /// The suites of a list as `13` or by their names, and the severities of what is said about it.
    fn read(list: &str) -> (Option<String>, Vec<Severity>) {
        let (files, at) = (Files::default(), Path::default());
        let mut review = Review::new(&files, &at);
        let provider = review.ciphers(&at, Some(list));
        let name = |suite: &SupportedCipherSuite| {
            let (name, _) = NAMES.iter().find(|(_, id)| *id == suite.suite()).unwrap();
            name.replace("ECDHE-", "").replace("-SHA256", "").replace("-SHA384", "").replace("TLS_", "13_")
        };
        let suites = provider.map(|p| p.cipher_suites.iter().map(name).collect::<Vec<_>>().join(" "));
        (suites, review.remarks.into_iter().map(|remark| remark.severity).collect())
    }

    #[test]
    fn names_of_openssl_choose_suites() {
        const ALL_13: &str = "13_AES_256_GCM_SHA384 13_AES_128_GCM_SHA256 13_CHACHA20_POLY1305_SHA256";
        let (suites, said) = read("ECDHE-RSA-AES128-GCM-SHA256:ecdhe-ecdsa-aes256-gcm-sha384");
        assert_eq!((suites.unwrap(), said), (format!("{ALL_13} RSA-AES128-GCM ECDSA-AES256-GCM"), vec![]));
        let (suites, said) = read("TLS_AES_128_GCM_SHA256");
        assert_eq!((suites.unwrap().as_str(), said), ("13_AES_128_GCM_SHA256", vec![]));
        let (suites, said) = read("ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-SHA:HIGH:!aNULL:!RC4-MD5");
        let suites = suites.unwrap();
        assert!(suites.starts_with(&format!("{ALL_13} RSA-AES128-GCM ")) && suites.split(' ').count() == 9);
        assert_eq!(said, [Severity::Warning]);
        let (suites, said) = read("HIGH:!ECDHE-RSA-AES256-GCM-SHA384");
        assert_eq!((suites.unwrap().split(' ').count(), said), (8, vec![]));
        let (suites, said) =
            read("ECDH+AESGCM:ECDH+CHACHA20:DH+AESGCM:ECDH+AES256:RSA+AES:!aNULL:!MD5:!DSS:!AES256");
        let expected = "ECDSA-AES128-GCM RSA-AES128-GCM ECDSA-CHACHA20-POLY1305 RSA-CHACHA20-POLY1305";
        assert_eq!((suites.unwrap(), said), (format!("{ALL_13} {expected}"), vec![]));
        let (suites, said) = read("EECDH+aRSA+CHACHA20:@STRENGTH");
        assert_eq!((suites.unwrap(), said), (format!("{ALL_13} RSA-CHACHA20-POLY1305"), vec![]));
        let (suites, said) = read("!MD5:!aNULL");
        assert_eq!((suites.unwrap().split(' ').count(), said), (9, vec![]));
    }

    #[test]
    fn a_list_that_leaves_nothing_is_an_error() {
        let (suites, said) = read("DHE-RSA-AES128-SHA:AES128-SHA");
        assert_eq!((suites, said), (None, vec![Severity::Warning, Severity::Error]));
        let (files, at) = (Files::default(), Path::default());
        let mut review = Review::new(&files, &at);
        assert!(review.ciphers(&at, Some("DHE+AESGCM:!aNULL")).is_none());
        assert!(review.remarks[0].message.ends_with("write ECDHE in place of it, or leave \"ciphers\" out"));
    }

    #[test]
    fn the_table_has_all_suites() {
        for suite in provider().cipher_suites {
            assert!(NAMES.iter().any(|(_, id)| *id == suite.suite()), "{suite:?}");
        }
    }
}
