//! Health checks: a backend that fails several in a row is left out until it passes several in a row.

use super::Backend;
use jackfield_shared::config::Health;
use tokio::time::{MissedTickBehavior, interval, timeout};

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

/// Checks `backend` for ever, by `check`; a check may take as long as until the next one.
pub(super) async fn watch(
    backend: &Backend,
    health: &Health,
    check: impl AsyncFn(&Backend) -> Result<(), String>,
) {
    let mut ticks = interval(health.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut streak = Streak::default();
    loop {
        ticks.tick().await;
        let result = match timeout(health.interval, check(backend)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} s (`interval`)", health.interval.as_secs_f64())),
        };
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

/// The least that can be asked of a backend: a connection is made and closed again.
pub(crate) async fn connects(backend: &Backend) -> Result<(), String> {
    backend.connector.connect(|| None).await.map(drop).map_err(|e| e.to_string())
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
