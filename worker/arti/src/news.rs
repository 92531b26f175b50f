//! What Arti tells, and how the parts of this crate speak of it.

use arti_client::TorClient;
use jackfield_shared::ipc::Publication;
use std::sync::Arc;
use tokio::sync::mpsc;
use tor_rtcompat::PreferredRuntime;

/// The client that all share.
pub(crate) type Client = Arc<TorClient<PreferredRuntime>>;

/// What Arti tells.
#[derive(Debug)]
pub enum News {
    /// What has become of an onion service: told for each when it changes.
    Publication(Publication),
    /// It can't run, and why; it has ended.
    Failed(String),
}

/// Where news go.
pub(crate) type Tell = mpsc::UnboundedSender<News>;

/// An error with its causes: Arti's own texts say only what could not be done.
pub(crate) fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
