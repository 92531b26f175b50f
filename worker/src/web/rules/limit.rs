//! How often each client address may ask. Each process counts for itself.

use crate::net::per_client::one_client;
use crate::net::proxy_protocol::Networks;
use crate::net::stream::Peer;
use jackfield_shared::config::RequestLimit;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Clients of one generation, at most. With those of the generation before, twice as many are remembered.
const MOST: usize = 50_000;

/// How often each client may ask.
#[derive(Debug)]
pub(super) struct Limit {
    /// Requests a second.
    rate: f64,
    burst: f64,
    prefix: u8,
    exempt: Networks,
    clients: RefCell<Clients>,
}

/// What clients have left. When there are too many, those that have not asked for longest are forgotten, half of all at a time.
#[derive(Debug, Default)]
struct Clients {
    now: HashMap<IpAddr, Left>,
    before: HashMap<IpAddr, Left>,
}

/// Requests that a client has left, and when that was so.
#[derive(Clone, Copy, Debug)]
struct Left {
    requests: f64,
    at: Instant,
}

impl Limit {
    pub(super) fn new(config: &RequestLimit) -> Self {
        let RequestLimit { requests, period, burst, ipv6_prefix, exempt } = config;
        Self {
            rate: f64::from(*requests) / period.as_secs_f64(),
            burst: f64::from(burst.unwrap_or(*requests)),
            prefix: *ipv6_prefix,
            exempt: Networks::new(exempt),
            clients: RefCell::default(),
        }
    }

    /// Takes a request of what a client has left; else how long it is to wait. One without an address may always ask.
    pub(super) fn take(&self, peer: Peer, now: Instant) -> Result<(), Duration> {
        let Peer::Tcp(address) = peer else { return Ok(()) };
        if self.exempt.contain(address.ip()) {
            return Ok(());
        }
        let client = one_client(address.ip(), self.prefix);
        let mut clients = self.clients.borrow_mut();
        let before = clients.now.get(&client).or_else(|| clients.before.get(&client)).copied();
        let left = before.map_or(self.burst, |left| {
            let gained = now.saturating_duration_since(left.at).as_secs_f64() * self.rate;
            (left.requests + gained).min(self.burst)
        });
        if left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - left) / self.rate));
        }
        if clients.now.len() >= MOST && !clients.now.contains_key(&client) {
            clients.before = std::mem::take(&mut clients.now);
        }
        clients.now.insert(client, Left { requests: left - 1.0, at: now });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(number: u32) -> Peer {
        Peer::Tcp((std::net::Ipv4Addr::from_bits(number), 1).into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_has_a_burst_and_then_a_rate() {
        let limit = Limit::new(&RequestLimit {
            requests: 2,
            period: Duration::from_secs(1),
            burst: Some(3),
            ipv6_prefix: 64,
            exempt: vec!["10.0.0.0/8".into()],
        });
        let start = Instant::now();
        let at = |ms| limit.take(tcp(1), start + Duration::from_millis(ms)).map_err(|wait| wait.as_millis());
        for (ms, expected) in [
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(500)),
            (100, Err(400)),
            (500, Ok(())),
            (600, Err(400)),
            (60_000, Ok(())),
            (60_000, Ok(())),
            (60_000, Ok(())),
            (60_000, Err(500)),
        ] {
            assert_eq!(at(ms), expected, "{ms}");
        }
        assert_eq!(limit.take(tcp(2), start), Ok(()), "another client");
        let exempt = Peer::Tcp(([10, 0, 0, 1], 1).into());
        assert!((0..10).all(|_| limit.take(exempt, start).is_ok() && limit.take(Peer::Unix, start).is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_who_asks_most_is_remembered() {
        let config = RequestLimit {
            requests: 1,
            period: Duration::from_secs(3600),
            burst: None,
            ipv6_prefix: 64,
            exempt: vec![],
        };
        let (limit, now) = (Limit::new(&config), Instant::now());
        assert!(limit.take(tcp(1), now).is_ok());
        for number in 2..=MOST as u32 + 10 {
            assert!(limit.take(tcp(number), now).is_ok());
        }
        assert!(limit.take(tcp(1), now).is_err(), "it is of the generation before");
        let clients = limit.clients.borrow();
        assert!(clients.now.len() <= MOST && clients.before.len() <= MOST);
    }
}
