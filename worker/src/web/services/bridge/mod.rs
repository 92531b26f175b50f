//! The bridge from HTTP to WAMP: the path services `publisher`, `caller` and `webhook`. Each is a session of its realm.

mod checks;
mod denial;
mod rest;
mod signature;
mod webhook;

pub(in crate::web) use rest::Rest;
pub(in crate::web) use webhook::Webhook;

use crate::wamp::{Failure, Reply};
use std::future::Future;
use std::time::Duration;

/// What came of a request to a realm.
#[derive(Debug)]
enum Outcome {
    /// The realm has answered.
    Reply(Reply),
    /// It has not, in time.
    Late,
    /// It could not be asked.
    Failure(Failure),
}

/// Waits for an answer of the realm for so long; zero: for as long as it takes.
async fn within(limit: Duration, reply: impl Future<Output = Result<Reply, Failure>>) -> Outcome {
    let result = if limit.is_zero() {
        reply.await
    } else {
        match tokio::time::timeout(limit, reply).await {
            Ok(result) => result,
            Err(_) => return Outcome::Late,
        }
    };
    result.map_or_else(Outcome::Failure, Outcome::Reply)
}
