//! Health checks: a backend that fails several in a row is left out until it passes several in a row.

use super::Backend;
use crate::connect::Connector;
use jackfield_shared::config::Health;
use std::fmt;
use tokio::time::{MissedTickBehavior, interval};

/// Results in a row that say other than what holds.
#[derive(Debug, Default)]
struct Streak(u16);

impl Streak {
    /// Takes a result; whether it is time to change one's mind.
    fn turns(&mut self, contradicts: bool, needed: u16) -> bool {
        self.0 = if contradicts { self.0 + 1 } else { 0 };
        if self.0 < needed {
            return false;
        }
        self.0 = 0;
        true
    }
}

/// Checks `backend` for ever: a connection is made and closed again.
pub(super) async fn watch(backend: &Backend, health: &Health) {
    let mut ticks = interval(health.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut streak = Streak::default();
    loop {
        ticks.tick().await;
        let result = check(&backend.connector, health).await;
        let healthy = backend.healthy.get();
        let needed = if healthy { health.fall } else { health.rise };
        if streak.turns(result.is_ok() != healthy, needed) {
            match result {
                Ok(()) => backend.set_healthy(true, ""),
                Err(e) => backend.set_healthy(false, e),
            }
        }
    }
}

/// One check; it may take as long as until the next one.
async fn check(connector: &Connector, health: &Health) -> Result<(), String> {
    let text = |e: &dyn fmt::Display| e.to_string();
    match tokio::time::timeout(health.interval, connector.connect(|| None)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err(text(&e)),
        Err(e) => Err(text(&e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_results_in_a_row_count() {
        let mut streak = Streak::default();
        let turns: Vec<_> =
            [true, true, false, true, true, true, true].into_iter().map(|c| streak.turns(c, 3)).collect();
        assert_eq!(turns, [false, false, false, false, false, true, false]);
    }
}
