//! The end: nothing new is taken, and what is open is waited for.

use std::convert::Infallible;
use tokio::sync::{mpsc, watch};

/// Tells all holders of a [`Stop`] to come to an end.
#[derive(Debug)]
pub(crate) struct Stopper {
    begun: watch::Sender<bool>,
    open: mpsc::Receiver<Infallible>,
}

/// Held by whatever is open.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    begun: watch::Receiver<bool>,
    _open: mpsc::Sender<Infallible>,
}

impl Stopper {
    /// With the first of its handles.
    pub(crate) fn new() -> (Self, Stop) {
        let (begun, begins) = watch::channel(false);
        let (holder, open) = mpsc::channel(1);
        (Self { begun, open }, Stop { begun: begins, _open: holder })
    }

    /// Completes when the last handle is gone.
    pub(crate) async fn finish(&mut self) {
        self.begun.send_replace(true);
        let _none_is_ever_sent = self.open.recv().await;
    }
}

impl Stop {
    /// Completes when the end has begun.
    pub(crate) async fn begun(&self) {
        // An error means that the process ends.
        let _ = self.begun.clone().wait_for(|begun| *begun).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_open_is_waited_for() {
        let (mut stopper, stop) = Stopper::new();
        let open = tokio::spawn(async move { stop.begun().await });
        stopper.finish().await;
        open.await.unwrap();
    }
}
