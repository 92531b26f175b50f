//! Guests: any program, run and watched by the node.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::decode::*;
use super::super::source::{Kind, Value};
use super::kind::Works;
use super::{GuestSocket, Listener, ProcessEnv};

object! {
    /// Any program.
    pub struct Guest as "a guest worker" {
        /// The program: looked for in `workdir`, then in PATH.
        pub executable as "executable": String = text(), required;
        /// Its arguments. Only a whole argument may be a variable, since `${NAME}` inside of one may be a shell's.
        pub arguments as "arguments": Vec<String> = list(verbatim()), default(json!([]), Vec::new());
        /// How it is run.
        pub options as "options": GuestOptions = nested(), defaulted;
        /// Sockets it is given, by the systemd protocol (LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID).
        pub listen as "listen": Vec<GuestSocket> = list(nested()), default(json!([]), Vec::new());
        /// When it counts as ready.
        pub ready as "ready": Ready = ready(), default(json!("started"), Ready::Started);
    }
    check Guest::check;
}

impl Works for Guest {
    fn sockets(&self) -> &[GuestSocket] {
        &self.listen
    }

    fn sockets_mut(&mut self) -> &mut [GuestSocket] {
        &mut self.listen
    }

    fn has_clients_of_wamp(&self) -> bool {
        true
    }
}

impl Guest {
    /// The sockets it is given.
    pub fn listeners(&self) -> Vec<Listener<'_>> {
        self.listen.iter().map(GuestSocket::listener).collect()
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let path = cx.env("PATH").unwrap_or_default();
        let found = self.options.workdir.join(&self.executable).is_file()
            || std::env::split_paths(&path).any(|directory| directory.join(&self.executable).is_file());
        if !found {
            let message = format!(
                "no program {:?} in {} and in PATH now",
                self.executable,
                self.options.workdir.display()
            );
            cx.warn_at("executable", fields.span_of("executable"), message);
        }
        for (index, socket) in self.listen.iter().enumerate() {
            if self.listen.iter().take(index).any(|other| other.name == socket.name) {
                let message =
                    format!("the name {:?} is given to two sockets; each needs its own", socket.name);
                cx.in_key("listen", |cx| {
                    cx.in_index(index, |cx| cx.error(fields.span_of("listen"), message))
                });
            }
        }
    }
}

/// When a guest counts as ready.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Ready {
    /// When it says so (sd_notify, `READY=1`).
    Notify,
    /// When it runs.
    Started,
    /// When it accepts a connection there.
    Tcp(ReadyAt),
    /// When it answers a GET there with a status from 200 to 399.
    Http(ReadyAt, String),
    /// When it has run for so long.
    After(Duration),
}

/// Where a guest answers that has got its port by itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReadyAt {
    /// An address or a name.
    pub host: String,
    /// The port.
    pub port: u16,
}

choice! {
    /// When a guest counts as ready, in one word.
    pub enum ReadyWord {
        /// When it says so (sd_notify, `READY=1`).
        Notify = "notify",
        /// When it runs.
        Started = "started",
    }
}

object! {
    /// When a guest counts as ready that can't say so: one of these.
    pub struct ReadyWhen as "an object with one of tcp, http and seconds" {
        /// When it accepts a connection at this `HOST:PORT`.
        pub tcp as "tcp": Option<String> = text(), optional;
        /// When it answers a GET for this URL (`http://HOST:PORT/PATH`) with a status from 200 to 399.
        pub http as "http": Option<String> = text(), optional;
        /// When it has run for so many seconds.
        pub seconds as "seconds": Option<Duration> = seconds(0.0..=3600.0), optional;
    }
}

