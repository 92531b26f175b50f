//! How long answers took.

use std::time::Duration;

/// Every one that was taken, in nanoseconds; what is above four seconds counts as that.
#[derive(Debug, Default)]
pub(super) struct Latencies(Vec<u32>);

impl Latencies {
    pub(super) fn add(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_nanos()).unwrap_or(u32::MAX));
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn join(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// In microseconds, below which a share of them is.
    pub(super) fn quantiles<const N: usize>(mut self, shares: [f64; N]) -> [f64; N] {
        self.0.sort_unstable();
        let most = self.0.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = |share: f64| (share * most as f64).round() as usize;
        shares.map(|share| self.0.get(place(share)).map_or(0.0, |&nanos| f64::from(nanos) / 1000.0))
    }
}
