//! The status page of the node.

use super::page::{Escaped, page};
use crate::offers::{Offer, Offers, Trial};
use jackfield_shared::status::{Endpoint, EndpointState, Process, State, Status, Worker};
use std::fmt::{self, Display, Write};

/// Keeps the page up to date: by itself where there are scripts, by loading it again where there are none.
const HEAD: &str = concat!(
    "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n<script>\n",
    include_str!("status.js"),
    "</script>\n"
);

/// The page.
pub(crate) fn status(status: &Status, offers: &Offers) -> String {
    let title = format!("{} · Jackfield", status.node.id);
    let main = Main { status, offers };
    match &offers.trial {
        None => page(&title, HEAD, &main.to_string()),
        Some(Trial { path, realm }) => {
            let (path, realm) = (Escaped(path), Escaped(realm));
            let section = format!(
                "<section id=\"wamp\" data-path=\"{path}\" data-realm=\"{realm}\">\n<h2>Try WAMP</h2>\n\
                 <p class=\"quiet\">Open this page twice: what one publishes all hear, and a call is answered by one of \
                 them, in turn. <span data-is=\"state\">connecting</span></p>\n\
                 <p>Here now: <span data-is=\"here\">…</span></p>\n\
                 <form data-is=\"publish\"><input data-is=\"text\" aria-label=\"text to publish\" maxlength=\"200\" \
                 placeholder=\"Say something to everybody\"> <button>Publish</button> \
                 <button type=\"button\" data-is=\"call\">Call</button></form>\n\
                 <ul data-is=\"heard\"></ul>\n</section>\n"
            );
            page(&title, &[HEAD, TRIAL].concat(), &format!("{main}{section}"))
        }
    }
}

/// Lets people try WAMP from the page.
const TRIAL: &str = concat!("<script>\n", include_str!("wamp.js"), "</script>\n");

struct Main<'a> {
    status: &'a Status,
    offers: &'a Offers,
}

impl Display for Main<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { node, workers, endpoints, logs, realms, connections, .. } = self.status;
        writeln!(f, "<main>\n<h1>{}</h1>\n<dl class=\"facts\">", Escaped(&node.id))?;
        fact(f, "Jackfield", &node.version)?;
        fact(f, "pid", node.pid)?;
        fact(f, "up", Time(node.uptime_s))?;
        if !node.config.is_empty() {
            fact(f, "configuration", &node.config)?;
        }
        fact(f, "generation", node.generation)?;
        if logs.dropped > 0 {
            fact(f, "log records lost", logs.dropped)?;
        }
        f.write_str("</dl>\n<h2>Endpoints</h2>\n<div class=\"panel\"><table>\n<thead><tr><th>address</th><th>state</th>\
            <th class=\"number\">open</th><th class=\"number\">accepted</th><th class=\"number\">refused</th></tr></thead>\n<tbody>\n")?;
        for endpoint in endpoints {
            self.endpoint(f, endpoint)?;
        }
        f.write_str("</tbody></table></div>\n<h2>Workers</h2>\n<div class=\"panel\"><table>\n<thead><tr><th>process</th>\
            <th>state</th><th class=\"number\">pid</th><th class=\"number\">connections</th><th class=\"number\">memory</th>\
            <th class=\"number\">CPU</th><th class=\"number\">up</th><th class=\"number\">restarts</th></tr></thead>\n<tbody>\n")?;
        for worker in workers {
            for process in &worker.processes {
                self.process(f, worker, process)?;
            }
        }
        f.write_str("</tbody></table></div>\n")?;
        if !realms.is_empty() {
            f.write_str(
                "<h2>Realms</h2>\n<div class=\"panel\"><table>\n<thead><tr><th>realm</th>\
                <th class=\"number\">sessions</th><th class=\"number\">subscriptions</th>\
                <th class=\"number\">registrations</th><th class=\"number\">calls</th>\
                <th class=\"number\">messages</th><th class=\"number\">events</th></tr></thead>\n<tbody>\n",
            )?;
            for realm in realms {
                let (name, worker) = (Escaped(&realm.told.name), Escaped(&realm.worker));
                write!(f, "<tr><td class=\"address\">{name} <span class=\"quiet\">{worker}</span></td>")?;
                number(f, "sessions", realm.told.sessions)?;
                number(f, "subscriptions", realm.told.subscriptions)?;
                number(f, "registrations", realm.told.registrations)?;
                number(f, "calls", realm.told.calls)?;
                number(f, "messages", realm.told.messages)?;
                number(f, "events", realm.told.events)?;
                f.write_str("</tr>\n")?;
            }
            f.write_str("</tbody></table></div>\n")?;
        }
        if !connections.is_empty() {
            f.write_str(
                "<h2>Connections to routers</h2>\n<div class=\"panel\"><table>\n<thead><tr><th>connection</th>\
                <th class=\"number\">sessions</th><th class=\"number\">joined</th><th class=\"number\">failed</th></tr></thead>\n\
                <tbody>\n",
            )?;
            for connection in connections {
                let (name, worker) = (Escaped(&connection.told.name), Escaped(&connection.worker));
                write!(f, "<tr><td class=\"address\">{name} <span class=\"quiet\">{worker}</span></td>")?;
                number(f, "sessions", connection.told.sessions)?;
                number(f, "joined", connection.told.joined)?;
                number(f, "failed", connection.told.failed)?;
                f.write_str("</tr>\n")?;
            }
            f.write_str("</tbody></table></div>\n")?;
        }
        f.write_str("</main>\n")
    }
}

