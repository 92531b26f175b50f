//! The new image is tried before anything is changed: executed as another process, it reads the state and says
//! whether it could take over.

use super::error::TakeoverError;
use super::image::Image;
use super::parcel::{in_memory, read};
use super::state::State;
use crate::node::Configuration;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

/// The first argument of this stage. The state is on standard input.
pub(crate) const ARGUMENT: &str = "__trial";

/// What an image says that can take over, followed by its release.
const YES: &str = "can take over: ";
/// How long it may take to say so.
const TIME: Duration = Duration::from_secs(30);
/// Bytes of its words that are looked at.
const WORDS: u64 = 2048;

/// Runs the stage.
pub(crate) fn run() -> ExitCode {
    let tried = io::stdin().as_fd().try_clone_to_owned().map_err(TakeoverError::system("standard input"));
    match tried.and_then(|file| read(File::from(file))).and_then(|state| review(&state)) {
        Ok(()) => {
            let _ = writeln!(io::stdout(), "{YES}{}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            let _ = writeln!(io::stderr(), "{reason}");
            ExitCode::FAILURE
        }
    }
}

fn review(state: &State) -> Result<(), TakeoverError> {
    let configuration = Configuration::restore(&state.configuration, &state.node.base);
    let obstacles = configuration.obstacles();
    if obstacles.is_empty() { Ok(()) } else { Err(TakeoverError::Obstacles(obstacles)) }
}

/// Why an image is not let take over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialError {
    /// There is no way to try it.
    #[error("it can't be {what}: {source}")]
    System {
        /// What can't be done with it.
        what: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
    /// It has said nothing.
    #[error("it did not say within {} s that it can take over", TIME.as_secs())]
    Silent,
    /// It does not know what it is asked.
    #[error("it did not say that it can take over ({0}): is it a jackfield?")]
    Foreign(ExitStatus),
    /// It has a reason.
    #[error("it says: {0}")]
    Unable(String),
}

/// Tries an image with this state, but for its keys: nobody knows yet what the image is. Its release, if it can take over.
/// Blocks.
///
/// # Errors
/// Why it can't.
pub(crate) fn try_out(image: &Image, state: State) -> Result<String, TrialError> {
    let cannot = |what| move |source| TrialError::System { what, source };
    let file = in_memory(&state.for_trial()).map_err(cannot("tried"))?;
    let mut command = image.command();
    command.arg(ARGUMENT).stdin(file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(cannot("executed"))?;
    let is_over = wait(&child);
    if !is_over {
        let _ = child.kill();
    }
    let status = child.wait().map_err(cannot("waited for"))?;
    if !is_over {
        return Err(TrialError::Silent);
    }
    let said = words(child.stdout.take());
    if let Some(version) = said.trim().strip_prefix(YES).filter(|_| status.success()) {
        return Ok(version.to_owned());
    }
    let reason = words(child.stderr.take()).trim().to_owned();
    Err(if reason.is_empty() { TrialError::Foreign(status) } else { TrialError::Unable(reason) })
}

fn wait(child: &Child) -> bool {
    let Ok(process) = pidfd_open(Pid::from_child(child), PidfdFlags::empty()) else { return false };
    let limit = Timespec { tv_sec: TIME.as_secs().cast_signed(), tv_nsec: 0 };
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)).is_ok_and(|count| count > 0)
}

fn words(from: Option<impl Read>) -> String {
    let mut said = Vec::new();
    if let Some(from) = from {
        // What can't be read was not said.
        let _ = from.take(WORDS).read_to_end(&mut said);
    }
    String::from_utf8_lossy(&said).into_owned()
}
