//! What every worker has: how many processes, and how these live and end.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::log::Level;

use super::super::decode::*;
use super::super::source::{Kind, Value};

/// How many processes a worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Processes {
    /// So many.
    Count(u16),
    /// One for each CPU the node may use.
    Auto,
}

impl Default for Processes {
    fn default() -> Self {
        Self::Count(1)
    }
}

/// Reads [`Processes`].
struct ProcessesRule;

impl Rule for ProcessesRule {
    type Out = Processes;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Processes> {
        let value = cx.substituted(value)?;
        match &value.kind {
            Kind::String(text) if text == "auto" => Some(Processes::Auto),
            Kind::Int(count) if (1..=1024).contains(count) => {
                u16::try_from(*count).ok().map(Processes::Count)
            }
            Kind::String(text) if matches!(value, std::borrow::Cow::Owned(_)) => {
                let count = text.trim().parse().ok().filter(|count| (1..=1024).contains(count));
                if count.is_none() {
                    cx.error(
                        value.span,
                        format!("found {}, expected {}", cx.describe(&value), self.expected()),
                    );
                }
                count.map(Processes::Count)
            }
            _ => {
                cx.error(value.span, format!("found {}, expected {}", cx.describe(&value), self.expected()));
                None
            }
        }
    }

    fn expected(&self) -> String {
        "an integer from 1 to 1024, or \"auto\"".into()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 1024}, {"const": "auto"}, {"type": "string", "pattern": "^\\$\\{.+\\}$"}]})
    }
}

choice! {
    /// When a process that ended is started again.
    pub enum RestartPolicy {
        /// Always.
        Always = "always",
        /// When it did not end well.
        OnFailure = "on-failure",
        /// Never.
        Never = "never",
    }
}

object! {
    /// How a process that ended is started again.
    pub struct Restart as "a restart policy" {
        /// Which ends are answered by a start. Whatever else is said here is about ends that count: those of processes that
        /// were not ready yet, or ended within a second after that and had accepted no connection. Every other end is
        /// answered at once, at most 20 times a second for each process.
        pub policy as "policy": RestartPolicy = word(), default(json!("always"), RestartPolicy::Always);
        /// Most ends that count within `period`. After that a worker that was never ready with its configuration has
        /// failed, and any other is tried every `backoff_max`.
        pub max_restarts as "max_restarts": u32 = int(0..=1000000), default(5);
        /// Seconds that these ends are counted over.
        pub period as "period": Duration = seconds(0.1..=86400.0), default(json!(10), Duration::from_secs(10));
        /// Seconds before the start after the second such end in a row; doubled for each further one. There is none after
        /// the first.
        pub backoff as "backoff": Duration = seconds(0.0..=3600.0), default(json!(0.1), Duration::from_millis(100));
        /// Seconds it is never doubled beyond; absent: 2, and 30 for guests without `listen`; at least `backoff`.
        pub backoff_max as "backoff_max": Option<Duration> = seconds(0.0..=86400.0), optional;
        /// Seconds a process may take to be ready; one that takes longer is ended, and that counts. A guest may ask for more
        /// (`EXTEND_TIMEOUT_USEC`). Reloads have a limit of their own (`jackfield reload --timeout`).
        pub ready_timeout as "ready_timeout": Duration = seconds(0.1..=86400.0), default(json!(60), Duration::from_secs(60));
    }
    check Restart::check;
    absent default;
}

impl Restart {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if let Some(most) = self.backoff_max
            && self.backoff > most
        {
            let (backoff, most) = (self.backoff.as_secs_f64(), most.as_secs_f64());
            let message = format!("\"backoff\" ({backoff} s) is above \"backoff_max\" ({most} s)");
            cx.error_at("backoff_max", fields.span_of("backoff_max"), message);
        }
    }
}

object! {
    /// How a process is stopped.
    pub struct Stop as "stop settings" {
        /// Seconds open connections may go on.
        pub drain_timeout as "drain_timeout": Duration = seconds(0.0..=86400.0), default(json!(30), Duration::from_secs(30));
        /// Seconds from SIGTERM to SIGKILL.
        pub kill_timeout as "kill_timeout": Duration = seconds(0.0..=3600.0), default(json!(5), Duration::from_secs(5));
    }
    absent default;
}

object! {
    /// What a process may use.
    pub struct Limits as "limits" {
        /// File descriptors; absent: as the node.
        pub nofile as "nofile": Option<u64> = int(16..=1073741816), optional;
        /// Bytes of memory; absent: as the node. A process of ours needs 16 MiB before it serves anybody.
        pub memory as "memory": Option<u64> = int(16777216..=i128::from(i64::MAX)), optional;
        /// CPUs' worth of time; absent: as the node.
        pub cpu as "cpu": Option<f64> = cpu_share(), optional;
    }
    absent default;
}

fn cpu_share() -> impl Rule<Out = f64> {
    named(
        "a number of CPUs from 0.01 to 4096",
        then(seconds(0.01..=4096.0), |cpus, _, _| Some(cpus.as_secs_f64())),
    )
}

/// Whether a process is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Sandbox {
    /// As far as the kernel can; the default.
    Auto,
    /// Yes, or the process does not start.
    On,
    /// No.
    Off,
}

object! {
    /// What every worker has, written in the worker itself.
    pub struct WorkerCommon as "what every worker has" {
        /// How many processes. A router with realms has one more where this is more than 1: that one has the realms, the
        /// others the clients.
        pub processes as "processes": Processes = ProcessesRule, default(json!(1), Processes::Count(1)), for controller;
        /// How they are started again.
        pub restart as "restart": Restart = nested(), defaulted, for controller;
        /// How they are stopped.
        pub stop as "stop": Stop = nested(), defaulted, for controller;
        /// Ids of workers that it comes after: it starts when all their processes are ready, or it is known that they won't
        /// be, and they stop when it has ended. What connects to the address of another worker stops before that in any
        /// case.
        pub after as "after": Vec<String> = list(text()), default(json!([]), Vec::new()), for controller;
        /// Seconds without a heartbeat after which a process is replaced; 0: off.
        pub watchdog as "watchdog": Duration = seconds(0.1..=86400.0).or_off(), default(json!(10), Duration::from_secs(10)), for controller;
        /// Least important records of theirs that are logged; absent: as `controller.log` says. What a guest writes to
        /// standard output is `info`, what it writes to standard error `warn`.
        pub log_level as "log_level": Option<Level> = word(), optional, for controller;
        /// The user they run as; absent: the node's.
        pub user as "user": Option<String> = text(), optional;
        /// The group they run as; absent: the node's.
        pub group as "group": Option<String> = text(), optional;
        /// What each of them may use.
        pub limits as "limits": Limits = nested(), defaulted;
        /// Confines them to what their configuration needs; absent: where the kernel can.
        pub sandbox as "sandbox": Sandbox = sandbox(), default(json!(null), Sandbox::Auto);
    }
    absent default;
}

fn sandbox() -> impl Rule<Out = Sandbox> {
    then(boolean(), |on, _, _| Some(if on { Sandbox::On } else { Sandbox::Off }))
}
