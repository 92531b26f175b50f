//! Workers: the processes of a node.

mod common;
mod container;
mod guest;
mod kind;
mod listener;
mod manhole;
mod native;
mod proxy;
mod router;
mod socket;
mod testee;

pub use common::*;
pub use container::*;
pub use guest::*;
pub use kind::*;
pub use listener::*;
pub use manhole::*;
pub use native::*;
pub use proxy::*;
pub use router::*;
use serde_json::json;
pub use socket::*;
pub use testee::*;

use super::decode::*;
use super::endpoint::ListeningEndpoint;
use super::transport::{Transport, claim_id};

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

impl WorkerKind {
    /// What each kind answers for itself.
    pub fn kind(&self) -> &dyn Works {
        match self {
            Self::Router(worker) => worker,
            Self::Container(worker) => worker,
            Self::Guest(worker) => worker,
            Self::WebsocketTestee(worker) => worker,
            Self::Proxy(worker) => worker,
        }
    }

    /// The same, to be changed.
    pub fn kind_mut(&mut self) -> &mut dyn Works {
        match self {
            Self::Router(worker) => worker,
            Self::Container(worker) => worker,
            Self::Guest(worker) => worker,
            Self::WebsocketTestee(worker) => worker,
            Self::Proxy(worker) => worker,
        }
    }
}

impl Worker {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        claim_id(&self.id, 2, fields, cx);
        if let WorkerKind::Router(router) = &self.kind {
            router.check_spread(self.common.processes, fields, cx);
        }
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

    /// The transports that it listens on.
    pub fn transports(&self) -> &[Transport] {
        self.kind.kind().transports()
    }

    /// The sockets it is given: those of its transports, or a guest's.
    pub fn listeners(&self) -> Vec<Listener<'_>> {
        let kind = self.kind.kind();
        let transports = kind.transports().iter().map(Listener::of_transport);
        transports.chain(kind.sockets().iter().map(GuestSocket::listener)).collect()
    }

    /// The endpoints that it listens on, to be changed.
    pub fn listening_mut(&mut self) -> Vec<&mut ListeningEndpoint> {
        let kind = self.kind.kind_mut();
        match kind.transports().is_empty() {
            true => kind.sockets_mut().iter_mut().map(|socket| &mut socket.endpoint).collect(),
            false => kind.transports_mut().iter_mut().map(|transport| &mut transport.endpoint).collect(),
        }
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
        self.kind.kind().options()
    }

    /// Whether the worker is not to be started.
    pub fn disabled(&self) -> bool {
        self.native_options().is_some_and(|options| options.disabled)
    }
}
