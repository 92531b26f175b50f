//! `jackfield stop`

use super::client::{carry_out, connect};
use super::failure::Failure;
use super::output::succeeded;
use crate::control::Request;
use crate::node::Directory;
use clap::Args;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Drains and stops the running node, and waits for its end
#[derive(Debug, Args)]
pub(super) struct Stop {
    /// Seconds that open connections may go on, in place of each worker's stop.drain_timeout
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<f64>,
}

/// Reads a time.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number from 0 to 86400".into())
}

impl Stop {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        let mut client = connect(directory)?;
        // Opened before the end is asked for, so that it can be no other process's.
        let pid = Pid::from_raw(client.controller_pid()?);
        let process =
            pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())).transpose().map_err(std::io::Error::from)?;
        carry_out(&mut client, &Request::Stop { timeout_s: self.timeout })?;
        let done = || succeeded(&format!("the node in {} has stopped", directory.absolute().display()));
        let Some(process) = process else { return done() };
        loop {
            match poll(&mut [PollFd::new(&process, PollFlags::IN)], None) {
                Err(Errno::INTR) => {}
                Err(e) => return Err(std::io::Error::from(e).into()),
                Ok(_) => return done(),
            }
        }
    }
}
