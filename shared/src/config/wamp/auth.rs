//! How clients authenticate.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::decode::*;
use super::super::endpoint::one_network;
use super::uri;

object! {
    /// The methods a client may authenticate by.
    pub struct Auth as "authentication methods" {
        /// No proof at all.
        pub anonymous as "anonymous": Option<AnonymousAuth> = nested(), optional;
        /// A shared ticket.
        pub ticket as "ticket": Option<TicketAuth> = nested(), optional;
        /// Challenge and response with a shared secret.
        pub wampcra as "wampcra": Option<WampcraAuth> = nested(), optional;
        /// Salted challenge and response (RFC 5802).
        pub scram as "scram": Option<ScramAuth> = nested(), optional;
        /// A key pair.
        pub cryptosign as "cryptosign": Option<CryptosignAuth> = nested(), optional;
        /// A TLS client certificate.
        pub tls as "tls": Option<TlsAuth> = nested(), optional;
        /// The cookie of an earlier authentication.
        pub cookie as "cookie": Option<Json> = any(), optional;
        /// What a proxy says about a client with a key pair.
        pub cryptosign_proxy as "cryptosign-proxy": Option<CryptosignAuth> = nested(), optional;
        /// What a proxy says about a client without proof.
        pub anonymous_proxy as "anonymous-proxy": Option<AnonymousAuth> = nested(), optional;
        /// How many proofs of one address may be wrong.
        pub failed_logins as "failed_logins": FailedLogins = nested(), defaulted;
    }
}

object! {
    /// How many proofs of one address may be wrong, in each process. Who has spent them is refused until some are left again;
    /// clients who are anonymous need none.
    pub struct FailedLogins as "a limit of failed logins" {
        /// Wrong proofs that one IPv4 address, or one IPv6 network of 64 bits, may send within `period`; 0: any.
        pub limit as "limit": u32 = int(0..=1_000_000), default(20);
        /// Seconds after which all of them may be sent again.
        pub period as "period": Duration = seconds(1.0..=86400.0), default(json!(60), Duration::from_secs(60));
        /// Addresses and networks whose proofs are not counted: proxies that do not tell for whom they speak. Clients of Unix
        /// sockets and onion services have no address, and are not counted either.
        pub exempt as "exempt": Vec<String> = list(one_network()), default(json!(["127.0.0.0/8", "::1"]), vec!["127.0.0.0/8".to_owned(), "::1".to_owned()]);
    }
    absent default;
}

object! {
    /// A procedure decides.
    pub struct DynamicAuth as "dynamic authentication" {
        /// The procedure that is asked.
        pub authenticator as "authenticator": String = uri(), required;
        /// The realm it is called in; absent: the one the client wants.
        pub realm as "authenticator-realm": Option<String> = text(), optional;
        /// The role it is called as.
        pub role as "authenticator-role": Option<String> = text(), optional;
    }
    open true;
}

object! {
    /// A Python function decides.
    pub struct FunctionAuth as "authentication by a Python function" {
        /// The function that makes the authenticator, as `module.function`. It is called with `config` and a controller or None,
        /// and gives a function of realm, authid and details.
        pub create as "create": String = text(), required;
        /// Handed to it.
        pub config as "config": Option<Json> = any(), optional;
        /// Hands it the object that `expose_controller` of a worker's options gives to components.
        pub expose_controller as "expose_controller": bool = boolean(), default(false);
    }
    open true;
}

tagged! {
    /// No proof at all.
    pub enum AnonymousAuth as "anonymous authentication" by "type" {
        /// As configured here.
        Static(AnonymousStatic) = "static",
        /// As a procedure says.
        Dynamic(DynamicAuth) = "dynamic",
    }
}

object! {
    /// What an anonymous client is given.
    pub struct AnonymousStatic as "static anonymous authentication" {
        /// The realm; absent: the one the client wants.
        pub realm as "realm": Option<String> = text(), optional;
        /// The role.
        pub role as "role": String = text(), default(json!("anonymous"), "anonymous".to_owned());
        /// The authid; absent: one of the router's choice.
        pub authid as "authid": Option<String> = text(), optional;
    }
}

tagged! {
    /// A shared ticket.
    pub enum TicketAuth as "ticket authentication" by "type" {
        /// As configured here.
        Static(TicketStatic) = "static",
        /// As a procedure says.
        Dynamic(DynamicAuth) = "dynamic",
        /// As a Python function says.
        Function(FunctionAuth) = "function",
    }
}

object! {
    /// Tickets.
    pub struct TicketStatic as "static ticket authentication" {
        /// authid → its ticket.
        pub principals as "principals": BTreeMap<String, TicketPrincipal> = map(nested()), required;
    }
    open true;
}

object! {
    /// A ticket.
    pub struct TicketPrincipal as "a ticket with its role" {
        /// The ticket; nobody logs in by one in an environment variable that is not set.
        pub ticket as "ticket": Option<Secret> = secret_if_set(), required;
        /// The role it gives.
        pub role as "role": Option<String> = text(), optional;
    }
}

tagged! {
    /// Challenge and response with a shared secret.
    pub enum WampcraAuth as "WAMP-CRA authentication" by "type" {
        /// As configured here.
        Static(WampcraStatic) = "static",
        /// As a procedure says.
        Dynamic(DynamicAuth) = "dynamic",
        /// As a Python function says.
        Function(FunctionAuth) = "function",
    }
}

object! {
    /// Secrets.
    pub struct WampcraStatic as "static WAMP-CRA authentication" {
        /// authid → its secret.
        pub users as "users": BTreeMap<String, WampcraUser> = map(nested()), required;
    }
    open true;
}

