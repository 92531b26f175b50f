//! The `jackfield` executable: command line, controller, and the stages that make a process a worker.

mod accounts;
mod acme;
mod allowance;
mod archives;
mod cgroup;
mod cli;
mod control;
mod entry;
mod guest;
mod lock_file;
mod logs;
mod look;
mod lookup;
mod names;
mod node;
mod node_key;
mod onion;
mod python;
mod sockets;
mod stage;
mod start;
mod supervise;
mod systemd;
mod tls;
mod upgrade;

use std::process::ExitCode;

/// Measured with the proxied request of HTTP, which allocates most: an eighth less CPU than with the C library's. Without
/// huge pages (`no_thp`), of which every process would touch four.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == stage::ARGUMENT => {
            return stage::run_exec(&arguments.next().unwrap_or_default());
        }
        Some(first) if first == upgrade::ARGUMENT => return upgrade::run_trial(),
        _ => {}
    }
    if upgrade::is_takeover() {
        return start::take_over();
    }
    if stage::is_keeper() {
        return guest::run_keeper();
    }
    if stage::is_fetcher() {
        return jackfield_worker::run_fetcher();
    }
    if stage::is_acme() {
        return stage::run_acme();
    }
    if stage::is_launcher() {
        return stage::run_launcher();
    }
    if stage::is_worker() { stage::run_worker() } else { cli::run() }
}
