//! The path service `static`: files of a directory, and nothing outside of it.

mod encoding;
mod found;
mod kept;
mod kind;
mod listing;
mod open;
mod parts;
mod range;
mod respond;
mod root;
mod state;
mod validators;

pub(in crate::web) use encoding::accepts;
pub(in crate::web) use kind::Kinds;
pub(in crate::web) use open::{Kind, open};
pub(in crate::web) use parts::Parts;
pub(in crate::web) use range::Range;
pub(in crate::web) use respond::{has_other, is_fresh, range};
pub(in crate::web) use root::Root;
pub(in crate::web) use validators::Validators;

use super::service::{Answering, Service};
use crate::log::Throttle;
use crate::web::engine::answer::{Answer, HTML, content, failure, not_found, unless_reading};
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use found::Found;
use hyper::header::{CONTENT_ENCODING, HeaderValue, LOCATION, VARY};
use hyper::{HeaderMap, Method, Request, StatusCode};
use jackfield_shared::config::{CacheTimeout, DEFAULT_CACHE_TIMEOUT, StaticOptions, StaticService};
use jackfield_shared::ipc::FromWorker;
use kept::KeptFiles;
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, error};

/// The file that stands for its directory.
const INDEX: &str = "index.html";

/// After how long a process that should be replaced, and was not, says so again.
const SAY_AGAIN: Duration = Duration::from_secs(1);

/// A directory, ready to serve.
#[derive(Debug)]
pub(crate) struct Files {
    root: Arc<Root>,
    kept: KeptFiles,
    outdated: Throttle,
    kinds: Kinds,
    /// For files, and for pages.
    cache_control: [Option<HeaderValue>; 2],
    options: StaticOptions,
}

impl Files {
    pub(crate) fn new(config: &StaticService) -> Result<Self, String> {
        let Some(directory) = config.directory.clone() else {
            return Err(
                "`package` and `resource` name files of a Python package, which is not in this release; \
                        name their `directory`"
                    .into(),
            );
        };
        let kept = |seconds: i64| HeaderValue::from_str(&format!("public, max-age={}", seconds.max(0))).ok();
        let cache_control = match config.options.cache_timeout {
            CacheTimeout::Default => {
                [kept(DEFAULT_CACHE_TIMEOUT), Some(HeaderValue::from_static("no-cache"))]
            }
            CacheTimeout::Seconds(seconds) => [kept(seconds), kept(seconds)],
            CacheTimeout::Untold => [None, None],
        };
        let kinds = Kinds::new(&config.options.mime_types)?;
        Ok(Self {
            root: Arc::new(Root::new(directory)),
            kept: KeptFiles::default(),
            outdated: Throttle::new(SAY_AGAIN),
            kinds,
            cache_control,
            options: config.options.clone(),
        })
    }

    /// Says that the process should be replaced, if so.
    fn tell_outdated(&self, client: &Client) {
        if let Some(reason) = self.root.outdated(&self.outdated) {
            client.context.controller.send(FromWorker::Outdated { reason });
        }
    }

    /// The answer by a file in memory, if there is no choice between forms of it: most requests.
    fn at_once<B>(&self, request: &Request<B>, rest: Rest<'_>) -> Option<Answer> {
        let is_plain = matches!(*request.method(), Method::GET | Method::HEAD) && !rest.is_directory();
        if self.options.precompressed || !is_plain {
            return None;
        }
        let path = rest.file()?;
        let file = self.kept.get(&path)?;
        Some(self.told(request.headers(), &path, &file, None))
    }

    /// Answers a request for `rest`, the path below the service's own.
    async fn respond<B>(&self, request: &Request<B>, rest: Rest<'_>) -> Answer {
        let asked = request.headers();
        if let Some(answer) = unless_reading(request.method(), asked) {
            return answer;
        }
        let Some(path) = rest.file() else { return not_found(asked) };
        match self.find(request, rest, path).await {
            Ok(Some(answer)) => answer,
            Ok(None) => self.otherwise(request).await,
            Err(answer) => answer,
        }
    }

    /// What there is at `path`: nothing, or an answer, or the answer that it can't be had.
    async fn find<B>(
        &self,
        request: &Request<B>,
        rest: Rest<'_>,
        path: PathBuf,
    ) -> Result<Option<Answer>, Answer> {
        let Some(found) = self.open(request, &path).await? else { return Ok(None) };
        match found.kind {
            Kind::File if rest.is_directory() => Ok(None),
            Kind::File => self.file(request, &path, found).await.map(Some),
            Kind::Directory if !rest.is_directory() => Ok(Some(with_slash(request))),
            Kind::Directory => self.directory(request, &path, rest).await,
        }
    }

    /// The answer where there is nothing by the path asked for.
    async fn otherwise<B>(&self, request: &Request<B>) -> Answer {
        if let Some(default) = &self.options.default_file {
            let default = PathBuf::from(default);
            match self.open(request, &default).await {
                Ok(Some(file)) if file.kind == Kind::File => {
                    return self.file(request, &default, file).await.unwrap_or_else(|answer| answer);
                }
                Ok(_) => {}
                Err(answer) => return answer,
            }
        }
        not_found(request.headers())
    }

