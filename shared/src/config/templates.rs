//! The node directories of `examples/`, carried along for `jackfield init --template NAME`.

/// An example: a node directory that can be started as it is.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// Its name, the directory's in `examples/`.
    pub name: &'static str,
    /// What it shows, in one line.
    pub about: &'static str,
    /// Its files: the path in the directory, and the text.
    pub files: &'static [(&'static str, &'static str)],
}

macro_rules! template {
    ($name:literal, $about:literal, [$($file:literal),+]) => {
        Template {
            name: $name,
            about: $about,
            files: &[$(($file, include_str!(concat!("../../../examples/", $name, "/", $file)))),+],
        }
    };
}

/// The examples; the first is what `jackfield init` writes when no name is given.
pub fn templates() -> &'static [Template] {
    const TEMPLATES: &[Template] = &[
        template!(
            "universal",
            "RawSocket, WebSocket and web services on one port, on every core",
            [".jackfield/config.yaml", "web/index.html", "README.md"]
        ),
        template!(
            "web",
            "files, JSON, redirects and nested paths over HTTP",
            [".jackfield/config.yaml", "web/index.html", "README.md"]
        ),
        template!(
            "edge",
            "two sites on ports 80 and 443: certificates by ACME, an application on several servers, limits, metrics, health",
            [".jackfield/config.yaml", "web/index.html", "README.md"]
        ),
        template!(
            "browser",
            "a page that speaks WAMP with the router beside it",
            [".jackfield/config.yaml", "web/index.html", "web/page.js", "README.md"]
        ),
        template!(
            "python",
            "a container with three WAMP components in Python",
            [".jackfield/config.yaml", "app/components.py", "README.md"]
        ),
        template!(
            "nodejs",
            "a Node.js program that registers a WAMP procedure, started by the node",
            [".jackfield/config.yaml", "app/adder.js", "README.md"]
        ),
        template!(
            "authenticator",
            "a component in Python that says who WAMP clients are",
            [".jackfield/config.yaml", "app/backend.py", "README.md"]
        ),
        template!(
            "flask",
            "a Flask application with WAMP, on one port",
            [".jackfield/config.yaml", "app/shop.py", "README.md"]
        ),
        template!(
            "site",
            "a web site by HTTPS, of files",
            [".jackfield/config.yaml", "web/index.html", "web/page.js", "web/style.css", "README.md"]
        ),
        template!(
            "app-node",
            "a Node.js program with WebSocket behind a reverse proxy, started by the node",
            [
                ".jackfield/config.yaml",
                "app/server.js",
                "web/index.html",
                "web/page.js",
                "web/style.css",
                "README.md"
            ]
        ),
        template!(
            "site-onion",
            "a web site that is an onion service as well",
            [".jackfield/config.yaml", "web/index.html", "web/page.js", "web/style.css", "README.md"]
        ),
        template!(
            "wamp-python",
            "a backend in Python and a page in the browser that call each other by WAMP",
            [".jackfield/config.yaml", "app/backend.py", "web/index.html", "web/page.js", "README.md"]
        ),
        template!(
            "wamp-roles",
            "a WAMP realm whose clients prove who they are and may do what their role says",
            [".jackfield/config.yaml", "README.md"]
        ),
        template!(
            "wamp-rest",
            "calls, events and webhooks between WAMP and plain HTTP",
            [".jackfield/config.yaml", "README.md"]
        ),
        template!(
            "wamp-dashboard",
            "sensors on a page, with their last values and what came before",
            [".jackfield/config.yaml", "web/index.html", "web/dashboard.js", "README.md"]
        ),
        template!("wamp-onion", "a WAMP realm at an onion address", [".jackfield/config.yaml", "README.md"]),
        template!(
            "echo",
            "echoes to test clients with: bytes, WebSocket, RawSocket",
            [".jackfield/config.yaml", "README.md"]
        ),
        template!(
            "tls",
            "encrypted endpoints, and a relay that connects by TLS",
            [".jackfield/config.yaml", "README.md"]
        ),
        template!(
            "relay",
            "TCP connections spread over several backends",
            [".jackfield/config.json", "README.md"]
        ),
        template!(
            "arti",
            "an onion service without a tor daemon, published by the embedded Arti",
            [".jackfield/config.yaml", "README.md"]
        ),
        template!(
            "onion",
            "an onion service that the tor daemon of the machine publishes",
            [".jackfield/config.yaml", "README.md"]
        ),
        template!(
            "guest-python",
            "a Python program on sockets of the node, replaced without a refused connection",
            [".jackfield/config.yaml", "app/server.py", "README.md"]
        ),
        template!(
            "guest-node",
            "a Node.js program on sockets of the node, one process for each core",
            [".jackfield/config.yaml", "server.js", "README.md"]
        ),
        template!(
            "guest-script",
            "a shell script that is started, logged and stopped",
            [".jackfield/config.yaml", "disk.sh", "README.md"]
        ),
    ];
    TEMPLATES
}
