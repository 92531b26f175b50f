//! The options of workers that run our own code.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::decode::*;
use super::super::source::{Kind, Value};
use super::super::transport::Transport;

/// Which variables of the node's environment a worker inherits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Inherit {
    /// Every one.
    All,
    /// None.
    None,
    /// These.
    Only(Vec<String>),
}

fn inherit() -> impl Rule<Out = Inherit> {
    either(
        |value: &Value| matches!(value.kind, Kind::Bool(_)),
        then(boolean(), |all, _, _| Some(if all { Inherit::All } else { Inherit::None })),
        then(list(text()), |names, _, _| Some(Inherit::Only(names))),
    )
}

object! {
    /// The environment of a process.
    pub struct ProcessEnv as "an environment" {
        /// What it inherits of the node's: everything, nothing, or the variables named.
        pub inherit as "inherit": Inherit = inherit(), default(json!(true), Inherit::All);
        /// Variables set after that.
        pub vars as "vars": BTreeMap<String, String> = map(hidden(text())), default(json!({}), BTreeMap::new());
    }
    absent default;
}

/// `disabled`: a boolean, or a string that is true unless empty; an unset variable is false.
struct Disabled;

impl Rule for Disabled {
    type Out = bool;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<bool> {
        match &value.kind {
            Kind::String(text) => match whole(text) {
                Some(Piece::Variable { name, default }) => {
                    let text = cx.env(name).filter(|text| default.is_none() || !text.is_empty());
                    Some(!text.or(default.map(str::to_owned)).unwrap_or_default().is_empty())
                }
                _ => Some(!text.is_empty()),
            },
            Kind::Bool(disabled) => Some(*disabled),
            _ => {
                cx.error(value.span, format!("found {}, expected {}", cx.describe(value), self.expected()));
                None
            }
        }
    }

    fn expected(&self) -> String {
        "true, false, or a string like \"${NAME}\" that is true unless empty".into()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        json!({"type": ["boolean", "string"]})
    }
}

/// What `max_buffered_size` is where nothing says how much memory there is, in bytes.
pub const DEFAULT_MAX_BUFFERED_SIZE: u64 = 256 << 20;

object! {
    /// The options of a worker that runs our own code.
    pub struct NativeOptions as "worker options" {
        /// The title of its processes, as ps(1) shows it; absent: the worker's type and id.
        pub title as "title": Option<String> = text(), optional;
        /// The CPUs its processes run on: places in the list of those the node may use, from 0; less than 0 counts
        /// from the end. Empty or absent: any.
        pub cpu_affinity as "cpu_affinity": Vec<i32> = list(int(i128::from(i32::MIN)..=i128::from(i32::MAX))), default(json!([]), Vec::new());
        /// The environment of its processes.
        pub env as "env": ProcessEnv = nested(), defaulted;
        /// Bytes that each of its processes keeps, in all, of messages that are not complete or not taken yet (WebSocket,
        /// RawSocket); a connection that needs more is closed, unless it has less than 64 KiB. Absent: a quarter of
        /// `limits.memory`, or, without that, 268435456.
        pub max_buffered_size as "max_buffered_size": Option<u64> = int(65536..=i128::from(i64::MAX)), optional;
        /// Does not start it.
        pub disabled as "disabled": bool = Disabled, default(false);
        /// The Python interpreter for what is Python in it: a path, relative to the node directory, or a name in PATH. Absent:
        /// `python3` of a virtual environment `.venv`, `venv` or `env` in the node directory or the one above, of VIRTUAL_ENV,
        /// or of PATH, the first that there is.
        pub python as "python": Option<String> = text(), optional;
        /// Directories in which Python looks for modules first, relative to the node directory.
        pub pythonpath as "pythonpath": Vec<PathBuf> = list(path()), default(json!([]), Vec::new());
        /// Twisted's reactor, for each platform; that of `linux` counts. Absent: Twisted's choice.
        pub reactor as "reactor": BTreeMap<String, String> = map(text()), default(json!({}), BTreeMap::new());
        /// Gives Python components an object `config.controller` that answers a call of `crossbar.shutdown`.
        pub expose_controller as "expose_controller": bool = boolean(), default(false);
        /// Gives the Python components of a process a common dictionary, `config.shared`.
        pub expose_shared as "expose_shared": bool = boolean(), default(false);
        /// Seconds for which a Python component tries to reach its router, at its start and when it has lost it.
        pub connect_timeout as "connect_timeout": Duration = seconds(1.0..=86400.0), default(json!(30), Duration::from_secs(30));
    }
    ignored {
        /// Handed to Python components by nobody: each has its own.
        "extra" = any();
    }
    absent default;
}

