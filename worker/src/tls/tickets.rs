//! Session tickets (RFC 5077, RFC 8446): sealed with keys that all processes of a worker have, so that a client that
//! comes back is known to whichever process it meets.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::rand;
use jackfield_shared::config::TlsListening;
use jackfield_shared::tls::{Files, TICKET_KEY, TicketKey, TicketKeys};
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How long a ticket is good. Keys must be opened for longer than this after they have sealed their last ticket.
pub const LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);

/// Bytes of the key's name, in front of each ticket.
const NAME: usize = 16;

/// A key that nobody can guess; `None` if the system has no random numbers.
#[must_use]
pub fn new_ticket_key() -> Option<TicketKey> {
    let (mut name, mut secret) = ([0; NAME], [0; TICKET_KEY]);
    rand::fill(&mut name).ok()?;
    rand::fill(&mut secret).ok()?;
    Some(TicketKey { name, secret })
}

/// The keys that hold now, for all endpoints of the process.
#[derive(Clone, Debug)]
pub(crate) struct Tickets(Arc<RwLock<TicketKeys>>);

impl Tickets {
    pub(crate) fn new(keys: TicketKeys) -> Self {
        Self(Arc::new(RwLock::new(keys)))
    }

    /// These hold from now on.
    pub(crate) fn renew(&self, keys: TicketKeys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Tickets of one endpoint. What a client may do there depends on the certificate that it has shown, so a ticket
    /// is worth nothing at another endpoint, nor after a change of whom this one trusts.
    pub(super) fn of(&self, transport: &str, tls: &TlsListening, files: &Files) -> Arc<dyn ProducesTickets> {
        let mut scope = Context::new(&SHA256);
        let mut add = |bytes: &[u8]| {
            scope.update(&bytes.len().to_be_bytes());
            scope.update(bytes);
        };
        add(transport.as_bytes());
        add(format!("{:?}", tls.client_auth).as_bytes());
        for file in tls.ca_certificates.iter().chain(&tls.crls) {
            add(files.get(file).unwrap_or_default().as_bytes());
        }
        let scope = scope.finish().as_ref().to_vec();
        Arc::new(Ticketer { keys: Arc::clone(&self.0), scope })
    }
}

struct Ticketer {
    keys: Arc<RwLock<TicketKeys>>,
    scope: Vec<u8>,
}

impl fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticketer")
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME.as_secs() as u32
    }

    /// The key's name, the nonce, what is sealed, its tag.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        cipher(&keys.current)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&self.scope),
                &mut sealed,
            )
            .ok()?;
        Some([keys.current.name.as_slice(), &nonce, &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = [Some(&keys.current), keys.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut opened = sealed.to_vec();
        let length = cipher(key)?.open_in_place(nonce, Aad::from(&self.scope), &mut opened).ok()?.len();
        opened.truncate(length);
        Some(opened)
    }
}

fn cipher(key: &TicketKey) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key.secret).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::{ClientAuth, TlsVersion};

    fn section(client_auth: ClientAuth) -> TlsListening {
        TlsListening {
            acme: None,
            key: "k".into(),
            passphrase_file: None,
            certificate: "c".into(),
            chain_certificates: vec![],
            ca_certificates: vec!["ca".into()],
            client_auth,
            crls: vec![],
            ciphers: None,
            versions: vec![TlsVersion::V13],
            alpn: None,
            certificates: vec![],
            dhparam: None,
        }
    }

    fn keys() -> TicketKeys {
        TicketKeys { current: new_ticket_key().unwrap(), previous: None }
    }

    #[test]
    fn another_process_opens_a_ticket_and_another_endpoint_does_not() {
        let first = keys();
        let here = Tickets::new(first.clone());
        let there = Tickets::new(first.clone());
        let files = Files([("ca".into(), "authority".into())].into());
        let required = section(ClientAuth::Required);
        let ticket = here.of("t1", &required, &files).encrypt(b"session").unwrap();
        let open = |tickets: &Tickets, transport, tls: &TlsListening, files: &Files| {
            tickets.of(transport, tls, files).decrypt(&ticket)
        };
        assert_eq!(open(&there, "t1", &required, &files).as_deref(), Some(&b"session"[..]));
        assert_eq!(open(&there, "t2", &required, &files), None);
        assert_eq!(open(&there, "t1", &section(ClientAuth::Optional), &files), None);
        assert_eq!(open(&there, "t1", &required, &Files([("ca".into(), "other".into())].into())), None);
        let second = keys().current;
        there.renew(TicketKeys { current: second.clone(), previous: Some(first.current) });
        assert!(open(&there, "t1", &required, &files).is_some());
        there.renew(TicketKeys { current: keys().current, previous: Some(second) });
        assert!(open(&there, "t1", &required, &files).is_none());
    }

    #[test]
    fn garbage_opens_to_nothing() {
        let ticketer = Tickets::new(keys()).of("t", &section(ClientAuth::Required), &Files::default());
        let mut ticket = ticketer.encrypt(b"session").unwrap();
        for length in 0..ticket.len() {
            assert_eq!(ticketer.decrypt(&ticket[..length]), None);
        }
        *ticket.last_mut().unwrap() ^= 1;
        assert_eq!(ticketer.decrypt(&ticket), None);
    }
}
