//! What runs inside a worker process: endpoints, transports, services.
//!
//! A worker process runs one single-threaded runtime: what serves connections shares its state by `Rc`, without
//! locks. Only files and name lookups, which the kernel can't do without blocking, go to helper threads.

mod acme;
mod backends;
pub mod children;
pub mod client;
mod connect;
mod context;
mod controller;
mod fields;
mod front;
#[doc(hidden)]
pub mod fuzzing;
mod launcher;
mod link;
mod log;
mod messages;
mod mqtt;
mod net;
mod offers;
pub mod passwords;
mod process;
mod proxy;
mod publish;
mod rawsocket;
mod rlink;
mod sandbox;
mod serving;
mod siblings;
mod testee;
pub mod tls;
mod transport;
mod upstream;
mod wamp;
mod web;
mod websocket;

pub use acme::{ACME, Account, FromClient, Order, ToClient, Wanted, run as run_acme};
#[cfg(feature = "arti")]
pub use jackfield_arti::check as check_arti;
pub use launcher::{LAUNCHER, run as run_launcher};
pub use web::{FETCHER, Order as FetchOrder, run_fetcher};

use jackfield_shared::log::Level;
use jackfield_shared::secrecy::hold_secrets;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

/// Threads for files and name lookups, at most; more work waits.
const HELPER_THREADS: usize = 64;
/// How long an unused helper thread stays.
const HELPER_IDLE: Duration = Duration::from_secs(10);

/// Runs this process as a worker until it is drained or its controller is gone. `ipc` is its end of the socket
/// pair to the controller (see [`jackfield_shared::ipc`]), from which it gets its plan and listening sockets.
///
/// Returns 0 after draining, and 1 when the plan can't be served or the controller is gone.
#[must_use]
pub fn run(ipc: OwnedFd) -> ExitCode {
    if let Err(e) = hold_secrets() {
        eprintln!("jackfield: a worker process can't keep its memory to itself: {e}");
        return ExitCode::FAILURE;
    }
    let (log, forwarder, records) = log::Log::new(Level::Info);
    let dispatch = tracing::Dispatch::new(forwarder);
    let _scope = tracing::dispatcher::set_default(&dispatch);
    log::report_panics();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(HELPER_THREADS)
        .thread_keep_alive(HELPER_IDLE)
        .thread_name("helper")
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)))
        .build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("jackfield: a worker process can't start: {e}");
            return ExitCode::FAILURE;
        }
    };
    let life = runtime.block_on(async { spawn_local(process::live(ipc, log, records)).await });
    // A helper that hangs in a name lookup must not hold up the end.
    runtime.shutdown_background();
    life.unwrap_or_else(|panic| {
        eprintln!("jackfield: a worker process failed: {panic}");
        ExitCode::FAILURE
    })
}
