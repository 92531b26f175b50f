//! Workers: the processes of a node.

mod common;
mod guest;
mod listener;
mod manhole;
mod native;
mod proxy;

pub use common::*;
pub use guest::*;
pub use listener::*;
pub use manhole::*;
pub use native::*;
pub use proxy::*;
use serde_json::json;
use std::time::Duration;

use super::decode::*;
use super::transport::{Transport, claim_id};
use super::wamp::{ContainerComponent, Realm, RouterComponent};

tagged! {
    /// What a worker is.
    pub enum WorkerKind as "a worker" by "type" {
        /// Routes WAMP, and serves everything that listens.
        Router(Router) = "router",
        /// Hosts components.
        Container(Container) = "container",
        /// Any program.
        Guest(Guest) = "guest",
        /// A WebSocket echo.
        WebsocketTestee(WebsocketTesteeWorker) = "websocket-testee",
        /// Serves clients and passes WAMP on to routers.
        Proxy(Proxy) = "proxy",
    }
}

object! {
    /// A worker: one kind of process, one or several of it.
    pub struct Worker as "a worker" {
        /// A name, unique in the node; absent: `worker001` and so on.
        pub id as "id": String = text(), default(json!("worker001"), String::new());
        /// What every worker has.
        pub common as "processes": WorkerCommon = nested::<WorkerCommon>(), flatten;
        /// What it is, decided by `type`.
        pub kind as "type": WorkerKind = nested::<WorkerKind>(), flatten;
    }
    check Worker::check;
}

impl Worker {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        claim_id(&self.id, 2, fields, cx);
        let router = matches!(self.kind, WorkerKind::Router(_));
        if router && fields.has("id") && !super::transport::is_id(&self.id) {
            let span = fields.span_of("id");
            cx.error_at(
                "id",
                span,
                format!("found the string {:?}, expected {}", self.id, super::transport::id().expected()),
            );
        }
    }

    /// The transports this worker listens on.
    pub fn transports(&self) -> &[Transport] {
        match &self.kind {
            WorkerKind::Router(router) => &router.transports,
            WorkerKind::Proxy(proxy) => &proxy.transports,
            WorkerKind::WebsocketTestee(testee) => std::slice::from_ref(&testee.transport),
            WorkerKind::Container(_) | WorkerKind::Guest(_) => &[],
        }
    }

    /// The sockets it is given: those of its transports, or a guest's.
    pub fn listeners(&self) -> Vec<Listener<'_>> {
        let sockets = match &self.kind {
            WorkerKind::Guest(guest) => guest.listen.as_slice(),
            _ => &[],
        };
        self.transports()
            .iter()
            .map(Listener::of_transport)
            .chain(sockets.iter().map(GuestSocket::listener))
            .collect()
    }

    /// How many bytes each of its processes keeps of messages, in all: a quarter of the memory it may use, if nothing else
    /// is said.
    pub fn max_buffered_size(&self) -> u64 {
        let given = self.native_options().and_then(|options| options.max_buffered_size);
        let of_memory = self.common.limits.memory.map(|memory| memory / 4);
        given.or(of_memory).unwrap_or(DEFAULT_MAX_BUFFERED_SIZE)
    }

    /// The options of a worker that runs our own code; `None` for guests.
    pub fn native_options(&self) -> Option<&NativeOptions> {
        match &self.kind {
            WorkerKind::Router(router) => Some(&router.options),
            WorkerKind::Proxy(proxy) => Some(&proxy.options),
            WorkerKind::WebsocketTestee(testee) => Some(&testee.options),
            WorkerKind::Container(container) => Some(&container.options.native),
            WorkerKind::Guest(_) => None,
        }
    }

    /// Whether the worker is not to be started.
    pub fn disabled(&self) -> bool {
        self.native_options().is_some_and(|options| options.disabled)
    }

    /// The word its `type` says.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            WorkerKind::Router(_) => "router",
            WorkerKind::Container(_) => "container",
            WorkerKind::Guest(_) => "guest",
            WorkerKind::WebsocketTestee(_) => "websocket-testee",
            WorkerKind::Proxy(_) => "proxy",
        }
    }
}

object! {
    /// A router worker.
    pub struct Router as "a router worker" {
        /// Its options.
        pub options as "options": NativeOptions = nested(), defaulted;
        /// Its realms.
        pub realms as "realms": Vec<Realm> = list(nested()), default(json!([]), Vec::new());
        /// What it listens on.
        pub transports as "transports": Vec<Transport> = list(nested()), default(json!([]), Vec::new());
        /// Components beside the router.
        pub components as "components": Vec<RouterComponent> = list(nested()), default(json!([]), Vec::new());
        /// A Python shell over SSH.
        pub manhole as "manhole": Option<Manhole> = nested(), optional;
        /// Seconds without a heartbeat after which the process is replaced that routes the realms where `processes` is more
        /// than 1; 0: off. Clients wait meanwhile.
        pub realm_watchdog as "realm_watchdog": Duration = seconds(0.1..=86400.0).or_off(), default(json!(2), Duration::from_secs(2)), for controller;
        /// How many processes the realms are spread over where `processes` is more than 1.
        pub realm_processes as "realm_processes": u16 = int(1..=1024), default(1);
    }
    ignored {
        /// Connections of Crossbar.io's that are nowhere described.
        "connections" = any();
    }
}

object! {
    /// A container worker.
    pub struct Container as "a container worker" {
        /// Its options.
        pub options as "options": ContainerOptions = nested(), defaulted;
        /// What it hosts.
        pub components as "components": Vec<ContainerComponent> = list(nested()), default(json!([]), Vec::new());
        /// A Python shell over SSH.
        pub manhole as "manhole": Option<Manhole> = nested(), optional;
    }
    ignored {
        /// Connections of Crossbar.io's that are nowhere described.
        "connections" = any();
    }
}

object! {
    /// A worker that is one WebSocket echo.
    pub struct WebsocketTesteeWorker as "a websocket-testee worker" {
        /// Its options.
        pub options as "options": NativeOptions = nested(), defaulted;
        /// What it listens on.
        pub transport as "transport": Transport = testee_transport(), required;
    }
}
