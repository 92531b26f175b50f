//! How many requests may be tried again at another backend: a share of all, so that backends that fail are not asked for many
//! times as much as they fail at. Each process counts for itself.

use jackfield_shared::config::RetryBudget;
use std::cell::Cell;
use tokio::time::Instant;

/// For how long what was not used may be used later, in seconds.
const KEPT: f64 = 10.0;

/// What is left of a budget.
#[derive(Debug)]
pub(crate) struct Retries {
    config: RetryBudget,
    /// Attempts that may be made, and when that was so.
    left: Cell<(f64, Instant)>,
}

impl Retries {
    /// A budget of which nothing is used.
    pub(crate) fn new(config: &RetryBudget) -> Self {
        let left = Cell::new((f64::from(config.minimum) * KEPT, Instant::now()));
        Self { config: config.clone(), left }
    }

    /// A request comes.
    pub(crate) fn request(&self) {
        self.left.set((self.now() + self.config.share, Instant::now()));
    }

    /// Whether a request may be tried again; then it is.
    pub(crate) fn take(&self) -> bool {
        let left = self.now();
        let may = left >= 1.0;
        self.left.set((if may { left - 1.0 } else { left }, Instant::now()));
        may
    }

    /// What is left now.
    fn now(&self) -> f64 {
        let (left, at) = self.left.get();
        let minimum = f64::from(self.config.minimum);
        // What the requests of some seconds have left would be more; nobody needs all of it at once.
        let most = (minimum * KEPT).max(100.0 * self.config.share).max(1.0);
        (left + at.elapsed().as_secs_f64() * minimum).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_share_of_requests_and_some_a_second_are_tried_again() {
        let taken = |retries: &Retries| (0..1000).take_while(|_| retries.take()).count();
        let retries = Retries::new(&RetryBudget { share: 0.2, minimum: 2 });
        assert_eq!(taken(&retries), 20);
        (0..50).for_each(|_| retries.request());
        assert!((9..=10).contains(&taken(&retries)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!((2..=3).contains(&taken(&retries)));
        tokio::time::advance(Duration::from_secs(3600)).await;
        (0..100_000).for_each(|_| retries.request());
        assert_eq!(taken(&retries), 20, "no more than what is kept");
        let none = Retries::new(&RetryBudget { share: 0.0, minimum: 0 });
        none.request();
        assert_eq!(taken(&none), 0);
    }
}
