//! The content of a request on its way to a script.

use crate::net::idle::Activity;
use crate::web::answer::Asked;
use hyper::body::{Body as _, Incoming};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;
use tokio::task::{JoinHandle, spawn_local};

/// There was more of it than may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Carries the content to the script while that runs; stops when it goes out of scope.
#[derive(Debug)]
pub(super) struct Input(Option<JoinHandle<Result<(), TooLong>>>);

impl Input {
    /// Takes the content, of which there may be `limit` octets (0: any number), out of the request.
    pub(super) fn begin(request: &mut Asked, limit: u64, to: pipe::Sender, activity: &Rc<Activity>) -> Self {
        let content = request.body_mut().take().filter(|content| !content.is_end_stream());
        Self(content.map(|content| {
            let limit = if limit == 0 { u64::MAX } else { limit };
            spawn_local(carry(content, limit, to, Rc::clone(activity)))
        }))
    }

    /// Completes when there was more than may be, and never otherwise.
    pub(super) async fn too_long(&mut self) -> TooLong {
        if let Some(carrying) = &mut self.0 {
            let carried = carrying.await;
            self.0 = None;
            if let Ok(Err(too_long)) = carried {
                return too_long;
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
    mut content: Incoming,
    mut left: u64,
    mut to: pipe::Sender,
    activity: Rc<Activity>,
) -> Result<(), TooLong> {
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut content).poll_frame(cx)).await {
        let Ok(octets) = frame.into_data() else { continue };
        left = left.checked_sub(octets.len() as u64).ok_or(TooLong)?;
        activity.touch();
        if to.write_all(&octets).await.is_err() {
            break; // the script wants no more
        }
        activity.touch();
    }
    Ok(())
}
