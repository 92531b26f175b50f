//! The controller's own part of the configuration.

use super::decode::*;
use super::endpoint::Tor;
use super::log::Log;
use super::source::{Kind, Value};
use super::transport::id;
use super::worker::Manhole;
use serde_json::json;
use std::time::Duration;

object! {
    /// The controller.
    pub struct Controller as "controller settings" {
        /// The node's name; absent: made of the host's name and the process id.
        pub id as "id": Option<String> = id(), optional;
        /// Its options.
        pub options as "options": ControllerOptions = nested(), defaulted;
        /// The log.
        pub log as "log": Log = nested(), defaulted;
        /// A Python shell over SSH.
        pub manhole as "manhole": Option<Manhole> = nested(), optional;
        /// The embedded Arti.
        pub tor as "tor": Tor = nested(), defaulted;
    }
    ignored {
        /// Connections of Crossbar.io's that are nowhere described.
        "connections" = any();
        /// The uplink of Crossbar.io's nodes to a master node.
        "fabric" = any();
        /// The key for that: Crossbar.io reads it nowhere.
        "keyring" = nested::<Keyring>();
    }
}

choice! {
    /// When the node ends because of its workers.
    pub enum NodeShutdown {
        /// When it is told to.
        OnShutdownRequested = "shutdown_on_shutdown_requested",
        /// When one ended.
        OnWorkerExit = "shutdown_on_worker_exit",
        /// When one did not end well.
        OnWorkerExitWithError = "shutdown_on_worker_exit_with_error",
        /// When the last one ended.
        OnLastWorkerExit = "shutdown_on_last_worker_exit",
    }
}

choice! {
    /// Whose commands may change anything.
    pub enum ChangesBy {
        /// Those of the node's user, and of root.
        Owner = "owner",
        /// Those of root.
        Root = "root",
        /// Nobody's: signals to the controller are left.
        Nobody = "nobody",
    }
}

object! {
    /// The controller's options.
    pub struct ControllerOptions as "controller options" {
        /// The title of its process, as ps(1) shows it.
        pub title as "title": Option<String> = text(), optional;
        /// When the node ends because of its workers; absent: never, they are restarted.
        pub shutdown as "shutdown": Option<Vec<NodeShutdown>> = shutdown(), optional;
        /// Whose commands (`jackfield stop`, `reload`, `upgrade`, `worker …`, `logs level`) may change anything; to look
        /// (`status`, `top`, `logs`) the node's user and root always may. What the node has started itself, and what is
        /// confined, may neither.
        pub changes_by as "changes_by": ChangesBy = word(), default(json!("owner"), ChangesBy::Owner);
        /// How long, in seconds, names are looked up at start and reload: those of interfaces by name servers, those of
        /// users and groups by what nsswitch.conf(5) says. What is not known then is an error of the configuration.
        pub lookup_timeout as "lookup_timeout": Duration = seconds(0.1..=300.0), default(json!(5), Duration::from_secs(5));
    }
    ignored {
        /// Starts workers at the same time, which Jackfield always does.
        "enable_parallel_worker_start" = boolean();
        /// Twisted's way to wait for events.
        "reactor" = map(text());
    }
    absent default;
}

fn shutdown() -> impl Rule<Out = Vec<NodeShutdown>> {
    either(
        |value: &Value| !matches!(value.kind, Kind::List(_)),
        then(word::<NodeShutdown>(), |mode, _, _| Some(vec![mode])),
        list(word()),
    )
}

tagged! {
    /// The node's key.
    pub enum Keyring as "a keyring" by "type" {
        /// In a file.
        File(KeyringFile) = "file",
        /// In a hardware module.
        Hsm(KeyringHsm) = "hsm",
    }
}

object! {
    /// A key in a file.
    pub struct KeyringFile as "a key in a file" {
        /// The file.
        pub path as "path": Option<std::path::PathBuf> = path(), optional;
    }
}

object! {
    /// A key in a hardware module.
    pub struct KeyringHsm as "a key in a hardware module" {
        /// The module's driver.
        pub driver as "driver": Option<String> = text(), optional;
        /// The module's port.
        pub port as "port": Option<serde_json::Value> = any(), optional;
    }
}
