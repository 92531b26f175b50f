//! The embedded Arti: publishes onion services, and connects through Tor for the node's other processes, without a tor
//! daemon.
//!
//! One process of the node has it and does nothing else. It runs in threads of its own, beside the loop that talks to
//! the controller.

mod carry;
mod network;
mod news;
mod proxy;
mod service;
mod settings;
mod socks;

pub use news::News;
pub use settings::check;

use arti_client::{BootstrapBehavior, TorClient};
use jackfield_shared::drain::{Drain, Drainer};
use jackfield_shared::ipc::ArtiPlan;
use network::Network;
use news::{Tell, explain};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tor_rtcompat::PreferredRuntime;

/// A running Arti. Dropping it ends it, with all that is open.
#[derive(Debug)]
pub struct Arti {
    runtime: Option<Runtime>,
    drainer: Drainer,
}

impl Arti {
    /// Starts it: publishes the services of the plan, and answers as a SOCKS proxy on the listening Unix socket
    /// `socks`, where it is given. Whatever goes wrong later is told as news.
    ///
    /// # Errors
    /// When there are no threads to be had.
    pub fn start(plan: ArtiPlan, socks: Option<OwnedFd>, news: Tell) -> io::Result<Self> {
        let log = tracing::dispatcher::get_default(Clone::clone);
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .thread_name("arti")
            .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&log)))
            .build()?;
        let (drainer, stop) = Drainer::new();
        let told = news.clone();
        let running = runtime.spawn(async move { run(plan, socks, &told, stop).await });
        runtime.spawn(async move {
            let reason = match running.await {
                Ok(Ok(())) => return,
                Ok(Err(reason)) => reason,
                Err(panic) => format!("Arti has failed: {panic}"),
            };
            let _ = news.send(News::Failed(reason)); // unless nobody is interested any longer
        });
        Ok(Self { runtime: Some(runtime), drainer })
    }

    /// Withdraws the services and takes no new connections; completes when the last one that is open has ended.
    pub async fn finish(&mut self) {
        self.drainer.begin();
        self.drainer.finished().await;
    }
}

impl Drop for Arti {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn run(plan: ArtiPlan, socks: Option<OwnedFd>, news: &Tell, stop: Drain) -> Result<(), String> {
    let ArtiPlan { settings, services, log_level: _ } = plan;
    // Arti takes the process's default. There is none yet, or it is this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let directory = settings.state_directory.display().to_string();
    let failed = |e: &dyn std::fmt::Display| format!("Arti can't start: {e} (state directory {directory})");
    let config = settings::client(&settings)?;
    let runtime = PreferredRuntime::current().map_err(|e| failed(&e))?;
    let client = TorClient::with_runtime(runtime)
        .config(config)
        .bootstrap_behavior(BootstrapBehavior::OnDemand)
        .create_unbootstrapped_async()
        .await
        .map_err(|e| failed(&explain(&e)))?;
    let (tell_network, network) = watch::channel(Network::default());
    if let Some(socket) = socks {
        let proxy = proxy::Proxy::new(socket).map_err(|e| failed(&e))?;
        tokio::spawn(proxy.run(Arc::clone(&client), stop.clone()));
    }
    let alone = services.is_empty();
    for order in services {
        let service = service::Service::new(order, Arc::clone(&client), news.clone(), network.clone());
        tokio::spawn(service.run(stop.clone()));
    }
    tokio::select! {
        () = stop.begun() => {}
        () = network::follow(&client, settings.bootstrap_timeout, tell_network, alone) => {}
    }
    Ok(())
}
