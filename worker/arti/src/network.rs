//! How Arti and its network are: starting, up, cut off.

use crate::news::{Client, explain};
use arti_client::status::BootstrapStatus;
use futures::StreamExt as _;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

/// Before it is tried again to start, when Arti has given up.
const AGAIN: Duration = Duration::from_secs(5);
/// Progress is told in steps of so many percent.
const STEP: u32 = 10;

/// How it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// On its way, as far as this says.
    Starting(String),
    /// It should have been up by now; it goes on trying.
    Late(String),
    /// Ready for traffic.
    Up,
    /// It was up, and can't reach the network any longer.
    CutOff(String),
}

impl Default for Network {
    fn default() -> Self {
        Self::Starting("Arti is starting".into())
    }
}

/// Starts Arti and tells how it is, for ever; writes it to the log, too, where no service does (`alone`).
pub(crate) async fn follow(client: &Client, limit: Duration, network: watch::Sender<Network>, alone: bool) {
    let mut events = client.bootstrap_events();
    let deadline = Instant::now() + limit;
    let (mut is_late, mut is_started, mut was_up) = (false, false, false);
    let mut status = client.bootstrap_status();
    let mut step = Step::default();
    let starting = start(client);
    tokio::pin!(starting);
    loop {
        was_up |= status.ready_for_traffic();
        step.advance(&status);
        let now = if was_up && status.ready_for_traffic() && status.blocked().is_none() {
            Network::Up
        } else if was_up {
            Network::CutOff(format!("Arti can't reach the Tor network: {}", why(&status)))
        } else if is_late {
            let limit = limit.as_secs_f64();
            Network::Late(format!("Arti is not up after {limit} s and goes on trying; {}", step.text))
        } else {
            Network::Starting(format!("Arti is starting, {}", step.text))
        };
        let changed = network.send_if_modified(|before| std::mem::replace(before, now.clone()) != now);
        if changed && alone {
            match now {
                Network::Starting(text) => info!("{text}"),
                Network::Up => info!("Arti is up"),
                Network::Late(text) | Network::CutOff(text) => warn!("{text}"),
            }
        }
        tokio::select! {
            event = events.next() => match event {
                Some(event) => status = event,
                None => std::future::pending().await, // it never ends as long as there is a client
            },
            () = &mut starting, if !is_started => {
                is_started = true;
                status = client.bootstrap_status();
            }
            () = sleep_until(deadline), if !is_late && !was_up => is_late = true,
        }
    }
}

/// Starts it, again and again if need be.
async fn start(client: &Client) {
    while let Err(e) = client.bootstrap().await {
        warn!("Arti could not start, and tries again: {}", explain(&e));
        sleep(AGAIN).await;
    }
}

fn why(status: &BootstrapStatus) -> String {
    match status.blocked() {
        Some(blockage) => blockage.to_string(),
        None => status.to_string(),
    }
}

/// How far the start is, in words that don't change all the time.
#[derive(Debug, Default)]
struct Step {
    reached: Option<(u32, Option<String>)>,
    text: String,
}

impl Step {
    fn advance(&mut self, status: &BootstrapStatus) {
        // A fraction from 0 to 1.
        let percent = (status.as_frac() * 100.0).round() as u32;
        let reached = (percent / STEP, status.blocked().map(|blockage| blockage.kind().to_string()));
        if self.reached.as_ref() != Some(&reached) {
            self.reached = Some(reached);
            self.text = status.to_string();
        }
    }
}
