//! "Happy eyeballs" (RFC 8305): of several addresses of a host, the first that answers.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How long an attempt has before the next address is tried beside it (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// What was tried and what came of it, in order.
#[derive(Debug, Default)]
pub(crate) struct Attempts(RefCell<Vec<(SocketAddr, Option<io::Error>)>>);

impl Attempts {
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// What was tried of a host, which is named unless it is the one address that was tried.
    pub(super) fn of(&self, host: &str, port: u16) -> String {
        match &self.0.borrow()[..] {
            [(address, _)] if address.ip().to_string() == host => self.to_string(),
            _ => format!("{host}:{port}: {self}"),
        }
    }

    fn begin(&self, address: SocketAddr) {
        self.0.borrow_mut().push((address, None));
    }

    fn fail(&self, address: SocketAddr, error: io::Error) {
        let mut attempts = self.0.borrow_mut();
        if let Some(attempt) = attempts.iter_mut().find(|(tried, _)| *tried == address) {
            attempt.1 = Some(error);
        }
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (address, error)) in self.0.borrow().iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            match error {
                Some(error) => write!(f, "{address}: {error}")?,
                None => write!(f, "{address}: no answer")?,
            }
        }
        Ok(())
    }
}

/// The order in which addresses are tried: as the resolver sorted them (RFC 6724), the families alternating.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv4() == first_is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut order = Vec::new();
    loop {
        let before = order.len();
        order.extend(first.next());
        order.extend(second.next());
        if order.len() == before {
            order.dedup();
            return order;
        }
    }
}

/// The first of the connections made to `addresses`, or `None` when all attempts failed. Attempts that are not
/// needed any more are given up.
pub(crate) async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    attempts: &Attempts,
    connect: impl Fn(SocketAddr) -> F,
) -> Option<T>
where
    T: 'static,
    F: Future<Output = io::Result<T>> + 'static,
{
    let mut waiting = interleave(addresses).into_iter().peekable();
    let mut running = JoinSet::new();
    loop {
        if let Some(address) = waiting.next() {
            attempts.begin(address);
            let attempt = connect(address);
            running.spawn_local(async move { (address, attempt.await) });
        }
        let next = Instant::now() + ATTEMPT_DELAY;
        tokio::select! {
            biased;
            ended = running.join_next() => match ended? {
                Ok((_, Ok(connection))) => return Some(connection),
                Ok((address, Err(e))) => attempts.fail(address, e),
                Err(_) => {} // a panic, which is in the log
            },
            () = sleep_until(next), if waiting.peek().is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(n: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, n], 80))
    }

    fn v6(n: u16) -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, n], 80))
    }

    #[test]
    fn families_alternate_beginning_with_the_resolvers_choice() {
        assert_eq!(interleave(vec![v6(1), v6(2), v6(3), v4(1), v4(2)]), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
        assert_eq!(interleave(vec![v4(1), v4(2), v6(1)]), [v4(1), v6(1), v4(2)]);
        assert_eq!(interleave(vec![]), []);
    }

    #[tokio::test(start_paused = true, flavor = "local")]
    async fn a_silent_address_costs_a_quarter_of_a_second_and_a_refusing_one_nothing() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let silent = v6(1);
        let refusing = v4(1);
        let connected = race(vec![silent, refusing, v6(2)], &attempts, |address| async move {
            if address == silent {
                std::future::pending::<()>().await;
            }
            if address == refusing { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(address) }
        });
        assert_eq!(connected.await, Some(v6(2)));
        assert_eq!(start.elapsed(), ATTEMPT_DELAY);
        assert_eq!(
            attempts.to_string(),
            "[::1]:80: no answer; 127.0.0.1:80: connection refused; [::2]:80: no answer"
        );
    }

    #[tokio::test(flavor = "local")]
    async fn all_failing_is_failing() {
        let attempts = Attempts::default();
        let connected: Option<()> =
            race(vec![v4(1), v4(2)], &attempts, |_| async { Err(io::ErrorKind::HostUnreachable.into()) })
                .await;
        assert_eq!(connected, None);
        assert_eq!(attempts.to_string(), "127.0.0.1:80: host unreachable; 127.0.0.2:80: host unreachable");
    }
}
