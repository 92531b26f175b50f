//! Valid features whose effect this release does not have. `check` warns of them, `start` refuses them: nothing is
//! ever silently without effect. This list shrinks. What of a kind of transport or path service is missing the kind itself
//! says (`unbuilt`).

use super::controller::Controller;
use super::diagnostic::{Path, Remark, Severity};
use super::endpoint::{ConnectingEndpoint, ListeningEndpoint};
use super::node::Node;
use super::transport::{ConnectingTransport, Section, Transport, Within};
use super::wamp::Realm;
use super::worker::{Container, Processes, Proxy, Router, Worker, WorkerKind};

/// What there is to say about `node` for that reason.
pub(super) fn remarks(node: &Node) -> Vec<Remark> {
    let mut remarks = Remarks { found: Vec::new(), within: Within::default() };
    let root = Path::default();
    remarks.controller(&node.controller, &root.key("controller"));
    for (index, worker) in node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled()) {
        remarks.worker(worker, &root.key("workers").index(index));
    }
    remarks.found
}

struct Remarks {
    found: Vec<Remark>,
    /// The worker that is looked at.
    within: Within,
}

impl Remarks {
    fn missing(&mut self, path: Path, message: impl Into<String>) {
        self.found.push((Severity::NotBuilt, path, message.into()));
    }

    fn missing_if(&mut self, given: bool, path: Path, message: &str) {
        if given {
            self.missing(path, message);
        }
    }

    fn controller(&mut self, controller: &Controller, at: &Path) {
        self.missing_if(controller.manhole.is_some(), at.key("manhole"), "the manhole is not built yet");
    }

    fn worker(&mut self, worker: &Worker, at: &Path) {
        self.within = Within {
            has_several: worker.common.processes != Processes::Count(1),
            is_proxy: matches!(worker.kind, WorkerKind::Proxy(_)),
        };
        match &worker.kind {
            WorkerKind::Router(router) => self.router(router, at),
            WorkerKind::Proxy(proxy) => self.proxy(proxy, at),
            WorkerKind::WebsocketTestee(testee) => self.transport(&testee.transport, &at.key("transport")),
            WorkerKind::Guest(guest) => {
                for (index, socket) in guest.listen.iter().enumerate() {
                    self.listening(&socket.endpoint, &at.key("listen").index(index).key("endpoint"));
                }
            }
            WorkerKind::Container(container) => self.container(container, at),
        }
    }

    fn router(&mut self, router: &Router, at: &Path) {
        self.missing_if(router.manhole.is_some(), at.key("manhole"), "the manhole is not built yet");
        for (index, realm) in router.realms.iter().enumerate() {
            self.realm(realm, &at.key("realms").index(index));
        }
        for (at, _, link) in router.links(at) {
            self.wamp(&link.transport, &at.key("transport"));
        }
        for (index, transport) in router.transports.iter().enumerate() {
            self.transport(transport, &at.key("transports").index(index));
        }
        let is_reached = !router.components.is_empty()
            || router.transports.iter().any(|transport| transport.kind.kind().speaks_wamp());
        if !router.realms.is_empty() && !is_reached {
            let message = "has no effect: no transport of this worker speaks WAMP, and it has no components";
            self.found.push((Severity::Warning, at.key("realms"), message.into()));
        }
    }

    fn container(&mut self, container: &Container, at: &Path) {
        self.missing_if(container.manhole.is_some(), at.key("manhole"), "the manhole is not built yet");
        for (index, component) in container.components.iter().enumerate() {
            let at = at.key("components").index(index).key("transport");
            if matches!(component.transport().endpoint(), ConnectingEndpoint::Tor(_)) {
                let message = "a component does not connect through Tor; a \"stream.relay\" that does can stand between";
                self.missing(at.key("endpoint").key("type"), message);
            }
            self.connecting(component.transport().endpoint(), &at.key("endpoint"));
        }
    }

    fn proxy(&mut self, proxy: &Proxy, at: &Path) {
        for (name, connection) in &proxy.connections {
            let at = at.key("connections").key(name).key("transport");
            self.wamp(&connection.transport, &at);
        }
        for (index, transport) in proxy.transports.iter().enumerate() {
            let at = at.key("transports").index(index);
            self.transport(transport, &at);
        }
    }

    /// A transport of connections to a router.
    fn wamp(&mut self, transport: &ConnectingTransport, at: &Path) {
        match transport {
            ConnectingTransport::Websocket(transport) => {
                let serializers = transport.serializers.as_deref();
                self.found.extend(Section { serializers, ..Section::default() }.unbuilt(at, self.within));
            }
            ConnectingTransport::Rawsocket(transport) => {
                let message = "is not spoken; \"json\", \"msgpack\" and \"cbor\" are";
                self.missing_if(!transport.serializer.is_spoken(), at.key("serializer"), message);
            }
        }
        self.connecting(transport.endpoint(), &at.key("endpoint"));
    }

    fn transport(&mut self, transport: &Transport, at: &Path) {
        self.listening(&transport.endpoint, &at.key("endpoint"));
        self.found.extend(transport.unbuilt(at, self.within));
        for (at, endpoint) in transport.connections(at) {
            self.connecting(endpoint, &at);
        }
    }

    fn realm(&mut self, realm: &Realm, at: &Path) {
        let message = "types in FlatBuffers are not read, so no message is checked against them";
        self.missing_if(realm.inventory.is_some(), at.key("inventory"), message);
        if let Some(kind) =
            realm.store.as_ref().and_then(|store| store.get("type")).filter(|kind| *kind != "memory")
        {
            self.missing(at.key("store").key("type"), format!("store {kind} is not built; \"memory\" is"));
        }
        for (index, role) in realm.roles.iter().enumerate() {
            for (number, permission) in role.permissions.iter().flatten().enumerate() {
                let at = at.key("roles").index(index).key("permissions").index(number).key("validate");
                self.missing_if(permission.validate.is_some(), at, message);
            }
        }
    }

    fn listening(&mut self, endpoint: &ListeningEndpoint, at: &Path) {
        match endpoint {
            ListeningEndpoint::Tcp(_) | ListeningEndpoint::Unix(_) | ListeningEndpoint::Twisted(_) => {}
            ListeningEndpoint::Onion(onion) => {
                if let Some(endpoint) = &onion.tor_control_endpoint {
                    self.connecting(endpoint, &at.key("tor_control_endpoint"));
                }
                if let Some(target) = &onion.target {
                    self.listening(target, &at.key("target"));
                }
            }
        }
    }

    fn connecting(&mut self, endpoint: &ConnectingEndpoint, at: &Path) {
        match endpoint {
            ConnectingEndpoint::Tcp(_) | ConnectingEndpoint::Unix(_) | ConnectingEndpoint::Tor(_) => {}
            ConnectingEndpoint::Twisted(_) => {
                self.missing(at.key("type"), "this kind of Twisted endpoint is not built yet");
            }
        }
    }
}
