//! Connections of HTTP/1.1 that are kept between requests.

use hyper::body::Body;
use hyper::client::conn::http1::SendRequest;
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::Instant;

/// For how long. Servers commonly close theirs after 60 s or more.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Connections to one server, without a request.
#[derive(Debug)]
pub(crate) struct Kept<B> {
    most: usize,
    idle: RefCell<Vec<(SendRequest<B>, Instant)>>,
}

impl<B: Body + 'static> Kept<B> {
    /// None yet, and so many at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, idle: RefCell::default() }
    }

    /// One that is there.
    pub(crate) async fn take(&self) -> Option<SendRequest<B>> {
        loop {
            let (mut sender, since) = self.idle.borrow_mut().pop()?;
            if since.elapsed() > KEPT_FOR {
                // The others are older.
                self.idle.borrow_mut().clear();
                return None;
            }
            if !sender.is_closed() && sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    /// Keeps one whose answer has been read to its end.
    pub(crate) fn keep(&self, sender: SendRequest<B>) {
        let mut idle = self.idle.borrow_mut();
        if !sender.is_closed() && idle.len() < self.most {
            idle.push((sender, Instant::now()));
        }
    }
}
