//! How a process ended, as it is shown.

use jackfield_shared::status::Exit;

/// The signal that asks a program to end.
const SIGTERM: &str = "SIGTERM";

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
    is_clean(exit) || (is_guest && exit.signal.as_deref() == Some(SIGTERM))
}

/// The end in one line: what happened, and why as far as anybody knows.
pub(crate) fn explain(exit: &Exit, reason: Option<&str>) -> String {
    let said = reason.or_else(|| (!is_clean(exit)).then(|| exit.stderr.last().map(String::as_str))?);
    match said {
        Some(said) => format!("{exit}: {said}"),
        None => exit.to_string(),
    }
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
        let killed = Exit { signal: Some("SIGKILL".into()), ..exit(None, &[]) };
        assert_eq!(explain(&killed, None), "killed by SIGKILL");
    }
}
