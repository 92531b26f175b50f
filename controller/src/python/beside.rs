//! What is Python beside a router: taken out of its configuration, and given to a host of its own.

use super::Wrong;
use super::around::Around;
use super::host::guest;
use super::order::{Authenticators, Order, component_beside, private, trusted};
use super::package::resource;
use super::wait::AUTHENTICATOR_WAIT;
use super::walk::{each_auth, each_service};
use jackfield_shared::config::{
    self, AnonymousAuth, AnonymousStatic, Auth, Balance, ConnectingEndpoint, ConnectingTransport, Container,
    ContainerClass, ContainerComponent, ContainerOptions, CryptosignAuth, DEFAULT_HANDSHAKE_TIMEOUT,
    DEFAULT_MAX_CONNECTIONS, DynamicAuth, FailedLogins, FunctionAuth, GuestSocket, Limits, ListeningEndpoint,
    NativeOptions, PackageResource, PathService, Processes, Queue, RawsocketConnecting, RawsocketOptions,
    RawsocketServing, RawsocketTransport, RawsocketWamp, Realm, RealmOptions, RetryBudget, Reverseproxy,
    ScramAuth, Serializer, Templates, TicketAuth, TlsAuth, Transport, TransportKind, UnixConnecting,
    UnixListening, WampcraAuth, Worker, WorkerCommon, WorkerKind,
};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The realm in which authenticators that are functions are registered.
const REALM: &str = "jackfield.authenticators";
/// The role in it, which may do everything.
const TRUSTED: &str = "trusted";
/// The longest time that a request may take there.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A host beside a router: a worker, and the guest that it is.
#[derive(Debug)]
pub(crate) struct Beside {
    /// The worker.
    pub worker: Worker,
    /// What runs in it.
    pub guest: config::Guest,
}

/// Takes what is Python out of a router's configuration, and gives it to a host, if there is something.
///
/// # Errors
/// When there is no interpreter for it, or another user can't reach the sockets.
pub(crate) fn separate(
    worker: &mut Worker,
    around: &Around,
    base: &Path,
    run: &Path,
) -> Result<Option<Beside>, Wrong> {
    let id = worker.id.clone();
    let WorkerKind::Router(router) = &mut worker.kind else { return Ok(None) };
    let socket = run.join(format!("python-{}.sock", id.replace('/', "_")));
    let private_transport = private(&socket, &id);
    let mut authenticators = Vec::new();
    let (mut services, mut listen, mut missing) = (Vec::new(), Vec::new(), None);
    let python = (router.options.python.as_deref(), router.options.pythonpath.as_slice());
    for transport in &mut router.transports {
        each_auth(transport, &mut |auth| take_functions(auth, &mut authenticators));
        each_service(transport, &mut |path, service| {
            if let Err(reason) = find_resources(service, python, base) {
                missing.get_or_insert(format!("path \"{path}\": {reason}"));
            }
            let number = services.len();
            let Some(order) = service_order(path, service, number) else { return };
            let at = run.join(format!("python-{}-{number}.sock", id.replace('/', "_")));
            *service = PathService::Reverseproxy(behind(at.clone(), path));
            services.push(order);
            listen.push(GuestSocket { name: format!("service{number}"), endpoint: only_ours(at) });
        });
    }
    if let Some(missing) = missing {
        return Err(("transports", missing));
    }
    let components: Vec<_> = router
        .components
        .iter()
        .enumerate()
        .map(|(index, component)| component_beside(component, index, &private_transport))
        .collect();
    if components.is_empty() && authenticators.is_empty() && services.is_empty() {
        return Ok(None);
    }
    if worker.common.user.is_some() {
        let reason = "components, authenticators and web services in Python can't run beside a router of another user \
                      yet: nobody else may enter the runtime directory, where their sockets are; a container can"
            .to_owned();
        return Err(("user", reason));
    }
    let connects = !components.is_empty() || !authenticators.is_empty();
    if connects {
        router.transports.push(entrance(&socket, &router.transports));
    }
    if !authenticators.is_empty() {
        router.realms.push(realm());
    }
    let exposes = authenticators.iter().any(|one| one["expose_controller"] == true);
    let authenticators = (!authenticators.is_empty()).then(|| {
        let session = json!({"id": "authenticators", "type": "class", "realm": REALM});
        Authenticators { list: authenticators, session: trusted(session, TRUSTED, &private_transport) }
    });
    let authorizers = around.authorizers.clone();
    let order = Order { components, authenticators, services, authorizers, shutdown: None, restart: None };
    let options = router.options.clone();
    // By it the controller knows that the host may stop the node.
    let native = NativeOptions { expose_controller: options.expose_controller || exposes, ..options.clone() };
    let host = Worker {
        id: around.id_beside(&id),
        common: common(&worker.common),
        kind: WorkerKind::Container(stand_in(native, connects.then_some(socket))),
    };
    let options = NativeOptions { title: None, ..options };
    let guest = guest(&host.id, (&host.common, &options), order, listen, base)?;
    Ok(Some(Beside { worker: host, guest }))
}

