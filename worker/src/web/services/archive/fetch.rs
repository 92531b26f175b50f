//! Fetching an archive from where it comes from, by a process of its own: it is over before any worker starts, and
//! nothing that speaks with clients needs a right to write.

use super::file::fingerprint;
use super::index;
use crate::connect::{Connector, Means};
use crate::net::executor::LocalExecutor;
use crate::sandbox::{Needs, confine};
use crate::web::engine::body::next_frame;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use hyper::http::uri::Scheme;
use hyper::rt::Executor as _;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jackfield_shared::config::{ConnectingEndpoint, Sandbox, TcpConnecting, TlsConnecting};
use jackfield_shared::tls::Files;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;

/// The stage of the executable that fetches an archive (see [`jackfield_shared::stage::value`]).
pub const FETCHER: &str = "fetcher";

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// What is to be fetched: JSON on standard input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Where it is.
    pub origin: String,
    /// Where it is to be.
    pub archive: PathBuf,
    /// The SHA-256 fingerprints, in hexadecimal, one of which it has to have; empty: any.
    pub hashes: Vec<String>,
}

/// Runs this process to fetch an archive. Returns 0 when it is in its place, and otherwise 1, with the reason on standard
/// error; then nothing has changed.
#[must_use]
pub fn run() -> ExitCode {
    match fetch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn fetch() -> Result<(), String> {
    let order: Order = serde_json::from_reader(io::stdin()).map_err(|e| format!("the order: {e}"))?;
    let directory = order.archive.parent().unwrap_or(Path::new("/"));
    confine(Sandbox::Auto, &Needs::of_fetching(directory))?;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.map_err(|e| format!("the runtime: {e}"))?;
    let part = Part::new(&order.archive).map_err(|e| format!("{}: {e}", directory.display()))?;
    runtime.block_on(async {
        let answer = ask(&order.origin).await?;
        keep(answer, &part).await
    })?;
    part.check(&order)?;
    part.file.sync_all().and_then(|()| fs::rename(&part.path, &order.archive)).map_err(|e| part.wrong(&e))
}

/// The archive until it is whole, beside where it is to be; removed if it never is.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn new(archive: &Path) -> io::Result<Self> {
        let name = archive.file_name().unwrap_or_default().to_string_lossy();
        let path = archive.with_file_name(format!(".{name}.part-{}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).open(&path)?;
        Ok(Self { path, file })
    }

    fn wrong(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.path.display())
    }

    /// Whether it is what it should be: a wrong one is not kept.
    fn check(&self, order: &Order) -> Result<(), String> {
        if !order.hashes.is_empty() {
            (&self.file).rewind().map_err(|e| self.wrong(&e))?;
            let found = fingerprint(&self.file).map_err(|e| self.wrong(&e))?;
            if !order.hashes.iter().any(|hash| hash.eq_ignore_ascii_case(&found)) {
                return Err(format!("its SHA-256 fingerprint is {found}, which is none of \"hashes\""));
            }
        }
        index::read(&order.archive, &self.file).map(drop).map_err(|e| format!("what came is no archive: {e}"))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Asks for the origin, wherever that leads.
async fn ask(origin: &str) -> Result<Response<Incoming>, String> {
    let mut uri: Uri = origin.parse().map_err(|e| format!("{origin:?} is no URL: {e}"))?;
    for _ in 0..=MOST_REDIRECTS {
        let answer = timeout(PATIENCE, ask_once(&uri)).await;
        let answer = answer.map_err(|_| format!("{uri}: no answer within {} s", PATIENCE.as_secs()))??;
        if !answer.status().is_redirection() {
            return match answer.status() {
                StatusCode::OK => Ok(answer),
                status => Err(format!("{uri} answers {status}")),
            };
        }
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let next = location.and_then(|location| resolve(&uri, location));
        let next =
            next.ok_or_else(|| format!("{uri} answers {} without a proper Location", answer.status()))?;
        if uri.scheme() == Some(&Scheme::HTTPS) && next.scheme() != Some(&Scheme::HTTPS) {
            return Err(format!("{uri} leads to {next}, which is not encrypted"));
        }
        uri = next;
    }
    Err(format!("{origin} leads through more than {MOST_REDIRECTS} redirects"))
}

/// What a `Location` means there.
fn resolve(at: &Uri, location: &str) -> Option<Uri> {
    let next: Uri = location.split('#').next()?.parse().ok()?;
    if next.scheme().is_some() {
        return Some(next);
    }
    let mut parts = at.clone().into_parts();
    parts.path_and_query = next.into_parts().path_and_query;
    location.starts_with('/').then(|| Uri::from_parts(parts).ok()).flatten()
}

async fn ask_once(uri: &Uri) -> Result<Response<Incoming>, String> {
    let secure = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(format!("{uri}: expected a URL that begins with http:// or https://")),
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let authority = authority.ok_or_else(|| format!("{uri}: expected a host, without a user name"))?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let mut endpoint = TcpConnecting::to(host, authority.port_u16().unwrap_or(if secure { 443 } else { 80 }));
    endpoint.tls = secure.then(TlsConnecting::default);
    let connector = Connector::new(&ConnectingEndpoint::Tcp(endpoint), Means::of(&Files::default()))?;
    let stream = connector.connect(|| None).await.map_err(|e| e.to_string())?;
    let failed = |e: hyper::Error| format!("{uri}: {e}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    LocalExecutor.execute(async move {
        let _ = connection.await; // what it fails with is told by the answer
    });
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::get(target)
        .header(HOST, authority.as_str())
        .header(USER_AGENT, concat!("jackfield/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .body(String::new())
        .map_err(|e| format!("{uri}: {e}"))?;
    sender.send_request(request).await.map_err(failed)
}

async fn keep(answer: Response<Incoming>, part: &Part) -> Result<(), String> {
    let mut content = answer.into_body();
    loop {
        let frame = timeout(PATIENCE, next_frame(&mut content)).await;
        match frame.map_err(|_| format!("nothing came for {} s", PATIENCE.as_secs()))? {
            None => return Ok(()),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    (&part.file).write_all(&bytes).map_err(|e| part.wrong(&e))?;
                }
            }
            Some(Err(e)) => return Err(format!("it broke off: {e}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_url_or_a_path() {
        let at: Uri = "https://a.test:8443/x/y?z".parse().unwrap();
        for (location, expected) in [
            ("https://b.test/1?2#3", Some("https://b.test/1?2")),
            ("/p?q", Some("https://a.test:8443/p?q")),
            ("p", None),
            ("", None),
        ] {
            assert_eq!(resolve(&at, location).map(|uri| uri.to_string()).as_deref(), expected, "{location}");
        }
    }
}
