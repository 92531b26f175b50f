//! The `jackfield` executable: command line, controller, and the stages that make a process a worker.

mod cgroup;
mod cli;
mod control;
mod guest;
mod lock_file;
mod logs;
mod node;
mod onion;
mod sockets;
mod stage;
mod supervise;
mod systemd;
#[cfg(test)]
mod testing;
mod tls;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == stage::ARGUMENT) {
        return stage::run_exec(&arguments.next().unwrap_or_default());
    }
    if stage::is_keeper() {
        return guest::run_keeper();
    }
    if stage::is_worker() { stage::run_worker() } else { cli::run() }
}