    async fn open<B>(&self, request: &Request<B>, path: &Path) -> Result<Option<Found>, Answer> {
        if let Some(kept) = self.kept.get(path) {
            return Ok(Some(kept));
        }
        match open(&self.root, path).await {
            Ok(opened) => Ok(Some(self.kept.keep(&self.root, path, opened, &self.kinds))),
            Err(e) => self.not_opened(request, path, &e).map_or(Ok(None), Err),
        }
    }

    async fn file<B>(&self, request: &Request<B>, path: &Path, file: Found) -> Result<Answer, Answer> {
        let (file, coding) = match self.encoded(request, path).await? {
            Some((encoded, coding)) => (encoded, Some(coding)),
            None => (file, None),
        };
        Ok(self.told(request.headers(), path, &file, coding))
    }

    /// The answer by this file, which is in this coding.
    fn told(&self, asked: &HeaderMap, path: &Path, file: &Found, coding: Option<HeaderValue>) -> Answer {
        // A compressed form has the media type of what it is a form of.
        let kind = match &file.told {
            Some(told) if coding.is_none() => told.media.clone(),
            _ => self.kinds.of(path),
        };
        let is_page = ["text/html", "application/xhtml+xml"]
            .iter()
            .any(|page| kind.as_bytes().starts_with(page.as_bytes()));
        let mut answer = respond::file(asked, file, kind);
        if self.options.precompressed {
            answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if let Some(coding) = coding.filter(|_| answer.status().is_success()) {
            answer.headers_mut().insert(CONTENT_ENCODING, coding);
        }
        if let Some(cache_control) = &self.cache_control[usize::from(is_page)]
            && answer.status() != StatusCode::RANGE_NOT_SATISFIABLE
        {
            answer.headers_mut().insert(hyper::header::CACHE_CONTROL, cache_control.clone());
        }
        answer
    }

    /// The same file, compressed, if it is there in a form that the client takes.
    async fn encoded<B>(
        &self,
        request: &Request<B>,
        path: &Path,
    ) -> Result<Option<(Found, HeaderValue)>, Answer> {
        if self.options.precompressed {
            for candidate in encoding::candidates(request.headers(), path) {
                match self.open(request, &candidate.path).await? {
                    Some(file) if file.kind == Kind::File => return Ok(Some((file, candidate.coding))),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    async fn directory<B>(
        &self,
        request: &Request<B>,
        path: &Path,
        rest: Rest<'_>,
    ) -> Result<Option<Answer>, Answer> {
        let index = path.join(INDEX);
        if let Some(file) = self.open(request, &index).await?
            && file.kind == Kind::File
        {
            return self.file(request, &index, file).await.map(Some);
        }
        if !self.options.enable_directory_listing {
            return Ok(None);
        }
        match listing::read(&self.root, path).await {
            Ok(entries) => {
                Ok(Some(content(HTML, listing::page_of(request.uri().path(), rest.is_root(), &entries))))
            }
            Err(e) => self.not_opened(request, path, &e).map_or(Ok(None), Err),
        }
    }

    /// The answer to a failure, or `None` if it means that there is nothing.
    fn not_opened<B>(&self, request: &Request<B>, path: &Path, error: &io::Error) -> Option<Answer> {
        let asked = request.headers();
        let full = self.root.path().join(path);
        match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::NXIO) => None,
            // Leads out of the directory, or round in circles.
            Some(Errno::XDEV | Errno::LOOP) => {
                debug!("{}: not served: it leads out of the directory ({error})", full.display());
                None
            }
            Some(Errno::ACCESS | Errno::PERM) => {
                Some(failure(asked, StatusCode::FORBIDDEN, "The server may not read this file."))
            }
            _ => {
                error!("{}: can't be read: {error}", full.display());
                let text = "The server can't read this file now.";
                Some(failure(asked, StatusCode::INTERNAL_SERVER_ERROR, text))
            }
        }
    }
}

impl Service for Files {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        if let Some(answer) = self.at_once(request, rest) {
            self.tell_outdated(client);
            return Answering::Ready(answer);
        }
        Answering::later(async move {
            let answer = self.respond(request, rest).await;
            self.tell_outdated(client);
            answer
        })
    }
}

/// Sends the client to the directory's own address, from which relative links lead to what is in it.
pub(in crate::web) fn with_slash<B>(request: &Request<B>) -> Answer {
    let uri = request.uri();
    // More than one slash at the start would name another host.
    let path = uri.path().trim_start_matches('/');
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    let mut answer =
        failure(request.headers(), StatusCode::FOUND, "This directory's address ends with a slash.");
    match HeaderValue::from_str(&format!("/{path}/{query}")) {
        Ok(location) => {
            answer.headers_mut().insert(LOCATION, location);
            answer
        }
        Err(_) => not_found(request.headers()),
    }
}

#[cfg(test)]
mod tests;
