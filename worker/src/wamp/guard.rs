//! How many proofs of one address may be wrong.

use crate::net::per_client::one_client;
use crate::net::proxy_protocol::Networks;
use crate::net::stream::Peer;
use jackfield_shared::config::FailedLogins;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Addresses that are remembered at a time, at most. Of more, those that have failed least recently are forgotten.
const MOST: usize = 100_000;

/// Addresses of IPv6 that have so many first bits in common are one.
const PREFIX: u8 = 64;

/// Counts wrong proofs by the address that they come from.
#[derive(Debug)]
pub(crate) struct Guard {
    limit: f64,
    period: Duration,
    exempt: Networks,
    spent: RefCell<HashMap<IpAddr, Spent>>,
}

#[derive(Clone, Copy, Debug)]
struct Spent {
    at: Duration,
    proofs: f64,
}

impl Guard {
    /// None where any number may be wrong.
    pub(super) fn new(config: &FailedLogins) -> Option<Self> {
        let FailedLogins { limit, period, exempt } = config;
        (*limit > 0).then(|| Self {
            limit: f64::from(*limit),
            period: *period,
            exempt: Networks::new(exempt),
            spent: RefCell::default(),
        })
    }

    /// Whose proofs are counted together; none: they are not counted.
    pub(super) fn counts(&self, peer: Peer) -> Option<IpAddr> {
        let Peer::Tcp(address) = peer else { return None };
        let address = address.ip().to_canonical();
        (!self.exempt.contain(address)).then(|| one_client(address, PREFIX))
    }

    /// Whether an address has no proof left, at the time `now`.
    pub(super) fn is_spent(&self, address: IpAddr, now: Duration) -> bool {
        self.spent.borrow().get(&address).is_some_and(|spent| self.left_of(*spent, now) + 1.0 > self.limit)
    }

    /// Counts a wrong proof.
    pub(super) fn failed(&self, address: IpAddr, now: Duration) {
        let mut all = self.spent.borrow_mut();
        if all.len() >= MOST {
            all.retain(|_, spent| self.left_of(*spent, now) > 0.0);
        }
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, spent)| spent.at).map(|(address, _)| *address)
        {
            all.remove(&oldest);
        }
        let spent = all.entry(address).or_insert(Spent { at: now, proofs: 0.0 });
        *spent = Spent { at: now, proofs: self.left_of(*spent, now) + 1.0 };
    }

    /// How many still count.
    fn left_of(&self, spent: Spent, now: Duration) -> f64 {
        let passed = now.saturating_sub(spent.at).as_secs_f64();
        (spent.proofs - passed * self.limit / self.period.as_secs_f64()).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(limit: u32) -> Option<Guard> {
        Guard::new(&FailedLogins { limit, ..FailedLogins::default() })
    }

    fn peer(text: &str) -> Peer {
        Peer::Tcp(text.parse().unwrap())
    }

    #[test]
    fn an_address_has_so_many_proofs_and_gets_them_back() {
        let guard = guard(3).unwrap();
        let address = guard.counts(peer("192.0.2.1:5")).unwrap();
        let second = Duration::from_secs;
        for _ in 0..3 {
            assert!(!guard.is_spent(address, second(1)));
            guard.failed(address, second(1));
        }
        assert!(guard.is_spent(address, second(1)));
        assert!(guard.is_spent(address, second(20)));
        assert!(!guard.is_spent(address, second(21)), "a third of the period gives one back");
        guard.failed(address, second(21));
        assert!(guard.is_spent(address, second(21)));
        assert!(!guard.is_spent(guard.counts(peer("192.0.2.2:5")).unwrap(), second(21)));
        assert!(!guard.is_spent(address, second(1000)));
    }

    #[test]
    fn some_are_counted_together_and_some_not_at_all() {
        assert!(guard(0).is_none());
        let guard = guard(1).unwrap();
        let of = |text| guard.counts(peer(text));
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:2]:2"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_eq!(of("[::ffff:192.0.2.1]:1"), of("192.0.2.1:9"));
        for exempt in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.1.2.3]:1"] {
            assert_eq!(of(exempt), None, "{exempt}");
        }
        assert_eq!(guard.counts(Peer::Unix), None);
        assert_eq!(guard.counts(Peer::Onion), None);
    }
}
