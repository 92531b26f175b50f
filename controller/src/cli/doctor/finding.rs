//! What `jackfield doctor` finds.

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Weight {
    /// It is as it should be.
    Good,
    /// It could be better, or will matter under load.
    Hint,
    /// Something does not work, or is not safe.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) weight: Weight,
    /// What was found.
    pub(super) found: String,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) means: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub(super) fn good(found: impl Into<String>) -> Self {
        Self { weight: Weight::Good, found: found.into(), means: None, advice: None }
    }

    /// It could be better.
    pub(super) fn hint(
        found: impl Into<String>,
        means: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            weight: Weight::Hint,
            found: found.into(),
            means: Some(means.into()),
            advice: Some(advice.into()),
        }
    }

    /// It does not work, or is not safe.
    pub(super) fn wrong(
        found: impl Into<String>,
        means: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { weight: Weight::Wrong, ..Self::hint(found, means, advice) }
    }
}
