//! A load that counts every failure: clients of several kinds that go on until they are told to stop.

mod client;
mod http;
mod tally;
mod tls;
mod websocket;

pub use client::{Kind, Target};
pub use tally::{Report, Tally};
pub use tls::connection as tls_connection;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Clients that run.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// Starts so many clients of each kind.
    pub fn start(target: &Target, clients: &[(Kind, usize)]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let each = clients.iter().flat_map(|&(kind, count)| (0..count).map(move |number| (kind, number)));
        let clients = each.map(|(kind, number)| {
            let (target, stop) = (target.clone(), Arc::clone(&stop));
            std::thread::spawn(move || client::run(kind, number, &target, &stop))
        });
        let clients = clients.collect();
        Self { stop, clients }
    }

    /// Lets every client finish what it is doing; what they have counted.
    pub fn finish(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        let mut report = Report::default();
        for client in self.clients {
            report.add(client.join().expect("a client of the load"));
        }
        report
    }
}
