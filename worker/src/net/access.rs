//! Which networks clients may come from.

use super::proxy_protocol::Networks;
use super::stream::Peer;

/// Which networks clients may come from.
#[derive(Debug)]
pub(crate) struct Access {
    /// Absent: all.
    allow: Option<Networks>,
    deny: Networks,
}

impl Access {
    /// Nothing, if clients may come from everywhere.
    pub(crate) fn new(allow: Option<&[String]>, deny: &[String]) -> Option<Self> {
        let limits = allow.is_some() || !deny.is_empty();
        limits.then(|| Self { allow: allow.map(Networks::new), deny: Networks::new(deny) })
    }

    /// Whether a client may come. One without an address is in no network.
    pub(crate) fn permits(&self, peer: Peer) -> bool {
        match peer {
            Peer::Tcp(address) => {
                let allowed = self.allow.as_ref().is_none_or(|networks| networks.contain(address.ip()));
                allowed && !self.deny.contain(address.ip())
            }
            Peer::Unix | Peer::Onion => self.allow.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_denied_may_not_come_and_who_is_not_allowed_neither() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        assert!(Access::new(None, &[]).is_none());
        let tcp = |address: &str| Peer::Tcp((address.parse::<std::net::IpAddr>().unwrap(), 1).into());
        for (allow, deny, peer, may) in [
            (None, &["10.0.0.0/8"][..], tcp("10.1.1.1"), false),
            (None, &["10.0.0.0/8"], tcp("192.0.2.1"), true),
            (None, &["10.0.0.0/8"], tcp("::ffff:10.1.1.1"), false),
            (None, &["10.0.0.0/8"], Peer::Onion, true),
            (Some(&["10.0.0.0/8"][..]), &[], tcp("10.1.1.1"), true),
            (Some(&["10.0.0.0/8"]), &["10.1.0.0/16"], tcp("10.1.1.1"), false),
            (Some(&["10.0.0.0/8"]), &[], tcp("2001:db8::1"), false),
            (Some(&["2001:db8::/32"]), &[], tcp("2001:db8::1"), true),
            (Some(&["10.0.0.0/8"]), &[], Peer::Unix, false),
        ] {
            let allow = allow.map(names);
            let access = Access::new(allow.as_deref(), &names(deny)).unwrap();
            assert_eq!(access.permits(peer), may, "{allow:?} {deny:?} {peer}");
        }
    }
}