/// How the host lives: as its router, but that there is one of it and that the router's limits are the router's.
fn common(router: &WorkerCommon) -> WorkerCommon {
    WorkerCommon {
        processes: Processes::Count(1),
        after: Vec::new(),
        limits: Limits::default(),
        ..router.clone()
    }
}

/// The container that says where the host connects to, by which the order of stopping is known.
fn stand_in(native: NativeOptions, socket: Option<PathBuf>) -> Container {
    let to = |path| {
        ConnectingTransport::Rawsocket(RawsocketConnecting {
            endpoint: connecting(path),
            serializer: Serializer::Cbor,
            url: None,
            options: RawsocketOptions::default(),
            debug: false,
        })
    };
    let component = |path| {
        let (classname, realm) = (String::new(), String::new());
        ContainerComponent::Class(ContainerClass {
            id: None,
            classname,
            realm,
            transport: to(path),
            extra: None,
        })
    };
    let options = ContainerOptions { native, ..ContainerOptions::default() };
    Container { options, components: socket.map(component).into_iter().collect(), manhole: None }
}

/// A socket that nobody else can connect to.
fn only_ours(path: PathBuf) -> ListeningEndpoint {
    ListeningEndpoint::Unix(UnixListening { mode: 0o600, ..UnixListening::at(path) })
}

fn connecting(path: PathBuf) -> ConnectingEndpoint {
    let timeout = Duration::from_secs(10);
    ConnectingEndpoint::Unix(UnixConnecting { path, timeout, proxy_protocol: None, tls: None })
}

/// Where the host's components come in. Whoever can open the socket says which role it has.
fn entrance(path: &Path, others: &[Transport]) -> Transport {
    let names = (1..).map(|number| if number == 1 { "python".to_owned() } else { format!("python{number}") });
    let is_free = |name: &String| others.iter().all(|other| other.id != *name);
    let said_by_the_host =
        AnonymousAuth::Static(AnonymousStatic { realm: None, role: "anonymous".into(), authid: None });
    let wamp = RawsocketWamp {
        serializers: None,
        debug: false,
        options: RawsocketServing::default(),
        auth: Some(Auth { anonymous_proxy: Some(said_by_the_host), ..no_auth() }),
        queue: Queue::default(),
    };
    let handshake_timeout = DEFAULT_HANDSHAKE_TIMEOUT;
    Transport {
        id: names.into_iter().find(is_free).unwrap_or_default(),
        endpoint: only_ours(path.into()),
        max_connections: DEFAULT_MAX_CONNECTIONS,
        kind: TransportKind::Rawsocket(RawsocketTransport { wamp, handshake_timeout }),
    }
}

fn no_auth() -> Auth {
    Auth {
        anonymous: None,
        ticket: None,
        wampcra: None,
        scram: None,
        cryptosign: None,
        tls: None,
        cookie: None,
        cryptosign_proxy: None,
        anonymous_proxy: None,
        failed_logins: FailedLogins::default(),
    }
}

fn realm() -> Realm {
    Realm {
        name: Some(REALM.into()),
        id: None,
        roles: Vec::new(),
        options: RealmOptions { authenticator_wait: Some(AUTHENTICATOR_WAIT), ..RealmOptions::default() },
        store: None,
        rlinks: Vec::new(),
        inventory: None,
    }
}

