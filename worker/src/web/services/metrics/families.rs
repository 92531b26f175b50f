//! Families of metrics, written one after the other.

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;

/// The labels of a sample.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// A histogram: its sum, and how many are below each bound and above the one before.
pub(super) struct Histogram {
    pub(super) sum: f64,
    pub(super) buckets: Vec<(f64, u64)>,
}

/// A family's name, unit and help.
type About<'a> = (&'a str, Option<Unit>, &'a str);

/// What families are written to.
pub(super) struct Families<'a>(pub(super) DescriptorEncoder<'a>);

impl Families<'_> {
    /// A number that only grows, for each of these labels; nothing, if there are none.
    pub(super) fn counter<'a>(
        &mut self,
        about: About<'_>,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        self.family(about, MetricType::Counter, samples, |mut metric, value| {
            metric.encode_counter::<NoLabelSet, f64, f64>(&value, None)
        })
    }

    /// A number that goes up and down.
    pub(super) fn gauge<'a>(
        &mut self,
        about: About<'_>,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        self.family(about, MetricType::Gauge, samples, |mut metric, value| metric.encode_gauge(&value))
    }

    /// How long something takes.
    pub(super) fn histogram<'a>(
        &mut self,
        about: About<'_>,
        samples: impl IntoIterator<Item = (Labels<'a>, Histogram)>,
    ) -> fmt::Result {
        self.family(about, MetricType::Histogram, samples, |mut metric, Histogram { sum, buckets }| {
            let count = buckets.iter().map(|(_, count)| count).sum();
            metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }

    fn family<'a, T>(
        &mut self,
        (name, unit, help): About<'_>,
        kind: MetricType,
        samples: impl IntoIterator<Item = (Labels<'a>, T)>,
        write: impl Fn(MetricEncoder<'_>, T) -> fmt::Result,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        samples.try_for_each(|(labels, value)| write(family.encode_family(&labels)?, value))
    }
}
