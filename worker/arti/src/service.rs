//! An onion service: launched, launched again if it ends, its streams carried to the node's private listener.

mod publication;
mod target;

use crate::carry::carry;
use crate::network::Network;
use crate::news::{Client, News, Tell, explain};
use crate::settings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{Stream, StreamExt as _, pin_mut};
use jackfield_shared::backoff::Backoff;
use jackfield_shared::config::Secret;
use jackfield_shared::drain::Drain;
use jackfield_shared::ipc::{OnionService, Publication};
use jackfield_shared::status::EndpointState;
use publication::Progress;
use std::future::pending;
use std::sync::Arc;
use target::Target;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tor_cell::relaycell::msg::{Connected, End, EndReason};
use tor_hscrypto::pk::HsIdKeypair;
use tor_hsservice::{RendRequest, RunningOnionService, StreamRequest, handle_rend_requests};
use tor_llcrypto::pk::ed25519::ExpandedKeypair;
use tor_proto::stream::IncomingStreamRequest;
use tracing::{debug, warn};

/// A service, and what was told of it.
pub(crate) struct Service {
    order: OnionService,
    client: Client,
    news: Tell,
    network: watch::Receiver<Network>,
    /// Whether Arti has the key.
    has_key: bool,
    told: Option<(EndpointState, Option<String>)>,
}

impl Service {
    pub(crate) fn new(
        order: OnionService,
        client: Client,
        news: Tell,
        network: watch::Receiver<Network>,
    ) -> Self {
        Self { order, client, news, network, has_key: false, told: None }
    }

    /// Publishes it until the end begins.
    pub(crate) async fn run(mut self, stop: Drain) {
        let ending = stop.clone();
        tokio::select! {
            () = ending.begun() => {}
            () = self.go_on(stop) => {}
        }
    }

    async fn go_on(&mut self, stop: Drain) {
        let mut backoff = Backoff::default();
        loop {
            let why = match self.launch() {
                Ok((running, requests)) => {
                    let mut progress = Progress::default();
                    let why = self.attend(&running, requests, &mut progress, &stop).await;
                    if progress.is_published() {
                        backoff.reset();
                    }
                    why
                }
                Err(why) => why,
            };
            self.tell(EndpointState::Degraded, Some(format!("{why}; it will be tried again")));
            sleep(backoff.delay(getrandom::u32().unwrap_or_default())).await;
        }
    }

    fn launch(
        &mut self,
    ) -> Result<(Arc<RunningOnionService>, impl Stream<Item = RendRequest> + use<>), String> {
        let failed = |e: arti_client::Error| format!("Arti can't publish it now: {}", explain(&e));
        let config = settings::service(&self.order)?;
        let launched = if self.has_key {
            self.client.launch_onion_service(config).map_err(failed)?.map(|(s, r)| (s, r.boxed()))
        } else {
            let key = keypair(&self.order.key)?;
            let launched = self.client.launch_onion_service_with_hsid(config, key);
            // Whatever else failed: the key is put in before.
            self.has_key = true;
            launched.map_err(failed)?.map(|(s, r)| (s, r.boxed()))
        };
        launched.ok_or_else(|| "Arti does not publish it".into())
    }

    /// Serves it until it ends; returns why.
    async fn attend(
        &mut self,
        running: &RunningOnionService,
        requests: impl Stream<Item = RendRequest>,
        progress: &mut Progress,
        stop: &Drain,
    ) -> String {
        let target = match Target::parse(&self.order.target) {
            Ok(target) => Arc::new(target),
            Err(why) => return why,
        };
        let streams = handle_rend_requests(requests);
        pin_mut!(streams);
        let mut statuses = running.status_events();
        loop {
            let network = self.network.borrow_and_update().clone();
            let (state, reason) = progress.of(&running.status(), &network);
            if progress.is_broken() {
                return reason.unwrap_or_default();
            }
            self.tell(state, reason);
            let again = progress.next();
            tokio::select! {
                () = at(again) => {}
                status = statuses.next() => if status.is_none() {
                    return "Arti has ended the service".into();
                },
                changed = self.network.changed() => if changed.is_err() {
                    return "Arti ends".into();
                },
                request = streams.next() => match request {
                    Some(request) => {
                        let (port, target, stop) = (self.order.port, Arc::clone(&target), stop.clone());
                        tokio::spawn(async move {
                            serve(request, port, &target).await;
                            drop(stop);
                        });
                    }
                    None => return "Arti has ended the service".into(),
                },
            }
        }
    }

    fn tell(&mut self, state: EndpointState, reason: Option<String>) {
        let news = Some((state, reason));
        if self.told != news {
            self.told.clone_from(&news);
            let (worker, transport) = (self.order.worker.clone(), self.order.transport.clone());
            let reason = news.and_then(|(_, reason)| reason);
            // Nobody listens any longer when the process ends.
            let _ = self.news.send(News::Publication(Publication { worker, transport, state, reason }));
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// A client asks for a stream.
async fn serve(request: StreamRequest, port: u16, target: &Target) {
    let is_ours = matches!(request.request(), IncomingStreamRequest::Begin(begin) if begin.port() == port);
    if !is_ours {
        // As a tor daemon does: who tries port after port needs a new circuit for each.
        let _ = request.shutdown_circuit();
        return;
    }
    match target.connect().await {
        Ok(socket) => match request.accept(Connected::new_empty()).await {
            Ok(stream) => carry(stream, socket).await,
            Err(e) => debug!("a client was gone before its stream was accepted: {}", explain(&e)),
        },
        Err(e) => {
            warn!("{target}: a stream can't be carried to the private listener: {e}");
            // The reason that says least, as a tor daemon does.
            let _ = request.reject(End::new_with_reason(EndReason::DONE)).await;
        }
    }
}

fn keypair(key: &Secret) -> Result<HsIdKeypair, String> {
    let bytes = STANDARD.decode(&key.0).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
    let keypair = bytes.and_then(ExpandedKeypair::from_secret_key_bytes);
    keypair.map(HsIdKeypair::from).ok_or_else(|| "its key is none".into())
}
