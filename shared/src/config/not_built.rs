//! Valid features whose effect this release does not have. `check` warns of them, `start` refuses them: nothing is
//! ever silently without effect. This list shrinks.

use super::controller::Controller;
use super::diagnostic::{Path, Severity};
use super::endpoint::{ConnectingEndpoint, ListeningEndpoint};
use super::node::Node;
use super::service::{PathService, UploadService};
use super::transport::{
    ConnectingTransport, MqttSection, PayloadMapping, RawsocketSection, Serializer, Transport, TransportKind,
    Universal, Web, WebsocketPath, WebsocketSection,
};
use super::wamp::{
    Auth, CryptosignAuth, CryptosignStatic, Realm, RouterComponent, ScramAuth, TicketAuth, TlsAuth,
    WampcraAuth,
};
use super::worker::{Container, Processes, Proxy, Router, Worker, WorkerKind};

/// One remark: a feature that is not built, or a warning that depends on that.
pub(super) type Remark = (Severity, Path, String);

/// What there is to say about `node` for that reason.
pub(super) fn remarks(node: &Node) -> Vec<Remark> {
    let mut remarks = Remarks { found: Vec::new(), has_several: false, is_proxy: false };
    let root = Path::default();
    remarks.controller(&node.controller, &root.key("controller"));
    for (index, worker) in node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled()) {
        remarks.worker(worker, &root.key("workers").index(index));
    }
    remarks.found
}

