//! The node's log: what is logged, and where it goes. An addition of ours; without it records go to the terminal.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::decode::*;
use super::endpoint::mode;
use crate::log::Level;

/// What the controller is called where sources of records are named.
pub const CONTROLLER: &str = "controller";

impl Choice for Level {
    const ALL: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

object! {
    /// The node's log.
    pub struct Log as "log settings" {
        /// Records that matter less are not made. `--log-level` comes before it, and a worker's `log_level` before both.
        pub level as "level": Level = word(), default(json!("info"), Level::Info);
        /// Where records go; an empty list: nowhere, but `jackfield logs` shows them.
        pub sinks as "sinks": Vec<Sink> = list(nested()), default(json!([{"type": "terminal"}]), vec![Sink::Terminal(TerminalSink::default())]);
        /// How long the end of the node waits, in seconds, for sinks that go on writing what waits; one that has written
        /// nothing for 2 s is not waited for.
        pub flush_timeout as "flush_timeout": Duration = seconds(0.0..=3600.0), default(json!(30), Duration::from_secs(30));
    }
    absent default;
}

tagged! {
    /// Somewhere that records go.
    pub enum Sink as "a log sink" by "type" {
        /// Standard error. A node that is started with `--detach` writes to the file `node.log` in its directory
        /// instead, as a `file` sink with its defaults does.
        Terminal(TerminalSink) = "terminal",
        /// A file, rotated.
        File(FileSink) = "file",
        /// systemd's journal, by its native protocol.
        Journald(JournaldSink) = "journald",
        /// A syslog server, by RFC 5424.
        Syslog(SyslogSink) = "syslog",
    }
}

impl Sink {
    /// The least important level of the records that go there.
    pub fn level(&self) -> Level {
        match self {
            Self::Terminal(sink) => sink.level,
            Self::File(sink) => sink.level,
            Self::Journald(sink) => sink.level,
            Self::Syslog(sink) => sink.level,
        }
    }