/// Replaces functions by procedures, which the host registers.
fn take_functions(auth: &mut Auth, found: &mut Vec<Json>) {
    let mut take = |function: &FunctionAuth| {
        let procedure = format!("{REALM}.{}", found.len());
        found.push(json!({
            "procedure": procedure,
            "create": function.create,
            "config": function.config.clone().unwrap_or_else(|| json!({})),
            "expose_controller": function.expose_controller,
        }));
        DynamicAuth { authenticator: procedure, realm: Some(REALM.into()), role: Some(TRUSTED.into()) }
    };
    if let Some(TicketAuth::Function(function)) = &auth.ticket {
        auth.ticket = Some(TicketAuth::Dynamic(take(function)));
    }
    if let Some(WampcraAuth::Function(function)) = &auth.wampcra {
        auth.wampcra = Some(WampcraAuth::Dynamic(take(function)));
    }
    if let Some(ScramAuth::Function(function)) = &auth.scram {
        auth.scram = Some(ScramAuth::Dynamic(take(function)));
    }
    for method in [&mut auth.cryptosign, &mut auth.cryptosign_proxy] {
        if let Some(CryptosignAuth::Function(function)) = method {
            *method = Some(CryptosignAuth::Dynamic(take(function)));
        }
    }
    if let Some(TlsAuth::Function(function)) = &auth.tls {
        auth.tls = Some(TlsAuth::Dynamic(take(function)));
    }
}

/// Puts directories in the place of a package's resources.
fn find_resources(
    service: &mut PathService,
    python: (Option<&str>, &[PathBuf]),
    base: &Path,
) -> Result<(), String> {
    match service {
        PathService::Static(files) => {
            if let (Some(package), Some(name)) = (&files.package, &files.resource) {
                files.directory = Some(resource((package, name), python, base)?);
                (files.package, files.resource) = (None, None);
            }
        }
        PathService::Wap(wap) => {
            if let Templates::Package(PackageResource { package, resource: name }) = &wap.templates {
                wap.templates = Templates::Directory(resource((package, name), python, base)?);
            }
        }
        _ => {}
    }
    Ok(())
}

/// What the host is to serve in place of a path service, if that is Python.
fn service_order(path: &str, service: &PathService, number: usize) -> Option<Json> {
    let mut order = match service {
        PathService::Wsgi(wsgi) => json!({
            "type": "wsgi",
            "module": wsgi.module,
            "object": wsgi.object,
            "minthreads": wsgi.minthreads,
            "maxthreads": wsgi.maxthreads,
        }),
        PathService::Resource(resource) => {
            json!({"type": "resource", "classname": resource.classname, "extra": resource.extra})
        }
        _ => return None,
    };
    order["path"] = json!(path);
    order["socket"] = json!(format!("service{number}"));
    Some(order)
}

