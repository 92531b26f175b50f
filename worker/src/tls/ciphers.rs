//! Cipher suites by the names OpenSSL gives them (openssl-ciphers(1)).

use super::{Review, provider};
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

/// Words that stand for many suites; a name of a suite has a `-` or a `_` and a digit.
fn is_keyword(word: &str) -> bool {
    word.starts_with('@') || !(word.contains(['-', '_']) && word.contains(|c: char| c.is_ascii_digit()))
}

impl Review<'_> {
    /// The provider with the suites that `list` leaves, in its order; `None` if it leaves none.
    pub(super) fn ciphers(&mut self, path: &Path, list: Option<&str>) -> Option<CryptoProvider> {
        let mut provider = provider();
        let Some(list) = list else { return Some(provider) };
        let suite =
            |wanted: CipherSuite| provider.cipher_suites.iter().copied().find(|s| s.suite() == wanted);
        let (mut chosen, mut removed) = (Vec::<SupportedCipherSuite>::new(), Vec::new());
        let (mut unknown, mut keywords) = (Vec::new(), Vec::new());
        for word in list.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
            let (is_removed, name) = match word.strip_prefix(['!', '-']) {
                Some(name) => (true, name),
                None => (false, word.strip_prefix('+').unwrap_or(word)),
            };
            match NAMES
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .and_then(|(_, id)| suite(*id))
            {
                Some(found) if is_removed => removed.push(found),
                Some(found) if !chosen.contains(&found) => chosen.push(found),
                Some(_) => {}
                None if is_keyword(name) => keywords.push(word),
                None if is_removed => {} // is not offered, as wished
                None => unknown.push(word),
            }
        }
        if !keywords.is_empty() {
            let keywords = keywords.join(", ");
            self.warn(path, format!("has no effect: {keywords}; suites are chosen by their own names only"));
        }
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            self.warn(path, format!("the TLS library does not have {unknown}"));
            if chosen.is_empty() {
                let known: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
                self.error(
                    path,
                    format!("no cipher suite is left; the TLS library has {}", known.join(", ")),
                );
                return None;
            }
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
        assert_eq!(suites.unwrap(), format!("{ALL_13} RSA-AES128-GCM"));
        assert_eq!(said, [Severity::Warning, Severity::Warning]);
        let (suites, said) = read("HIGH:!ECDHE-RSA-AES256-GCM-SHA384");
        assert_eq!(suites.unwrap().split(' ').count(), 8);
        assert_eq!(said, [Severity::Warning]);
    }

    #[test]
    fn a_list_that_leaves_nothing_is_an_error() {
        let (suites, said) = read("DHE-RSA-AES128-SHA:AES128-SHA");
        assert_eq!((suites, said), (None, vec![Severity::Warning, Severity::Error]));
    }

    #[test]
    fn the_table_has_all_suites() {
        for suite in provider().cipher_suites {
            assert!(NAMES.iter().any(|(_, id)| *id == suite.suite()), "{suite:?}");
        }
    }
}