fn ready() -> impl Rule<Out = Ready> {
    either(
        |value: &Value| !matches!(value.kind, Kind::Map(_)),
        then(word::<ReadyWord>(), |word, _, _| {
            Some(match word {
                ReadyWord::Notify => Ready::Notify,
                ReadyWord::Started => Ready::Started,
            })
        }),
        then(nested::<ReadyWhen>(), |when, value, cx| {
            let ready = match (when.tcp, when.http, when.seconds) {
                (Some(tcp), None, None) => ready_at(&tcp, None).map(Ready::Tcp),
                (None, Some(url), None) => url.strip_prefix("http://").and_then(|rest| {
                    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                    Some(Ready::Http(ready_at(authority, Some(80))?, format!("/{path}")))
                }),
                (None, None, Some(time)) => Some(Ready::After(time)),
                _ => {
                    cx.error(
                        value.span,
                        "expected one of \"tcp\", \"http\" and \"seconds\", and no other beside it",
                    );
                    return None;
                }
            };
            if ready.is_none() {
                cx.error(
                    value.span,
                    "expected \"tcp\": \"HOST:PORT\", or \"http\": \"http://HOST:PORT/PATH\"",
                );
            }
            ready
        }),
    )
}

/// `HOST:PORT`, an IPv6 address in brackets; the port may be left out where there is a usual one.
fn ready_at(text: &str, usual: Option<u16>) -> Option<ReadyAt> {
    let (host, port) = match text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (text, usual?),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host =
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
    is_host.then(|| ReadyAt { host: host.to_owned(), port })
}

choice! {
    /// What becomes of a guest's output.
    pub enum Output {
        /// There is none: the descriptor is closed.
        Close = "close",
        /// It is logged, line by line.
        Log = "log",
        /// It is thrown away.
        Drop = "drop",
    }
}

object! {
    /// How a guest is run.
    pub struct GuestOptions as "guest options" {
        /// Its environment.
        pub env as "env": ProcessEnv = nested(), defaulted;
        /// Its working directory, relative to the node directory.
        pub workdir as "workdir": PathBuf = path(), special(GuestOptions::workdir, Presence::Default(json!(".")));
        /// Its standard input.
        pub stdin as "stdin": Stdin = stdin(), default(json!("close"), Stdin::Close);
        /// Its standard output.
        pub stdout as "stdout": Output = word(), default(json!("log"), Output::Log);
        /// Its standard error.
        pub stderr as "stderr": Output = word(), default(json!("log"), Output::Log);
        /// Restarts it when files change.
        pub watch as "watch": Option<Watch> = nested(), optional;
    }
}

impl GuestOptions {
    fn workdir(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<PathBuf> {
        let default = cx.absolute(".");
        fields.given("workdir", &path(), cx).unwrap_or(Some(default))
    }
}

/// What a guest reads.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Stdin {
    /// Nothing.
    Close,
    /// A value.
    Value(StdinValue),
}

fn stdin() -> impl Rule<Out = Stdin> {
    either(
        |value: &Value| matches!(value.kind, Kind::Map(_)),
        then(nested::<StdinValue>(), |value, _, _| Some(Stdin::Value(value))),
        then(word::<OnlyClose>(), |_, _, _| Some(Stdin::Close)),
    )
}

choice! {
    /// The one word `stdin` may be.
    pub enum OnlyClose {
        /// Nothing to read.
        Close = "close",
    }
}

choice! {
    /// How a value is written.
    pub enum StdinFormat {
        /// As JSON.
        Json = "json",
    }
}

object! {
    /// A value for a guest to read.
    pub struct StdinValue as "a value for standard input" {
        /// How it is written.
        pub format as "type": StdinFormat = word(), required;
        /// The value.
        pub value as "value": Json = any(), required;
        /// Closes standard input behind it.
        pub close as "close": bool = boolean(), default(true);
    }
}

object! {
    /// Directories whose changes restart a guest.
    pub struct Watch as "what is watched" {
        /// The directories, relative to the node directory.
        pub directories as "directories": Vec<PathBuf> = list(path()), default(json!([]), Vec::new());
        /// Seconds between two looks.
        pub timeout as "timeout": Duration = seconds(0.0..=86400.0), default(json!(1), Duration::from_secs(1));
    }
    silent {
        /// What happens: `restart` is all there is.
        "action" = watch_action();
    }
    open true;
}

/// Crossbar.io looks at it only when a file changes.
fn watch_action() -> impl Rule<Out = ()> {
    then(named("\"restart\"", text()), |action, value, cx| {
        if action != "restart" {
            cx.warn(value.span, format!("found {action:?}, which does nothing; expected \"restart\""));
        }
        Some(())
    })
}