choice! {
    /// When a container ends because of its components.
    pub enum ContainerShutdown {
        /// When it is told to.
        Manual = "shutdown-manual",
        /// When the last one stopped.
        OnLastComponentStopped = "shutdown-on-last-component-stopped",
        /// When one failed.
        OnAnyComponentFailed = "shutdown-on-any-component-failed",
        /// When one stopped.
        OnAnyComponentStopped = "shutdown-on-any-component-stopped",
    }
}

choice! {
    /// When a container's components are started again.
    pub enum ContainerRestart {
        /// Always.
        Always = "restart-always",
        /// When they failed.
        OnFailed = "restart-on-failed",
        /// Never.
        Never = "restart-never",
    }
}

object! {
    /// The options of a container.
    pub struct ContainerOptions as "container options" {
        /// What every worker of our own has.
        pub native as "title": NativeOptions = nested::<NativeOptions>(), flatten;
        /// When it ends because of its components.
        pub shutdown as "shutdown": Option<ContainerShutdown> = word(), optional;
        /// When its components are started again.
        pub restart as "restart": Option<ContainerRestart> = word(), optional;
    }
    check ContainerOptions::check;
    absent default;
}

impl ContainerOptions {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let (Some(restart), Some(shutdown)) = (self.restart, self.shutdown) else { return };
        let never_both = match restart {
            ContainerRestart::Always => shutdown != ContainerShutdown::Manual,
            ContainerRestart::OnFailed => shutdown == ContainerShutdown::OnAnyComponentFailed,
            ContainerRestart::Never => false,
        };
        if never_both {
            let message = format!("{:?} contradicts \"restart\": {:?}", shutdown.name(), restart.name());
            cx.error_at("shutdown", fields.span_of("shutdown"), message);
        }
    }
}

/// The transport of a `websocket-testee` worker: a WebSocket transport, whose `type` Crossbar.io never looks at
/// before it starts, and whose WAMP attributes it accepts without using them.
pub(super) fn testee_transport() -> impl Rule<Out = Transport> {
    then(nested::<TesteeTransport>(), |transport, _, _| Some(transport.into_transport()))
}

object! {
    /// The transport of a `websocket-testee` worker.
    pub struct TesteeTransport as "a WebSocket transport" {
        /// A name, unique in its worker; absent: `transport001`.
        pub id as "id": String = super::super::transport::id(), default(json!("transport001"), String::new());
        /// Where it listens.
        pub endpoint as "endpoint": super::super::endpoint::ListeningEndpoint = nested(), required;
        /// Connections open at a time, in each process; more are refused.
        pub max_connections as "max_connections": u32 = int(1..=4294967295), default(super::super::transport::DEFAULT_MAX_CONNECTIONS);
        /// The echo.
        pub testee as "url": super::super::transport::WebsocketTestee = nested::<super::super::transport::WebsocketTestee>(), flatten;
    }
    ignored {
        /// The serializers offered to WAMP clients.
        "serializers" = list(word::<super::super::transport::Serializer>());
        /// How WAMP clients authenticate.
        "auth" = nested::<super::super::wamp::Auth>();
        /// A cookie by which a browser is known again.
        "cookie" = nested::<super::super::wamp::Cookie>();
    }
    also {
        /// `websocket`; not looked at.
        "type" = any();
    }
    check TesteeTransport::check;
}

impl TesteeTransport {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        super::super::transport::tell_type(fields, "websocket", cx);
    }

    fn into_transport(self) -> Transport {
        Transport {
            id: self.id,
            endpoint: self.endpoint,
            max_connections: self.max_connections,
            kind: super::super::transport::TransportKind::WebsocketTestee(self.testee),
        }
    }
}