impl Main<'_> {
    fn endpoint(&self, f: &mut fmt::Formatter<'_>, endpoint: &Endpoint) -> fmt::Result {
        let Endpoint { worker, transport, kind, address, onion, state, connections, .. } = endpoint;
        write!(f, "<tr><td class=\"address\"><code>{}</code>", Escaped(address))?;
        if let Some(onion) = onion {
            write!(f, "<br><code>{}</code>", Escaped(onion))?;
        }
        f.write_str("<div class=\"quiet\">")?;
        match self.offers.get(worker, transport) {
            Some(offers) => {
                for (i, offer) in offers.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    write_offer(f, offer, address, endpoint.tls)?;
                }
            }
            None => write!(f, "{}", Escaped(kind))?,
        }
        let class = match state {
            EndpointState::Bound | EndpointState::Published => "good",
            EndpointState::Publishing => "busy",
            EndpointState::Degraded | EndpointState::Failed => "bad",
        };
        write!(
            f,
            "</div></td><td class=\"{class}\" data-label=\"state\"><span class=\"state\">{state}</span>"
        )?;
        if let Some(reason) = &endpoint.reason {
            write!(f, "<div>{}</div>", Escaped(reason))?;
        }
        f.write_str("</td>")?;
        number(f, "open", connections.open)?;
        number(f, "accepted", connections.accepted)?;
        number(f, "refused", connections.refused)?;
        f.write_str("</tr>\n")
    }

    fn process(&self, f: &mut fmt::Formatter<'_>, worker: &Worker, process: &Process) -> fmt::Result {
        write!(
            f,
            "<tr><td class=\"address\">{} <span class=\"quiet\">{}</span>",
            Escaped(&worker.id),
            process.place()
        )?;
        if process.index == 0 {
            write!(f, "<div class=\"quiet\">{}</div>", Escaped(&worker.kind))?;
        }
        if let (true, Some(reason)) = (process.state != State::Ready, &worker.reason) {
            write!(f, "<div class=\"bad\">{}</div>", Escaped(reason))?;
        }
        if let Some(exit) = &process.last_exit {
            write!(f, "<div class=\"quiet\">before: {}</div>", Escaped(exit))?;
        }
        let class = match process.state {
            State::Ready => "good",
            State::Starting | State::Draining | State::Backoff => "busy",
            State::Failed => "bad",
            State::Stopped => "quiet",
        };
        let state = process.state;
        write!(
            f,
            "</td><td class=\"{class}\" data-label=\"state\"><span class=\"state\">{state}</span></td>"
        )?;
        match process.pid {
            Some(pid) => number(f, "pid", pid)?,
            None => number(f, "pid", "–")?,
        }
        number(f, "connections", process.connections)?;
        number(f, "memory", Size(process.rss_bytes))?;
        number(f, "CPU", format_args!("{:.1} s", process.cpu_s))?;
        number(f, "up", Time(process.uptime_s))?;
        number(f, "restarts", process.restarts)?;
        f.write_str("</tr>\n")
    }
}

fn fact(f: &mut fmt::Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value))
}

fn number(f: &mut fmt::Formatter<'_>, label: &str, value: impl Display) -> fmt::Result {
    write!(f, "<td class=\"number\" data-label=\"{label}\">{value}</td>")
}

