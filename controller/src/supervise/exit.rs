//! How a process ended, as it is recorded.

use super::oom::OomWatch;
use super::process::Process;
use super::usage::Peaks;
use jackfield_shared::status::Exit;
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{SystemTime, UNIX_EPOCH};

/// The record of the end of this process, which is reaped.
pub(crate) fn record(
    status: Option<ExitStatus>,
    process: &Process,
    known: Option<&jackfield_fleet::Process>,
    (oom, peaks): (&mut OomWatch, &mut Peaks),
) -> Exit {
    let signal = status.and_then(|status| status.signal());
    // Looked at after every end, so that an old kill isn't put on this process's account; a SIGKILL that we
    // have sent has a reason.
    let out_of_memory = oom.has_killed()
        && signal == Some(Signal::SIGKILL as i32)
        && known.is_none_or(|known| known.reason().is_none());
    Exit {
        code: status.and_then(|status| status.code()),
        signal: signal.map(signal_name),
        oom: out_of_memory,
        uptime_s: known.map_or(0.0, |known| known.spawned().elapsed().as_secs_f64()),
        peak_rss_bytes: process.peak_rss.max(peaks.of_last_reaped().unwrap_or(0)),
        at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
        stderr: process.last_lines(),
    }
}

fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_or_numbers() {
        assert_eq!((signal_name(9), signal_name(64)), ("SIGKILL".to_owned(), "signal 64".to_owned()));
    }
}
