//! Families of metrics, written one after the other.

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
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

/// What families are written to.
pub(super) struct Families<'a>(pub(super) DescriptorEncoder<'a>);

impl Families<'_> {
    /// A number that only grows, for each of these labels; nothing, if there are none.
    pub(super) fn counter<'a>(
        &mut self,
        (name, unit, help): (&str, Option<Unit>, &str),
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        samples.try_for_each(|(labels, value)| {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, f64, f64>(&value, None)
        })
    }

    /// A number that goes up and down.
    pub(super) fn gauge<'a>(
        &mut self,
        (name, unit, help): (&str, Option<Unit>, &str),
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        samples.try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    /// How long something takes.
    pub(super) fn histogram<'a>(
        &mut self,
        (name, unit, help): (&str, Option<Unit>, &str),
        samples: impl IntoIterator<Item = (Labels<'a>, Histogram)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Histogram)?;
        samples.try_for_each(|(labels, Histogram { sum, buckets })| {
            let count = buckets.iter().map(|(_, count)| count).sum();
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }
}
