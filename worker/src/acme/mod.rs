//! Certificates by ACME (RFC 8555): a process of its own that asks a directory for one, and ends. It has the account's key
//! and no other: the controller makes the certificate's and sends a request for it.

mod http;
mod message;
mod order;

pub use message::{Account, FromClient, Order, ToClient, Wanted};

use crate::sandbox::{Needs, confine};
use jackfield_shared::config::Sandbox;
use jackfield_shared::ipc;
use jackfield_shared::secrecy::hold_secrets;
use order::{Failure, Talk, carry_out};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::timeout;

/// The stage of the executable that asks for a certificate (see [`jackfield_shared::stage::value`]).
pub const ACME: &str = "acme";

/// Nobody waits for a certificate any longer.
const GONE: &str = "the controller is gone";

/// Runs this process to do what its controller orders, or until that is gone. `ipc` is its end of the socket pair.
///
/// Returns 0 when it has said how it went, and otherwise 1, with the reason on standard error.
#[must_use]
pub fn run(ipc: OwnedFd) -> ExitCode {
    let ended = hold_secrets().and_then(|_| confine(Sandbox::Auto, &Needs::of_acme())).and_then(|()| {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let runtime = runtime.map_err(|e| format!("the runtime: {e}"))?;
        let ended = runtime.block_on(live(ipc));
        // A helper that hangs in a name lookup must not hold up the end.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

struct Controller {
    sender: ipc::Sender<FromClient>,
    messages: mpsc::Receiver<ToClient>,
}

impl Controller {
    async fn next(&mut self) -> Result<ToClient, String> {
        self.messages.recv().await.ok_or_else(|| GONE.to_owned())
    }
}

impl Talk for Controller {
    async fn say(&mut self, word: FromClient) -> Result<(), String> {
        self.sender.send(&word, &[]).await.map_err(|e| e.to_string())
    }

    async fn known(&mut self) -> Result<(), String> {
        match self.next().await? {
            ToClient::Known => Ok(()),
            ToClient::Order(_) => Err("a second order came".into()),
        }
    }
}

async fn live(ipc: OwnedFd) -> Result<(), String> {
    let (sender, mut receiver) = ipc::split(ipc).map_err(|e| e.to_string())?;
    let (told, messages) = mpsc::channel(1);
    let (stays, gone) = oneshot::channel::<()>();
    spawn_local(async move {
        while let Ok(Some((message, _))) = receiver.recv().await {
            if told.send(message).await.is_err() {
                break;
            }
        }
        drop(stays);
    });
    let mut controller = Controller { sender, messages };
    let ToClient::Order(order) = controller.next().await? else { return Err("no order came first".into()) };
    let limit = order.timeout_s;
    let done = tokio::select! {
        done = timeout(Duration::from_secs(limit), carry_out(*order, &mut controller)) => done,
        _ = gone => return Err(GONE.into()),
    };
    let done =
        done.unwrap_or_else(|_| Err(format!("it was not done within {limit} s (\"acme.timeout\")").into()));
    let last = match done {
        Ok(()) => FromClient::Done,
        Err(Failure { reason, no_account }) => FromClient::Failed { reason, no_account },
    };
    controller.say(last).await
}
