//! How a process ended, as it is recorded and shown.

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
    (oom, peaks): (&mut OomWatch, &mut Peaks),
) -> Exit {
    let signal = status.and_then(|status| status.signal());
    // Looked at after every end, so that an old kill isn't put on this process's account; a SIGKILL that we
    // have sent has a reason.
    let out_of_memory =
        oom.has_killed() && signal == Some(Signal::SIGKILL as i32) && process.reason.is_none();
    Exit {
        code: status.and_then(|status| status.code()),
        signal: signal.map(signal_name),
        oom: out_of_memory,
        uptime_s: process.spawned.elapsed().as_secs_f64(),
        peak_rss_bytes: process.peak_rss.max(peaks.of_last_reaped().unwrap_or(0)),
        at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
        stderr: process.last_lines(),
    }
}

/// How long it lived and what it needed, for the log.
pub(crate) fn life(exit: &Exit) -> String {
    // Of one that ended before anybody looked nothing is known.
    if exit.peak_rss_bytes == 0 {
        return format!("it was up {:.1} s", exit.uptime_s);
    }
    let mib = exit.peak_rss_bytes as f64 / f64::from(1 << 20);
    format!("it was up {:.1} s with {mib:.1} MiB of memory at most", exit.uptime_s)
}

/// Whether the process ended well by itself.
pub(crate) fn is_clean(exit: &Exit) -> bool {
    exit.code == Some(0)
}

/// Whether the process ended well on request: a program that does nothing about SIGTERM ends by it.
pub(crate) fn is_as_told(exit: &Exit, is_guest: bool) -> bool {
    is_clean(exit) || (is_guest && exit.signal.as_deref() == Some(Signal::SIGTERM.as_str()))
}

/// The end in one line: what happened, and why as far as anybody knows.
pub(crate) fn explain(exit: &Exit, reason: Option<&str>) -> String {
    let said = reason.or_else(|| (!is_clean(exit)).then(|| exit.stderr.last().map(String::as_str))?);
    match said {
        Some(said) => format!("{exit}: {said}"),
        None => exit.to_string(),
    }
}

fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_known_reason_is_told() {
        let exit = |code, stderr: &[&str]| Exit {
            code,
            signal: None,
            oom: false,
            at: 0.0,
            uptime_s: 1.5,
            peak_rss_bytes: 3 << 20,
            stderr: stderr.iter().map(|&line| line.into()).collect(),
        };
        assert_eq!(explain(&exit(Some(1), &["a", "b"]), None), "exited with code 1: b");
        assert_eq!(explain(&exit(Some(1), &["a", "b"]), Some("c")), "exited with code 1: c");
        assert_eq!(explain(&exit(Some(0), &["a", "b"]), None), "exited with code 0");
        assert_eq!(explain(&exit(Some(1), &[]), None), "exited with code 1");
        let killed = Exit { signal: Some(signal_name(9)), ..exit(None, &[]) };
        assert_eq!(explain(&killed, None), "killed by SIGKILL");
        assert_eq!(signal_name(64), "signal 64");
    }
}