/// A link, where a browser can go there: not to an address that stands for many.
fn write_offer(f: &mut fmt::Formatter<'_>, offer: &Offer, address: &str, tls: bool) -> fmt::Result {
    f.write_str(&Escaped(&offer.what).to_string())?;
    let Some(path) = &offer.path else { return Ok(()) };
    let host = address
        .strip_prefix("tcp://")
        .filter(|host| !host.starts_with("0.0.0.0") && !host.starts_with("[::]"));
    f.write_char(' ')?;
    match host {
        Some(host) => {
            write!(
                f,
                "<a href=\"{}://{}{}\"><code>{}</code></a>",
                if tls { "https" } else { "http" },
                Escaped(host),
                Escaped(path),
                Escaped(path)
            )
        }
        None => write!(f, "<code>{}</code>", Escaped(path)),
    }
}

/// A time in seconds, as people say it.
struct Time(f64);

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.max(0.0) as u64;
        match (s / 86400, s / 3600 % 24, s / 60 % 60, s % 60) {
            (0, 0, 0, s) => write!(f, "{s} s"),
            (0, 0, min, s) => write!(f, "{min} min {s} s"),
            (0, h, min, _) => write!(f, "{h} h {min} min"),
            (d, h, _, _) => write!(f, "{d} d {h} h"),
        }
    }
}

/// A size in bytes, as people say it.
struct Size(u64);

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        match self.0 {
            0 => f.write_str("–"),
            bytes if bytes < 10 * MIB => write!(f, "{:.1} MiB", bytes as f64 / MIB as f64),
            bytes => write!(f, "{} MiB", bytes / MIB),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::status::{Connections, Exit, Listener, Logs, Node, NodeState};

    fn sample() -> Status {
        let exit = Exit {
            code: None,
            signal: Some("SIGKILL".into()),
            oom: true,
            at: 0.0,
            uptime_s: 0.0,
            peak_rss_bytes: 0,
            stderr: vec![],
        };
        let process = Process {
            index: 0,
            pid: Some(4711),
            status: None,
            state: State::Backoff,
            generation: 1,
            uptime_s: 3723.0,
            restarts: 3,
            rss_bytes: 7 << 20,
            cpu_s: 1.25,
            connections: 5,
            last_exit: Some(exit),
            role: None,
            realms: vec![],
        };
        let node = Node {
            id: "<b>node</b>".into(),
            pid: 1,
            version: "0.1.0".into(),
            dir: "/".into(),
            config: "built-in".into(),
            uptime_s: 90061.0,
            generation: 2,
            state: NodeState::Ready,
        };
        Status {
            workers: vec![Worker {
                log_level: None,
                id: "worker001".into(),
                kind: "router".into(),
                state: State::Backoff,
                reason: Some("because <of> it".into()),
                processes: vec![process],
            }],
            endpoints: vec![Endpoint {
                worker: "worker001".into(),
                transport: "transport001".into(),
                kind: "universal".into(),
                address: "tcp://127.0.0.1:8080".into(),
                onion: None,
                state: EndpointState::Bound,
                reason: Some("be<cause>".into()),
                shared: true,
                tls: false,
                listeners: vec![Listener { inode: 1, process: Some(0) }],
                connections: Connections { open: 5, accepted: 77, refused: 2, failed: 0 },
            }],
            logs: Logs { dropped: 9, sinks: vec![] },
            ..Status::of(node)
        }
    }

    #[test]
    fn everything_is_shown_and_nothing_is_markup() {
        let page = status(&sample(), &Offers::default());
        for text in [
            "&lt;b&gt;node&lt;/b&gt;",
            "1 d 1 h",
            "built-in",
            "4711",
            "backoff",
            "because &lt;of&gt; it",
            "be&lt;cause&gt;",
            "killed by SIGKILL (out of memory)",
            "1 h 2 min",
            "7.0 MiB",
            ">77<",
            "log records lost",
            "universal",
            "tcp://127.0.0.1:8080",
            "http-equiv=\"refresh\"",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        assert!(!page.contains("<b>"));
    }

    #[test]
    fn offers_are_links_where_a_browser_can_go() {
        struct Show<'a>(&'a str, bool);
        impl Display for Show<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_offer(f, &Offer { what: "JSON".into(), path: Some("/a".into()) }, self.0, self.1)
            }
        }
        assert_eq!(
            Show("tcp://[::1]:80", false).to_string(),
            "JSON <a href=\"http://[::1]:80/a\"><code>/a</code></a>"
        );
        assert!(Show("tcp://[::1]:443", true).to_string().contains("\"https://[::1]:443/a\""));
        for address in ["tcp://0.0.0.0:80", "tcp://[::]:80", "unix:///run/x"] {
            assert_eq!(Show(address, false).to_string(), "JSON <code>/a</code>");
        }
    }
}
