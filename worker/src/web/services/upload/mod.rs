//! The path service `upload`: files that clients send, in chunks or whole. A client asks (GET) whether a chunk is there
//! and sends it (POST) if not: as a form, or as plain content with the fields in the query.

mod chunk;
mod form;
mod progress;
mod receive;
mod refusal;
mod store;
mod sweep;

pub(crate) use form::fuzz;

use super::query::query;
use super::service::{Answering, Service};
use crate::log::Throttle;
use crate::wamp::Router;
use crate::web::engine::answer::{Answer, failure, not_found};
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use chunk::Chunk;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Response, StatusCode};
use jackfield_shared::config::UploadService;
use jackfield_shared::drain::Drain;
use progress::Progress;
use refusal::Refusal;
use rustix::io::Errno;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use store::{Put, State, Store};
use tokio::task::{spawn_blocking, spawn_local};
use tracing::{debug, error, info};

/// What may be asked for.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

/// How often it is reported that nothing can be kept.
const REPORT: Duration = Duration::from_secs(1);

/// A directory that files are sent to.
#[derive(Debug)]
pub(crate) struct Upload {
    config: UploadService,
    store: Store,
    progress: Option<Progress>,
    failing: Throttle,
}

impl Upload {
    /// What the configuration asks for; the error says what is missing.
    pub(crate) fn new(config: &UploadService, router: Option<&Rc<Router>>) -> Result<Self, String> {
        let store = Store {
            directory: config.directory.clone(),
            incomplete: config.temp_directory.clone(),
            permissions: config.options.file_permissions,
        };
        let progress = Progress::new(config, router)?;
        Ok(Self { config: config.clone(), store, progress, failing: Throttle::new(REPORT) })
    }

    /// Takes a chunk, or says whether it is there.
    async fn respond(&self, request: &mut Asked, client: &Rc<Client>) -> Answer {
        let said = match *request.method() {
            Method::GET | Method::HEAD => self.ask(request).await.map(|state| match state {
                // Clients take every other status of success, and most failures for good ones or for the end.
                State::Absent => StatusCode::NO_CONTENT,
                State::Present | State::Complete => StatusCode::OK,
            }),
            Method::POST => self.take(request, client).await.map(|()| StatusCode::OK),
            Method::OPTIONS => Ok(StatusCode::NO_CONTENT),
            _ => {
                let text = "Files are sent to this address (POST), or asked for (GET).";
                let mut answer = failure(request.headers(), StatusCode::METHOD_NOT_ALLOWED, text);
                answer.headers_mut().insert(ALLOW, METHODS);
                return answer;
            }
        };
        match said {
            Ok(status) => {
                let mut answer = Response::new(Body::Empty);
                *answer.status_mut() = status;
                if *request.method() == Method::OPTIONS {
                    answer.headers_mut().insert(ALLOW, METHODS);
                }
                answer
            }
            Err(refusal) => self.refuse(request, refusal, client),
        }
    }

    async fn ask(&self, request: &Asked) -> Result<State, Refusal> {
        let fields = query(request.uri().query().unwrap_or_default());
        let chunk = Chunk::of(&fields, &self.config.form_fields, &self.config.options)?;
        let store = self.store.clone();
        Ok(spawn_blocking(move || store.state(&chunk)).await.map_err(io::Error::other)??)
    }

    async fn take(&self, request: &mut Asked, client: &Client) -> Result<(), Refusal> {
        let limit = client.options.max_body_size;
        let (chunk, part, fields) = receive::receive(request, &self.store, &self.config, limit).await?;
        let wanted = self.progress.as_ref().map(|progress| progress.wanted(&fields)).transpose()?.flatten();
        let (store, putting) = (self.store.clone(), chunk.clone());
        let put = spawn_blocking(move || store.put(&putting, &part)).await.map_err(io::Error::other)??;
        if let (Some(progress), Some(wanted)) = (&self.progress, wanted) {
            progress.tell(wanted, &chunk, &put).await;
        }
        let Put { state, .. } = put;
        let Chunk { file, index, count, total, .. } = chunk;
        debug!("{}: upload of {file:?}: chunk {} of {count}", client.peer, index + 1);
        if state == State::Complete {
            info!("{}: {file:?} is uploaded, {total} bytes", client.peer);
        }
        Ok(())
    }

    fn refuse(&self, request: &Asked, refusal: Refusal, client: &Client) -> Answer {
        let asked = request.headers();
        let e = match refusal {
            Refusal::Fault(fault) => return fault.answer(asked, request.version()),
            Refusal::Wrong(status, text) => {
                debug!("{}: upload refused: {text}", client.peer);
                return failure(asked, status, &text);
            }
            Refusal::Disk(e) => e,
        };
        if let Some(quiet) = self.failing.pass() {
            let more = if quiet > 0 { format!(" ({quiet} more requests before)") } else { String::new() };
            let (incomplete, directory) = (self.store.incomplete.display(), self.store.directory.display());
            error!("upload to {incomplete} and {directory}: {e}{more}");
        }
        let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG];
        if Errno::from_io_error(&e).is_some_and(|e| full.contains(&e)) {
            let text = "There is no room for this file now. What was sent before is kept for a while.";
            return failure(asked, StatusCode::INSUFFICIENT_STORAGE, text);
        }
        failure(asked, StatusCode::INTERNAL_SERVER_ERROR, "The server can't keep this file now.")
    }
}

impl Service for Upload {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        if rest.is_root() {
            Answering::later(self.respond(request, client))
        } else {
            Answering::Ready(not_found(request.headers()))
        }
    }

    fn begin(&self, drain: &Drain) {
        // What nobody goes on with is removed.
        let age = self.config.options.incomplete_timeout;
        if !age.is_zero() {
            spawn_local(sweep::sweep(self.store.clone(), age, drain.clone()));
        }
    }
}
