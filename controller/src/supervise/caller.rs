//! Clients of the control socket that wait for something.

use crate::control::{Response, go_on_answering};
use std::os::fd::OwnedFd;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

/// Responses that wait for a client.
const ANSWERS: usize = 64;

/// Somebody who waits for the result of a command.
#[derive(Debug)]
pub(super) struct Caller(pub(super) mpsc::Sender<Response>);

impl Caller {
    /// Nobody.
    pub(super) fn nobody() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// A client who has waited since before this image, on this connection.
    pub(super) fn on(connection: OwnedFd) -> Self {
        let (responses, answers) = mpsc::channel(ANSWERS);
        spawn_local(go_on_answering(connection, answers));
        Self(responses)
    }

    /// Tells what has just happened, as well as can be: a client that does not read doesn't get it.
    pub(super) fn progress(&self, text: impl Into<String>) {
        let _ = self.0.try_send(Response::Progress(text.into()));
    }

    /// Sends the last response.
    pub(super) fn finish(self, result: Result<(), String>) {
        let _ = self.0.try_send(result.map_or_else(Response::Error, |()| Response::Done));
    }

    /// Sends the last response of a controller that ends, and waits until it has been written.
    pub(super) async fn farewell(self) {
        let _ = self.0.send(Response::Done).await;
        self.0.closed().await;
    }
}
