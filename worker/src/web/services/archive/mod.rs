//! The path service `archive`: files of a ZIP archive, sent out of it as they are asked for; it is never unpacked.

mod fetch;
mod file;
mod index;
mod inflate;
mod respond;

pub use fetch::{FETCHER, Order, run as run_fetcher};
pub(crate) use index::fuzz;

use super::files::{Kinds, with_slash};
use super::service::{Answering, Service};
use crate::log::Throttle;
use crate::web::engine::answer::{Answer, not_found, unless_reading};
use crate::web::engine::body::Pieces as _;
use crate::web::engine::client::Client;
use crate::web::engine::file::FileBody;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use bytes::{Bytes, BytesMut};
use file::{Identity, fingerprint, is_replaced};
use hyper::Request;
use index::{Member, Method};
use inflate::Inflating;
use jackfield_shared::config::ArchiveService;
use jackfield_shared::ipc::FromWorker;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info, warn};

/// Bytes of the largest file that `cache` keeps, and of all that it keeps of an archive in one process.
const LARGEST: u64 = 1 << 20;
const MOST: u64 = 64 << 20;

/// How often it is looked whether another archive is there.
const LOOK: Duration = Duration::from_secs(1);

/// An archive, ready to serve.
#[derive(Debug)]
pub(crate) struct Archive {
    config: ArchiveService,
    kinds: Kinds,
    /// None where it was not there.
    opened: Option<Opened>,
    look: Throttle,
}

#[derive(Debug)]
struct Opened {
    file: Arc<OwnedFd>,
    identity: Identity,
    members: HashMap<String, Member>,
    kept: RefCell<HashMap<String, Bytes>>,
    kept_size: Cell<u64>,
}

impl Archive {
    /// Opens the archive; one that isn't there yet is served as soon as it is.
    pub(crate) fn new(config: &ArchiveService) -> Result<Self, String> {
        let kinds = Kinds::new(&config.mime_types)?;
        let opened = match File::open(&config.archive) {
            Ok(file) => Some(Opened::new(&config.archive, file, &config.hashes)?),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                warn!("archive {}: it is not there", config.archive.display());
                None
            }
            Err(e) => return Err(format!("{}: {e}", config.archive.display())),
        };
        Ok(Self { config: config.clone(), kinds, opened, look: Throttle::new(LOOK) })
    }

    /// Answers a request for `rest`, the path below the service's own.
    async fn find<B>(&self, request: &Request<B>, rest: Rest<'_>, client: &Client) -> Answer {
        let asked = request.headers();
        if let Some(answer) = unless_reading(request.method(), asked) {
            return answer;
        }
        self.look_for_another(client);
        let (Some(opened), Some(path)) = (&self.opened, rest.file()) else { return not_found(asked) };
        let Some(path) = path.to_str() else { return not_found(asked) };
        let default = self.config.default_object.as_deref();
        let is_directory = rest.is_directory() || path.is_empty();
        let name = match default {
            Some(default) if is_directory => self.prefixed(&[path, default]),
            // There are no files whose names end like that.
            None if is_directory => String::new(),
            _ => self.prefixed(&[path]),
        };
        if opened.members.contains_key(&name) {
            return self.member(request, opened, &name).await;
        }
        let below = default.filter(|_| !rest.is_directory()).map(|default| self.prefixed(&[path, default]));
        if below.is_some_and(|name| opened.members.contains_key(&name)) {
            return with_slash(request);
        }
        if let Some(name) = self.config.options.default_file.as_deref().map(|file| self.prefixed(&[file]))
            && opened.members.contains_key(&name)
        {
            return self.member(request, opened, &name).await;
        }
        not_found(asked)
    }

    /// What a file below the prefix is called in the archive.
    fn prefixed(&self, parts: &[&str]) -> String {
        let prefix = self.config.object_prefix.as_deref().unwrap_or_default();
        let parts = std::iter::once(&prefix).chain(parts).map(|part| part.trim_matches('/'));
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    async fn member<B>(&self, request: &Request<B>, opened: &Opened, name: &str) -> Answer {
        let Some(member) = opened.members.get(name) else { return not_found(request.headers()) };
        let kept = if self.config.cache { opened.keep(name, member).await } else { None };
        let source = (&opened.file, opened.identity.modified());
        respond::member(request.headers(), source, member, kept, self.kinds.of(Path::new(name)))
    }

    /// Sees to it that another process takes over once there is another archive: this one may not read it.
    fn look_for_another(&self, client: &Client) {
        if self.look.pass().is_none() {
            return;
        }
        let path = &self.config.archive;
        if is_replaced(path, self.opened.as_ref().map(|opened| opened.identity)) {
            let reason = format!("{} is another archive than the one it serves", path.display());
            client.context.controller.send(FromWorker::Outdated { reason });
        }
    }
}

impl Service for Archive {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::later(self.find(request, rest, client))
    }
}

impl Opened {
    fn new(path: &Path, file: File, hashes: &[String]) -> Result<Self, String> {
        let shown = path.display();
        let wrong = |e: io::Error| format!("{shown}: {e}");
        let identity = Identity::of_file(&file).map_err(wrong)?;
        if !hashes.is_empty() {
            let found = fingerprint(&file).map_err(wrong)?;
            if !hashes.iter().any(|hash| hash.eq_ignore_ascii_case(&found)) {
                return Err(format!(
                    "{shown}: its SHA-256 fingerprint is {found}, which is none of `hashes`"
                ));
            }
        }
        let (members, others) = index::read(path, &file)?;
        info!("archive {shown}: {} files", members.len());
        if others > 0 {
            warn!(
                "archive {shown}: {others} files are not served: encrypted, links, or of an unknown method"
            );
        }
        let (kept, kept_size) = (RefCell::default(), Cell::new(0));
        Ok(Self { file: Arc::new(file.into()), identity, members, kept, kept_size })
    }

    /// A file's bytes, from now on in memory, if there is room for them.
    async fn keep(&self, name: &str, member: &Member) -> Option<Bytes> {
        if let Some(bytes) = self.kept.borrow().get(name) {
            return Some(bytes.clone());
        }
        if member.size > LARGEST || self.kept_size.get() + member.size > MOST {
            return None;
        }
        let bytes = match self.read(member).await {
            Ok(bytes) => bytes,
            Err(e) => {
                error!("archive: {name:?}: {e}");
                return None;
            }
        };
        if self.kept.borrow_mut().insert(name.to_owned(), bytes.clone()).is_none() {
            self.kept_size.set(self.kept_size.get() + member.size);
        }
        Some(bytes)
    }

    async fn read(&self, member: &Member) -> io::Result<Bytes> {
        let mut bytes = BytesMut::with_capacity(member.size as usize);
        let mut stored = FileBody::new(Arc::clone(&self.file), member.start, member.end);
        match member.method {
            Method::Stored => {
                while let Some(chunk) = poll_fn(|cx| stored.poll_chunk(cx)).await {
                    bytes.extend_from_slice(&chunk?);
                }
            }
            Method::Deflated => {
                let mut inflating = Inflating::new(stored, member);
                while let Some(chunk) = poll_fn(|cx| inflating.poll_chunk(cx)).await {
                    bytes.extend_from_slice(&chunk?);
                }
            }
        }
        Ok(bytes.freeze())
    }
}
