//! The process that asks a directory for a certificate.

use crate::stage::EXECUTABLE;
use jackfield_shared::{ipc, stage};
use jackfield_worker::{ACME, FromClient, Order, ToClient};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

/// What it has to say how it went, beyond the time that it may take.
const LAST_WORD: Duration = Duration::from_secs(10);

/// A client at work. It ends when this is dropped.
pub(super) struct Client {
    sender: ipc::Sender<ToClient>,
    receiver: ipc::Receiver<FromClient>,
    /// Waits for its end, so that nothing is left of it; gives what it has said on standard error.
    end: JoinHandle<String>,
    deadline: Instant,
}

impl Client {
    /// Starts it for the certificate of this name.
    pub(super) async fn start(name: &str, order: Order) -> Result<Self, String> {
        let failed = |e: &dyn std::fmt::Display| format!("cannot start a process: {e}");
        let deadline = Instant::now() + Duration::from_secs(order.timeout_s) + LAST_WORD;
        let (ours, theirs) = ipc::pair().map_err(|e| failed(&e))?;
        let child = Command::new(EXECUTABLE)
            .arg0(format!("jackfield acme client for {name}"))
            .env(stage::VARIABLE, stage::value(ACME, std::process::id()))
            .stdin(theirs)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| failed(&e))?;
        let end = spawn_blocking(move || last_words(child));
        let (sender, receiver) = ipc::split(ours).map_err(|e| failed(&e))?;
        let mut client = Self { sender, receiver, end, deadline };
        client.say(ToClient::Order(Box::new(order))).await?;
        Ok(client)
    }

    /// Tells it something.
    pub(super) async fn say(&mut self, word: ToClient) -> Result<(), String> {
        let said = timeout_at(self.deadline, self.sender.send(&word, &[])).await;
        said.map_err(|_| self.late())?.map_err(|e| format!("the ACME client: {e}"))
    }

    /// What it says next; the error is why it says nothing.
    pub(super) async fn hear(&mut self) -> Result<FromClient, String> {
        let heard = timeout_at(self.deadline, self.receiver.recv()).await;
        match heard.map_err(|_| self.late())? {
            Ok(Some((word, _))) => Ok(word),
            Ok(None) => {
                let said = timeout_at(self.deadline, &mut self.end).await.ok().and_then(Result::ok);
                let said = said.filter(|said| !said.is_empty());
                Err(format!(
                    "the ACME client has ended: {}",
                    said.as_deref().unwrap_or("it does not say why")
                ))
            }
            Err(e) => Err(format!("the ACME client: {e}")),
        }
    }

    fn late(&self) -> String {
        "the ACME client does not answer".into()
    }
}

fn last_words(child: Child) -> String {
    match child.wait_with_output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if said.is_empty() && !output.status.success() { output.status.to_string() } else { said }
        }
        Err(e) => e.to_string(),
    }
}