    /// Whose records go there: ids of workers, and [`CONTROLLER`]; empty: everybody's.
    pub fn workers(&self) -> &[String] {
        match self {
            Self::Terminal(sink) => &sink.workers,
            Self::File(sink) => &sink.workers,
            Self::Journald(sink) => &sink.workers,
            Self::Syslog(sink) => &sink.workers,
        }
    }
}

choice! {
    /// How records are written.
    pub enum LogFormat {
        /// In columns for people: time, level, source, text.
        Pretty = "pretty",
        /// As JSON, one object a line.
        Json = "json",
    }
}

choice! {
    /// Whether levels have colours.
    pub enum Color {
        /// On a terminal, unless NO_COLOR is set.
        Auto = "auto",
        /// Yes.
        Always = "always",
        /// No.
        Never = "never",
    }
}

object! {
    /// Standard error.
    pub struct TerminalSink as "a terminal" {
        /// Records that matter less do not go there.
        pub level as "level": Level = word(), default(json!("trace"), Level::Trace);
        /// Whose records go there: ids of workers, and `controller` for what the node says itself. Empty: everybody's.
        pub workers as "workers": Vec<String> = list(text()), default(json!([]), Vec::new());
        /// How they are written. `--log-format` comes before it.
        pub format as "format": LogFormat = word(), default(json!("pretty"), LogFormat::Pretty);
        /// Whether they have colours.
        pub color as "color": Color = word(), default(json!("auto"), Color::Auto);
    }
    absent default;
}

choice! {
    /// When a file is rotated for its age, in UTC.
    pub enum Rotate {
        /// Never: only for its size.
        Never = "never",
        /// With the first record of an hour.
        Hourly = "hourly",
        /// With the first record of a day.
        Daily = "daily",
    }
}

object! {
    /// A file. When it is rotated, it is renamed to `PATH.1`, what was there before to `PATH.2`, and so on. A file
    /// that somebody else has moved away or removed is made anew, with its directory.
    pub struct FileSink as "a log file" {
        /// The file, relative to the node directory.
        pub path as "path": PathBuf = path(), required;
        /// Records that matter less do not go there.
        pub level as "level": Level = word(), default(json!("trace"), Level::Trace);
        /// Whose records go there: ids of workers, and `controller` for what the node says itself. Empty: everybody's.
        pub workers as "workers": Vec<String> = list(text()), default(json!([]), Vec::new());
        /// How they are written.
        pub format as "format": LogFormat = word(), default(json!("pretty"), LogFormat::Pretty);
        /// Bytes after which it is rotated; 0: any size.
        pub max_size as "max_size": u64 = int(4096..=i128::from(i64::MAX)).or(0), default(json!(67108864), 64 << 20);
        /// When it is rotated for its age.
        pub rotate as "rotate": Rotate = word(), default(json!("never"), Rotate::Never);
        /// How many rotated files are kept.
        pub keep as "keep": u16 = int(0..=10000), default(7);
        /// Permissions of new files, as an octal string like `"0640"`.
        pub mode as "mode": u32 = mode(), default(json!("0640"), 0o640);
    }
    absent default;
}

object! {
    /// systemd's journal. A record has the fields MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, JACKFIELD_WORKER,
    /// JACKFIELD_PROCESS, JACKFIELD_PID, JACKFIELD_LEVEL and JACKFIELD_TIME.
    pub struct JournaldSink as "systemd's journal" {
        /// Records that matter less do not go there.
        pub level as "level": Level = word(), default(json!("trace"), Level::Trace);
        /// Whose records go there: ids of workers, and `controller` for what the node says itself. Empty: everybody's.
        pub workers as "workers": Vec<String> = list(text()), default(json!([]), Vec::new());
        /// The journal's socket.
        pub socket as "socket": PathBuf = path(), default(json!("/run/systemd/journal/socket"), PathBuf::from("/run/systemd/journal/socket"));
        /// SYSLOG_IDENTIFIER of the records.
        pub identifier as "identifier": String = identifier(), default(json!("jackfield"), "jackfield".into());
    }
    absent default;
}

choice! {
    /// The facility of a message (RFC 5424, 6.2.1).
    pub enum Facility {
        /// 1
        User = "user",
        /// 3
        Daemon = "daemon",
        /// 16
        Local0 = "local0",
        /// 17
        Local1 = "local1",
        /// 18
        Local2 = "local2",
        /// 19
        Local3 = "local3",
        /// 20
        Local4 = "local4",
        /// 21
        Local5 = "local5",
        /// 22
        Local6 = "local6",
        /// 23
        Local7 = "local7",
    }
}

object! {
    /// A syslog server. A message has the source, like `worker001[0]`, as MSGID and its process id as PROCID; one that
    /// is longer than 8 KiB becomes several.
    pub struct SyslogSink as "a syslog server" {
        /// Records that matter less do not go there.
        pub level as "level": Level = word(), default(json!("trace"), Level::Trace);
        /// Whose records go there: ids of workers, and `controller` for what the node says itself. Empty: everybody's.
        pub workers as "workers": Vec<String> = list(text()), default(json!([]), Vec::new());
        /// Where it is: `unix:///PATH` (datagrams), `udp://HOST:PORT`, or `tcp://HOST:PORT` (frames of RFC 6587 with
        /// a count of bytes).
        pub address as "address": SyslogAddress = syslog_address(), default(json!("unix:///dev/log"), SyslogAddress::Unix("/dev/log".into()));
        /// The facility of the messages.
        pub facility as "facility": Facility = word(), default(json!("daemon"), Facility::Daemon);
        /// APP-NAME of the messages.
        pub identifier as "identifier": String = identifier(), default(json!("jackfield"), "jackfield".into());
    }
}

fn identifier() -> impl Rule<Out = String> {
    matching("1 to 48 printable ASCII characters without a blank", Some("^[!-~]{1,48}$"), |name| {
        (1..=48).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// Where a syslog server is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SyslogAddress {
    /// A Unix datagram socket.
    Unix(PathBuf),
    /// Host and port for datagrams.
    Udp(String, u16),
    /// Host and port for a connection.
    Tcp(String, u16),
}

impl std::fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Udp(host, port) => write!(f, "udp://{host}:{port}"),
            Self::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
        }
    }
}

fn syslog_address() -> impl Rule<Out = SyslogAddress> {
    let what = "unix:///PATH, udp://HOST:PORT or tcp://HOST:PORT";
    let rule = matching(what, Some("^(unix:///.+|(udp|tcp)://.+:[0-9]+)$"), |text| address(text).is_some());
    then(rule, |text, _, _| address(&text))
}

fn address(text: &str) -> Option<SyslogAddress> {
    let (scheme, rest) = text.split_once("://")?;
    if scheme == "unix" {
        return rest.starts_with('/').then(|| SyslogAddress::Unix(rest.into()));
    }
    let (host, port) = rest.rsplit_once(':').filter(|(host, _)| !host.is_empty())?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
    let port = port.parse().ok().filter(|port| *port > 0)?;
    match scheme {
        "udp" => Some(SyslogAddress::Udp(host, port)),
        "tcp" => Some(SyslogAddress::Tcp(host, port)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_syslog_servers() {
        assert_eq!(address("unix:///dev/log"), Some(SyslogAddress::Unix("/dev/log".into())));
        assert_eq!(address("udp://[::1]:514"), Some(SyslogAddress::Udp("::1".into(), 514)));
        assert_eq!(address("tcp://log.example:601"), Some(SyslogAddress::Tcp("log.example".into(), 601)));
        for wrong in ["", "unix://dev/log", "tcp://:601", "tcp://h:0", "tcp://h:65536", "tls://h:1", "h:514"]
        {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