/// Any integer: Crossbar.io gives no range.
fn any_int() -> Int<i64> {
    int(i128::from(i64::MIN)..=i128::from(i64::MAX))
}

object! {
    /// A secret.
    pub struct WampcraUser as "a secret with its role" {
        /// The secret, or the key derived from it; nobody logs in by one in an environment variable that is not set.
        pub secret as "secret": Option<Secret> = secret_if_set(), required;
        /// The role it gives.
        pub role as "role": Option<String> = text(), optional;
        /// The salt the key was derived with; absent: `secret` is the secret itself.
        pub salt as "salt": Option<String> = text(), optional;
        /// The rounds it was derived with.
        pub iterations as "iterations": i64 = any_int(), default(1000);
        /// The key's length in bytes.
        pub keylen as "keylen": i64 = any_int(), default(32);
    }
}

tagged! {
    /// Salted challenge and response.
    pub enum ScramAuth as "SCRAM authentication" by "type" {
        /// As configured here.
        Static(ScramStatic) = "static",
        /// As a procedure says.
        Dynamic(DynamicAuth) = "dynamic",
        /// As a Python function says.
        Function(FunctionAuth) = "function",
    }
}

object! {
    /// Keys.
    pub struct ScramStatic as "static SCRAM authentication" {
        /// authid → its keys.
        pub principals as "principals": BTreeMap<String, ScramPrincipal> = map(nested()), required;
    }
    open true;
}

choice! {
    /// How a key is derived from a password.
    pub enum Kdf {
        /// Argon2id, version 1.3
        Argon2id13 = "argon2id-13",
        /// PBKDF2
        Pbkdf2 = "pbkdf2",
    }
}

object! {
    /// The keys of a principal.
    pub struct ScramPrincipal as "the keys of a principal" {
        /// How they were derived.
        pub kdf as "kdf": Kdf = word(), required;
        /// In how many rounds.
        pub iterations as "iterations": i64 = any_int(), required;
        /// With how much memory.
        pub memory as "memory": i64 = any_int(), required;
        /// With which salt.
        pub salt as "salt": String = text(), required;
        /// The key a client's proof is checked with.
        pub stored_key as "stored-key": Secret = secret(), required;
        /// The key of the server's proof.
        pub server_key as "server-key": Secret = secret(), required;
        /// The role it gives.
        pub role as "role": Option<String> = text(), optional;
    }
}

tagged! {
    /// A key pair.
    pub enum CryptosignAuth as "cryptosign authentication" by "type" {
        /// As configured here.
        Static(CryptosignStatic) = "static",
        /// As a procedure says.
        Dynamic(DynamicAuth) = "dynamic",
        /// As a Python function says.
        Function(FunctionAuth) = "function",
    }
}

object! {
    /// Public keys, or whom to trust for them.
    pub struct CryptosignStatic as "static cryptosign authentication" {
        /// authid → its public keys.
        pub principals as "principals": Option<BTreeMap<String, CryptosignPrincipal>> = map(nested()), optional;
        /// Realm → who certifies keys for it.
        pub trustroots as "trustroots": Option<BTreeMap<String, Trustroot>> = map(nested()), optional;
    }
    check CryptosignStatic::check;
    open true;
}

impl CryptosignStatic {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        match (&self.principals, &self.trustroots) {
            (None, None) => {
                cx.error(fields.span, "one of the attributes \"principals\" and \"trustroots\" is needed")
            }
            (Some(_), Some(_)) => {
                let span = fields.span_of("trustroots");
                cx.error_at("trustroots", span, "stands beside \"principals\"; keep the one or the other");
            }
            _ => {}
        }
    }
}

object! {
    /// The public keys of a principal.
    pub struct CryptosignPrincipal as "the public keys of a principal" {
        /// The keys, in hexadecimal.
        pub authorized_keys as "authorized_keys": Vec<String> = list(text()), required;
        /// The role they give.
        pub role as "role": Option<String> = text(), optional;
        /// The realm they are for.
        pub realm as "realm": Option<String> = text(), optional;
    }
}

object! {
    /// Who certifies keys.
    pub struct Trustroot as "a trust root" {
        /// A certificate, a file.
        pub certificate as "certificate": Option<PathBuf> = path(), optional;
        /// An Ethereum address or ENS name.
        pub trustroot as "trustroot": Option<String> = text(), optional;
        /// The role it gives.
        pub role as "role": Option<String> = text(), optional;
        /// The realm it is for.
        pub realm as "realm": Option<String> = text(), optional;
    }
    check Trustroot::check;
}

impl Trustroot {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let Some(name) = self.trustroot.as_deref().filter(|_| self.certificate.is_none()) else { return };
        let address = name
            .strip_prefix("0x")
            .is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let part = |part: &str| {
            (2..=250).contains(&part.len())
                && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'@' | b'.'))
        };
        let ens = name.strip_suffix(".eth").is_some_and(part) || name.strip_prefix("eth.").is_some_and(part);
        if !address && !ens {
            let span = fields.span_of("trustroot");
            cx.error_at(
                "trustroot",
                span,
                format!("found {name:?}, expected an Ethereum address (0x…) or an ENS name (….eth or eth.…)"),
            );
        }
    }
}

tagged! {
    /// A TLS client certificate.
    pub enum TlsAuth as "TLS authentication" by "type" {
        /// As configured here.
        Static(TlsStatic) = "static",
        /// As a procedure says.
        Dynamic(DynamicAuth) = "dynamic",
        /// As a Python function says.
        Function(FunctionAuth) = "function",
    }
}

object! {
    /// Certificates.
    pub struct TlsStatic as "static TLS authentication" {
        /// authid → its certificate's fingerprint.
        pub principals as "principals": Option<Json> = any(), optional;
    }
    open true;
}