/// The reverse proxy that takes a service's place: the application sees the whole path, and the host that was asked for.
fn behind(socket: PathBuf, path: &str) -> Reverseproxy {
    Reverseproxy {
        backends: vec![connecting(socket).into()],
        balance: Balance::LeastConnections,
        health: None,
        retry_budget: RetryBudget::default(),
        sticky: None,
        path: path.trim_end_matches('/').into(),
        http2: false,
        preserve_host: true,
        timeout: TIMEOUT,
        idle_timeout: Duration::ZERO,
        forwarded_port: None,
        forwarded_proto: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::{Format, Router, parse};

    fn worker(mut router: Json) -> Worker {
        router["type"] = json!("router");
        // Any program is an interpreter, as far as it is looked for.
        router["options"] = json!({"python": "sh"});
        let text = json!({"workers": [router]}).to_string();
        let loaded =
            parse(&text, Format::Json, "config.json", Path::new("/node"), &|name| std::env::var(name).ok());
        assert!(loaded.is_valid(), "{:?}", loaded.diagnostics);
        loaded.node.unwrap().workers.remove(0)
    }

    fn separated(mut worker: Worker) -> (Router, Option<Beside>) {
        let beside =
            separate(&mut worker, &Around::default(), Path::new("/node"), Path::new("/node/run")).unwrap();
        let WorkerKind::Router(router) = worker.kind else { panic!("no router") };
        (router, beside)
    }

    fn order(beside: &Beside) -> Json {
        match &beside.guest.options.stdin {
            config::Stdin::Value(value) => value.value.clone(),
            config::Stdin::Close => panic!("a host without an order"),
        }
    }

    fn web(paths: &Json) -> Json {
        json!([{"type": "web", "endpoint": {"type": "tcp", "port": 8080}, "paths": paths}])
    }

    #[test]
    fn a_router_without_python_is_left_alone() {
        let (router, beside) =
            separated(worker(json!({"transports": web(&json!({"/": {"type": "nodeinfo"}}))})));
        assert!(beside.is_none());
        assert_eq!(router.transports.len(), 1);
    }

    #[test]
    fn a_host_is_named_like_nobody_else() {
        let component = json!({"type": "class", "classname": "a.B", "realm": "r"});
        let ids = ["worker001-python".to_owned(), "worker001-python2".to_owned()].into();
        let around = Around { ids, ..Around::default() };
        let (node, run) = (Path::new("/node"), Path::new("/node/run"));
        let beside = separate(&mut worker(json!({"components": [component]})), &around, node, run).unwrap();
        assert_eq!(beside.unwrap().worker.id, "worker001-python3");
    }

    #[test]
    fn components_come_in_by_a_socket_that_nobody_else_can_open_with_their_roles() {
        let component = json!({"type": "class", "classname": "a.B", "realm": "r", "role": "backend"});
        let (router, beside) = separated(worker(json!({"components": [component]})));
        let beside = beside.unwrap();
        assert_eq!(beside.worker.id, "worker001-python");
        let entrance = router.transports.last().unwrap();
        let ListeningEndpoint::Unix(unix) = &entrance.endpoint else { panic!("{entrance:?}") };
        assert_eq!((unix.path.to_str(), unix.mode), (Some("/node/run/python-worker001.sock"), 0o600));
        let component = &order(&beside)["components"][0];
        assert_eq!(component["role"], "backend");
        assert_eq!(component["transport"]["endpoint"]["path"], "/node/run/python-worker001.sock");
        let endpoints = config::endpoints(&beside.worker, &config::Path::default());
        assert_eq!(endpoints.len(), 1, "where it connects to, by which it stops before its router");
    }

    #[test]
    fn functions_become_procedures_and_applications_are_behind_a_proxy() {
        let function = json!({"type": "function", "create": "a.make", "config": {"x": 1}});
        let paths = json!({
            "ws": {"type": "websocket", "auth": {"ticket": function, "cryptosign": function}},
            "below": {"type": "path", "paths": {"app": {"type": "wsgi", "module": "m", "object": "o"}}},
            "/": {"type": "resource", "classname": "a.Page"},
        });
        let (router, beside) = separated(worker(json!({"transports": web(&paths)})));
        let beside = beside.unwrap();
        let order = order(&beside);
        let procedures: Vec<_> =
            order["authenticators"].as_array().unwrap().iter().map(|one| &one["procedure"]).collect();
        assert_eq!(procedures, ["jackfield.authenticators.0", "jackfield.authenticators.1"]);
        assert_eq!(router.realms.last().unwrap().name.as_deref(), Some(REALM));
        let places: Vec<_> = order["services"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
        assert_eq!(places, ["/", "/below/app"]);
        assert_eq!(beside.guest.listen.len(), 2);
        let mut python = 0;
        for transport in &router.transports {
            for (_, service) in transport.services(&config::Path::default()) {
                python += usize::from(matches!(service, PathService::Wsgi(_) | PathService::Resource(_)));
            }
        }
        assert_eq!(python, 0);
    }

    #[test]
    fn another_user_is_an_error_that_names_the_way_out() {
        let component = json!({"type": "class", "classname": "a.B", "realm": "r"});
        let mut worker = worker(json!({"components": [component], "user": "nobody"}));
        let (key, reason) =
            separate(&mut worker, &Around::default(), Path::new("/node"), Path::new("/node/run"))
                .unwrap_err();
        assert!(key == "user" && reason.contains("a container can"), "{reason}");
    }
}
