//! How many connections of one client address may be open. Each process counts for itself.

use super::proxy_protocol::Networks;
use super::stream::Peer;
use jackfield_shared::config::ClientLimits;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

/// What counts as one client: an IPv4 address, or a network of IPv6 with this many bits, since whoever has one address of such a
/// network has all of them.
pub(crate) fn one_client(address: IpAddr, prefix: u8) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or_default();
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

/// How many connections each client has open.
#[derive(Debug)]
pub(crate) struct PerClient {
    most: u32,
    prefix: u8,
    exempt: Networks,
    open: RefCell<HashMap<IpAddr, u32>>,
}

/// Whether a connection may come.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It may, and counts for as long as the share is kept; without one it is not counted.
    Yes(Option<Share>),
    /// It is one too many.
    OneTooMany(Share),
    /// There are twice as many as there may be.
    FarTooMany,
}

impl PerClient {
    pub(crate) fn new(config: &ClientLimits) -> Rc<Self> {
        let ClientLimits { max_connections, ipv6_prefix, exempt } = config;
        let exempt = Networks::new(exempt);
        Rc::new(Self { most: *max_connections, prefix: *ipv6_prefix, exempt, open: RefCell::default() })
    }

    /// Counts one more connection of a client. One without an address is not counted.
    pub(crate) fn admit(self: &Rc<Self>, peer: Peer) -> Admission {
        let Peer::Tcp(address) = peer else { return Admission::Yes(None) };
        if self.exempt.contain(address.ip()) {
            return Admission::Yes(None);
        }
        let client = one_client(address.ip(), self.prefix);
        let mut open = self.open.borrow_mut();
        let count = open.entry(client).or_default();
        if *count >= self.most.saturating_mul(2) {
            return Admission::FarTooMany;
        }
        *count += 1;
        let share = Share { of: Rc::clone(self), client };
        if *count > self.most { Admission::OneTooMany(share) } else { Admission::Yes(Some(share)) }
    }
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Rc<PerClient>,
    client: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.of.open.borrow_mut();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(address: &str) -> Peer {
        Peer::Tcp((address.parse::<IpAddr>().unwrap(), 1).into())
    }

    #[test]
    fn networks_of_ipv6_are_one_client() {
        for (address, prefix, expected) in [
            ("192.0.2.7", 64, "192.0.2.7"),
            ("::ffff:192.0.2.7", 64, "192.0.2.7"),
            ("2001:db8:1:2:3::4", 64, "2001:db8:1:2::"),
            ("2001:db8:1:2:3::4", 128, "2001:db8:1:2:3::4"),
            ("2001:db8:1:2:3::4", 0, "::"),
        ] {
            assert_eq!(one_client(address.parse().unwrap(), prefix), expected.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn a_client_has_as_many_connections_as_it_may_and_then_no_more() {
        let exempt = vec!["10.0.0.0/8".to_owned()];
        let clients = PerClient::new(&ClientLimits { max_connections: 2, ipv6_prefix: 64, exempt });
        let peer = tcp("2001:db8::1");
        let admitted: Vec<_> = (0..5).map(|_| clients.admit(peer)).collect();
        let told = |admission: &Admission| match admission {
            Admission::Yes(share) => share.is_some().to_string(),
            Admission::OneTooMany(_) => "one".into(),
            Admission::FarTooMany => "far".into(),
        };
        assert_eq!(admitted.iter().map(told).collect::<Vec<_>>(), ["true", "true", "one", "one", "far"]);
        assert_eq!(told(&clients.admit(tcp("2001:db8::ffff"))), "far", "the same network");
        assert_eq!(told(&clients.admit(tcp("2001:db8:0:1::1"))), "true", "another one");
        assert_eq!(told(&clients.admit(tcp("10.0.0.1"))), "false");
        assert_eq!(told(&clients.admit(Peer::Unix)), "false");
        drop(admitted);
        assert!(clients.open.borrow().is_empty(), "nobody is remembered who is gone");
    }
}
