//! `jackfield logs`

use super::client::{carry_out, connect};
use super::failure::Failure;
use super::output::{count, print, remark, succeeded};
use crate::control::{Filter, Request, Response};
use crate::logs::{Format, parse_rfc3339};
use crate::node::Directory;
use clap::{Args, Subcommand};
use jackfield_shared::log::Level;
use std::time::{SystemTime, UNIX_EPOCH};

/// Shows the log records that the controller keeps in memory; `logs level` says what is logged
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Logs {
    #[command(subcommand)]
    command: Option<Command>,
    /// Go on with the records to come
    #[arg(short, long)]
    follow: bool,
    /// Only the newest N
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    lines: Option<usize>,
    /// Only records of this worker; may be given several times
    #[arg(long, value_name = "ID")]
    worker: Vec<String>,
    /// Only records of this level and above: error, warn, info, debug or trace
    #[arg(long, default_value_t = Level::Trace, hide_default_value = true)]
    level: Level,
    /// Only records since then: a time in UTC like 2026-11-23T11:15:02Z, or an age like 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<u64>,
    /// As JSON, one object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Logs records of this level and above from now on, until the node ends
    Level {
        /// error, warn, info, debug or trace
        level: Level,
        /// Ids of workers, or `controller`; all, if there are none
        #[arg(value_name = "ID")]
        ids: Vec<String>,
    },
}

impl Logs {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        if let Some(Command::Level { level, ids }) = self.command {
            let whom = if ids.is_empty() { "all".into() } else { ids.join(", ") };
            carry_out(&mut connect(directory)?, &Request::LogLevel { level, ids })?;
            return succeeded(&format!("logged from now on, of {whom}: {level} and above"));
        }
        let filter = Filter { workers: self.worker, level: self.level, since_us: self.since.unwrap_or(0) };
        let mut client = connect(directory)?;
        client.send(&Request::Logs { filter, last: self.lines, follow: self.follow })?;
        let format = if self.json { Format::Json } else { Format::Pretty };
        while let Some(response) = client.next()? {
            match response {
                Response::Record(record) => print(&format.text(&record))?,
                Response::Dropped(count) => {
                    remark(&format!("… {count} records are missing here: reading was too slow"))
                }
                Response::Error(reason) => return Err(Failure::new(reason)),
                _ => break,
            }
        }
        Ok(())
    }
}

/// Microseconds since the Unix epoch of a time, or of so long ago.
fn since(text: &str) -> Result<u64, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64);
    parse_rfc3339(text).or_else(|| Some(now.saturating_sub(age(text)?))).ok_or_else(|| {
        "expected a time in UTC like 2026-11-23T11:15:02Z, or an age like 90s, 10m, 2h, 1d".into()
    })
}

/// An age in microseconds.
fn age(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times() {
        assert_eq!(age("90s"), Some(90_000_000));
        assert_eq!(age("2h"), Some(7_200_000_000));
        assert_eq!(since("1970-01-01T00:00:01Z"), Ok(1_000_000));
        assert!(since("1d").is_ok());
        for text in [
            "",
            "s",
            "10",
            "10w",
            "-1s",
            "1.5h",
            "ten m",
            "99999999999999999999d",
            "18446744073709551615d",
            "5€",
        ] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
