//! What is told, by which names.

use super::families::{Families, Histogram, Labels};
use jackfield_shared::status::{BackendState, Endpoint, LATENCY_BOUNDS, NodeState, Realm, Status, Web};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;

/// The status as metrics.
///
/// # Errors
/// None that a text has.
pub(super) fn render(status: &Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("jackfield");
    registry.register_collector(Box::new(Snapshot(status.clone())));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Snapshot(Status);

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        let status = &self.0;
        node(&mut families, status)?;
        processes(&mut families, status)?;
        endpoints(&mut families, &status.endpoints)?;
        web(&mut families, &status.web)?;
        backends(&mut families, status)?;
        wamp(&mut families, &status.realms)
    }
}

fn node(families: &mut Families<'_>, status: &Status) -> fmt::Result {
    let node = &status.node;
    let labels = || vec![("id", &*node.id), ("version", &*node.version)];
    let one = |value| [(labels(), value)];
    let ready = f64::from(u8::from(node.state == NodeState::Ready));
    families.gauge(("node_ready", None, "Whether the node serves (1) or not (0)."), one(ready))?;
    let help = "Since the controller started.";
    families.gauge(("node_uptime", Some(Unit::Seconds), help), one(node.uptime_s))?;
    let reloads = node.generation.saturating_sub(1) as f64;
    families
        .counter(("node_reloads", None, "Configurations put into effect after the first."), one(reloads))?;
    let help = "Log records lost because something was too slow to take them.";
    families.counter(("log_records_dropped", None, help), one(status.logs.dropped as f64))?;
    let names: Vec<_> = status.certificates.iter().map(|c| c.names.join(" ")).collect();
    let certificates = status.certificates.iter().zip(&names).map(|(certificate, names)| {
        let labels = vec![
            ("worker", &*certificate.worker),
            ("transport", &*certificate.transport),
            ("names", &**names),
            ("file", &*certificate.file),
        ];
        (labels, certificate.not_after as f64)
    });
    let help = "When a certificate expires, in seconds since 1970.";
    families.gauge(("certificate_not_after_timestamp", Some(Unit::Seconds), help), certificates)?;
    let acme = status.acme.iter().map(|acme| {
        let domain = acme.domains.first().map_or("", |domain| &**domain);
        (vec![("domain", domain)], f64::from(acme.failures))
    });
    families
        .gauge(("acme_failures", None, "Orders of a certificate that failed since the last success."), acme)
}

fn processes(families: &mut Families<'_>, status: &Status) -> fmt::Result {
    let mut states = BTreeMap::<_, u32>::new();
    let mut restarts = BTreeMap::<_, BTreeMap<u16, u64>>::new();
    let mut running = Vec::new();
    for worker in &status.workers {
        for process in &worker.processes {
            *states.entry((&*worker.id, process.state.name())).or_default() += 1;
            // One slot may have several processes for a while, each with the slot's restarts.
            restarts.entry(&*worker.id).or_default().insert(process.index, process.restarts);
            if let Some(pid) = process.pid {
                running.push((&*worker.id, process.index.to_string(), pid.to_string(), process));
            }
        }
    }
    let states = states
        .iter()
        .map(|((worker, state), count)| (vec![("worker", *worker), ("state", *state)], f64::from(*count)));
    families.gauge(("processes", None, "Processes of workers, by state."), states)?;
    let restarts = restarts
        .iter()
        .map(|(worker, slots)| (vec![("worker", *worker)], slots.values().sum::<u64>() as f64));
    let help = "How often processes were started again after they had ended by themselves.";
    families.counter(("process_restarts", None, help), restarts)?;
    let of = |value: fn(&jackfield_shared::status::Process) -> f64| {
        running.iter().map(move |(worker, index, pid, process)| {
            (vec![("worker", *worker), ("process", &**index), ("pid", &**pid)], value(process))
        })
    };
    let memory = of(|process| process.rss_bytes as f64);
    families.gauge(("process_resident_memory", Some(Unit::Bytes), "Resident memory."), memory)?;
    let help = "Processor time, user and system.";
    families.counter(("process_cpu", Some(Unit::Seconds), help), of(|process| process.cpu_s))
}

fn endpoints(families: &mut Families<'_>, endpoints: &[Endpoint]) -> fmt::Result {
    let of = |value: fn(&Endpoint) -> u64| {
        endpoints.iter().map(move |endpoint| {
            let labels = vec![
                ("worker", &*endpoint.worker),
                ("transport", &*endpoint.transport),
                ("address", &*endpoint.address),
            ];
            (labels, value(endpoint) as f64)
        })
    };
    families.gauge(("connections_open", None, "Connections that are open."), of(|e| e.connections.open))?;
    let help = "Connections so far.";
    families.counter(("connections_accepted", None, help), of(|e| e.connections.accepted))?;
    let help = "Connections closed at once because there were too many.";
    families.counter(("connections_refused", None, help), of(|e| e.connections.refused))?;
    let help = "Connections that failed before a request: by TLS, the PROXY protocol, or what is no HTTP.";
    families.counter(("connections_failed", None, help), of(|e| e.connections.failed))
}