struct Remarks {
    found: Vec<Remark>,
    /// Whether the worker that is looked at has more than one process, or may have.
    has_several: bool,
    /// Whether it is a proxy worker.
    is_proxy: bool,
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
        self.missing_if(controller.keyring.is_some(), at.key("keyring"), "keyrings are not built yet");
    }

    fn worker(&mut self, worker: &Worker, at: &Path) {
        self.has_several = worker.common.processes != Processes::Count(1);
        self.is_proxy = matches!(worker.kind, WorkerKind::Proxy(_));
        match &worker.kind {
            WorkerKind::Router(router) => {
                self.router(router, at);
                let message =
                    "one process routes all realms of a worker; to spread them over more is not built yet";
                self.missing_if(router.realm_processes != 1, at.key("realm_processes"), message);
            }
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
        for (index, transport) in router.transports.iter().enumerate() {
            self.transport(transport, &at.key("transports").index(index));
        }
        for (index, component) in router.components.iter().enumerate() {
            let at = at.key("components").index(index).key("references");
            let message = "connections that a worker's components share are not built; each can make its own";
            let has_some = matches!(component, RouterComponent::Class(class) if !class.references.is_empty());
            self.missing_if(has_some, at, message);
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
            match &connection.transport {
                ConnectingTransport::Websocket(transport) => {
                    self.wamp(transport.serializers.as_deref(), None, &at);
                }
                ConnectingTransport::Rawsocket(transport) => {
                    let message = "is not spoken; \"json\", \"msgpack\" and \"cbor\" are";
                    self.missing_if(!transport.serializer.is_spoken(), at.key("serializer"), message);
                }
            }
            self.connecting(connection.transport.endpoint(), &at.key("endpoint"));
        }
        for (index, transport) in proxy.transports.iter().enumerate() {
            let at = at.key("transports").index(index);
            self.transport(transport, &at);
        }
    }

    /// What is Python runs beside routers.
    fn python(&mut self, at: Path) {
        let message =
            "what is Python in a transport of a proxy worker is not built; a router worker can have it";
        self.missing_if(self.is_proxy, at, message);
    }

    fn transport(&mut self, transport: &Transport, at: &Path) {
        self.listening(&transport.endpoint, &at.key("endpoint"));
        match &transport.kind {
            TransportKind::Universal(universal) => self.universal(universal, at),
            TransportKind::Web(web) => self.web(web, at),
            TransportKind::Websocket(section) => self.websocket(section, at),
            TransportKind::Rawsocket(transport) => {
                self.wamp(transport.wamp.serializers.as_deref(), transport.wamp.auth.as_ref(), at);
            }
            TransportKind::Mqtt(section) => self.mqtt(section, at),
            TransportKind::Flashpolicy(_) => self.missing(at.key("type"), "Flash's policy file is not built"),
            _ => {}
        }
        for (at, endpoint) in transport.connections(at) {
            self.connecting(endpoint, &at);
        }
    }

    fn realm(&mut self, realm: &Realm, at: &Path) {
        let message = "messages are not checked against types yet";
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

    fn mqtt(&mut self, section: &MqttSection, at: &Path) {
        let at = at.key("options");
        self.wamp(None, section.options.auth.as_ref(), &at);
        for (uri, mapping) in &section.options.payload_mapping {
            let PayloadMapping::Native(native) = mapping else { continue };
            let message = "UBJSON is not spoken; \"json\", \"msgpack\" and \"cbor\" are";
            let at = at.key("payload_mapping").key(uri).key("serializer");
            self.missing_if(native.serializer == Serializer::Ubjson, at, message);
        }
    }

    fn websocket(&mut self, section: &WebsocketSection, at: &Path) {
        self.wamp(section.serializers.as_deref(), section.auth.as_ref(), at);
    }

    fn wamp(&mut self, serializers: Option<&[Serializer]>, auth: Option<&Auth>, at: &Path) {
        let serializers = serializers.unwrap_or_default();
        let unspoken = |one: &Serializer| !one.is_spoken();
        for (index, serializer) in serializers.iter().enumerate().filter(|(_, one)| unspoken(one)) {
            let at = at.key("serializers").index(index);
            let message =
                format!("{} is not spoken; \"json\", \"msgpack\" and \"cbor\" are", serializer.name());
            if serializers.iter().all(unspoken) {
                self.missing(at, message);
            } else {
                self.found.push((Severity::Warning, at, message));
            }
        }
        let Some(auth) = auth else { return };
        let functions = [
            ("ticket", matches!(auth.ticket, Some(TicketAuth::Function(_)))),
            ("wampcra", matches!(auth.wampcra, Some(WampcraAuth::Function(_)))),
            ("scram", matches!(auth.scram, Some(ScramAuth::Function(_)))),
            ("cryptosign", matches!(auth.cryptosign, Some(CryptosignAuth::Function(_)))),
            ("tls", matches!(auth.tls, Some(TlsAuth::Function(_)))),
        ];
        for (method, _) in functions.into_iter().filter(|(_, is_function)| *is_function) {
            self.python(at.key("auth").key(method).key("type"));
        }
        if let Some(CryptosignAuth::Static(CryptosignStatic { trustroots: Some(_), .. })) = &auth.cryptosign {
            self.missing(at.key("auth").key("cryptosign").key("trustroots"), "trust roots are not built yet");
        }
    }

    fn universal(&mut self, universal: &Universal, at: &Path) {
        if let Some(RawsocketSection::Rawsocket(section)) = &universal.rawsocket {
            self.wamp(section.serializers.as_deref(), section.auth.as_ref(), &at.key("rawsocket"));
        }
        for (path, section) in universal.websocket.iter().flatten() {
            let at = at.key("websocket").key(path);
            match section {
                WebsocketPath::Websocket(section) => self.websocket(section, &at),
                WebsocketPath::WebsocketTestee(_) => {}
            }
        }
        if let Some(section) = &universal.mqtt {
            self.mqtt(section, &at.key("mqtt"));
        }
        if let Some(web) = &universal.web {
            self.web(web, &at.key("web"));
        }
    }

    fn web(&mut self, web: &Web, at: &Path) {
        for (path, service) in &web.paths {
            self.service(service, &at.key("paths").key(path));
        }
    }

    fn service(&mut self, service: &PathService, at: &Path) {
        let kind = at.key("type");
        match service {
            PathService::Static(_)
            | PathService::Wap(_)
            | PathService::Json(_)
            | PathService::Redirect(_)
            | PathService::Nodeinfo(_)
            | PathService::None(_)
            | PathService::Cgi(_)
            | PathService::Archive(_)
            | PathService::Reverseproxy(_)
            | PathService::WebsocketReverseproxy(_)
            | PathService::WebsocketTestee(_)
            | PathService::Publisher(_)
            | PathService::Caller(_)
            | PathService::Webhook(_) => {}
            PathService::Longpoll(service) => {
                let message = "a session by long-polling is of one process, and the next request may get to another: this is \
                               not built for more than one process; let a worker of its own have it";
                self.missing_if(self.has_several, kind, message);
                self.wamp(service.serializers.as_deref(), service.auth.as_ref(), at);
            }
            PathService::Wsgi(_) | PathService::Resource(_) => self.python(kind),
            PathService::Upload(upload) => self.upload(upload, at),
            PathService::Path(nested) => {
                for (path, service) in &nested.paths {
                    self.service(service, &at.key("paths").key(path));
                }
            }
            PathService::Websocket(section) => self.websocket(section, at),
            PathService::Catalog(_) => {
                self.missing(kind, "pages of a catalog of WAMP APIs are not built: they need a reader of FlatBuffers' schemas");
            }
        }
    }

    fn upload(&mut self, upload: &UploadService, at: &Path) {
        for (key, given) in [("realm", upload.realm.is_some()), ("role", upload.role.is_some())] {
            if given && upload.form_fields.on_progress.is_none() {
                let message = "has no effect: progress is not published without \"on_progress\"";
                self.found.push((Severity::Warning, at.key(key), message.into()));
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
