//! The content of a request on its way to a script.

use crate::net::idle::Activity;
use crate::web::engine::received::{Asked, Fault, Received};
use hyper::body::Body as _;
use std::future::pending;
use std::rc::Rc;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;
use tokio::task::{JoinHandle, spawn_local};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There was more of it than may be.
    TooLong,
    /// It did not come as it should.
    Fault(Fault),
}

/// Carries the content to the script while that runs; stops when it goes out of scope.
#[derive(Debug)]
pub(super) struct Input(Option<JoinHandle<Result<(), Wrong>>>);

impl Input {
    /// Takes the content, of which there may be `limit` bytes (0: any number), out of the request.
    pub(super) fn begin(request: &mut Asked, limit: u64, to: pipe::Sender, activity: &Rc<Activity>) -> Self {
        let content = request.body_mut().take().filter(|content| !content.is_end_stream());
        Self(content.map(|content| {
            let limit = if limit == 0 { u64::MAX } else { limit };
            spawn_local(carry(content, limit, to, Rc::clone(activity)))
        }))
    }

    /// Completes when something is wrong with it, and never otherwise.
    pub(super) async fn wrong(&mut self) -> Wrong {
        if let Some(carrying) = &mut self.0 {
            let carried = carrying.await;
            self.0 = None;
            if let Ok(Err(wrong)) = carried {
                return wrong;
            }
        }
        pending().await
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if let Some(carrying) = &self.0 {
            carrying.abort();
        }
    }
}

async fn carry(
    mut content: Received,
    mut left: u64,
    mut to: pipe::Sender,
    activity: Rc<Activity>,
) -> Result<(), Wrong> {
    while let Some(bytes) = content.next().await.map_err(Wrong::Fault)? {
        left = left.checked_sub(bytes.len() as u64).ok_or(Wrong::TooLong)?;
        activity.touch();
        if to.write_all(&bytes).await.is_err() {
            break; // the script wants no more
        }
        activity.touch();
    }
    Ok(())
}