fn place(web: &Web) -> Labels<'_> {
    vec![
        ("worker", &*web.worker),
        ("transport", &*web.transport),
        ("host", &*web.host),
        ("path", &*web.path),
        ("service", &*web.service),
    ]
}

fn web(families: &mut Families<'_>, all: &[Web]) -> fmt::Result {
    let statuses: Vec<_> = all
        .iter()
        .flat_map(|web| web.requests.iter().map(move |(status, count)| (web, status.to_string(), *count)))
        .collect();
    let requests = statuses.iter().map(|(web, status, count)| {
        let mut labels = place(web);
        labels.push(("status", status));
        (labels, *count as f64)
    });
    families.counter(("http_requests", None, "Requests answered, by the answer's status."), requests)?;
    let of = |value: fn(&Web) -> u64| all.iter().map(move |web| (place(web), value(web) as f64));
    let help = "The content of requests.";
    families.counter(("http_request_content", Some(Unit::Bytes), help), of(|web| web.received_bytes))?;
    let help = "The content of answers.";
    families.counter(("http_response_content", Some(Unit::Bytes), help), of(|web| web.sent_bytes))?;
    let seconds = |us: u64| us as f64 / 1e6;
    let histograms = all.iter().map(|web| {
        let bounds = LATENCY_BOUNDS.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
        let buckets = bounds.zip(web.latency.buckets.iter().copied()).collect();
        (place(web), Histogram { sum: seconds(web.latency.sum_us), buckets })
    });
    let help = "From the end of a request's head to the end of the answer.";
    families.histogram(("http_request_duration", Some(Unit::Seconds), help), histograms)
}

fn backends(families: &mut Families<'_>, status: &Status) -> fmt::Result {
    let of = |value: fn(&jackfield_shared::status::Backend) -> u64| {
        status.backends.iter().map(move |backend| {
            let labels = vec![
                ("worker", &*backend.worker),
                ("transport", &*backend.transport),
                ("host", &*backend.host),
                ("path", &*backend.path),
                ("address", &*backend.address),
            ];
            (labels, value(backend) as f64)
        })
    };
    let help = "Whether a backend is asked (1) or only if no other is left (0).";
    families.gauge(("backend_up", None, help), of(|b| u64::from(b.state == BackendState::Up)))?;
    let help = "Connections, or requests, that are open to a backend.";
    families.gauge(("backend_open", None, help), of(|b| b.open))?;
    let help = "Connections, or requests, to a backend so far.";
    families.counter(("backend_requests", None, help), of(|b| b.requests))?;
    families.counter(("backend_errors", None, "Those that failed for its sake."), of(|b| b.errors))
}

fn wamp(families: &mut Families<'_>, realms: &[Realm]) -> fmt::Result {
    let of = |value: fn(&Realm) -> u64| {
        realms.iter().map(move |realm| {
            (vec![("worker", &*realm.worker), ("realm", &*realm.told.name)], value(realm) as f64)
        })
    };
    families.gauge(("wamp_sessions", None, "Sessions."), of(|r| r.told.sessions))?;
    families.gauge(("wamp_subscriptions", None, "Subscriptions."), of(|r| r.told.subscriptions))?;
    families.gauge(("wamp_registrations", None, "Registrations."), of(|r| r.told.registrations))?;
    families.gauge(("wamp_calls", None, "Calls that are not answered yet."), of(|r| r.told.calls))?;
    let help = "What waits for clients.";
    families.gauge(("wamp_queued", Some(Unit::Bytes), help), of(|r| r.told.queued_bytes))?;
    families.counter(("wamp_messages", None, "Messages of clients."), of(|r| r.told.messages))?;
    families.counter(("wamp_events", None, "Events to clients."), of(|r| r.told.events))?;
    let help = "Events whose clients did not take them.";
    families.counter(("wamp_events_dropped", None, help), of(|r| r.told.events_dropped))?;
    let help = "Results that came after their calls had ended.";
    families.counter(("wamp_results_dropped", None, help), of(|r| r.told.results_dropped))?;
    let help = "How often another process has taken over a realm.";
    families.counter(("wamp_takeovers", None, help), of(|r| r.told.takeovers))
}
