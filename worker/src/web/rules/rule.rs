//! The rules of one path.

use super::basic::Basic;
use super::cors::Cors;
use super::forward::Forward;
use super::headers::Changes;
use super::id::Ids;
use super::limit::Limit;
use crate::connect::Means;
use crate::net::access::Access;
use crate::web::engine::answer::{Answer, failure, too_many};
use crate::web::engine::client::Client;
use crate::web::engine::received::Asked;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use jackfield_shared::config::PathRules;
use jackfield_shared::tls::Files;
use std::rc::Rc;
use tokio::time::Instant;

/// The rules of a path, with those of the paths above it.
#[derive(Debug)]
pub(in crate::web) struct Rule {
    access: Vec<Rc<Access>>,
    limits: Vec<Rc<Limit>>,
    basic: Option<Rc<Basic>>,
    forward: Option<Rc<Forward>>,
    cors: Option<Rc<Cors>>,
    ids: Option<Rc<Ids>>,
    request: Vec<Rc<Changes>>,
    response: Vec<Rc<Changes>>,
}

/// What is to be done with the answer to a request.
#[derive(Debug, Default)]
pub(in crate::web) struct Afterwards {
    origin: Option<HeaderValue>,
    id: Option<HeaderValue>,
}

/// Adds one of this path's own to those of the paths above.
fn and<T>(above: Option<&[Rc<T>]>, own: Option<T>) -> Vec<Rc<T>> {
    above.into_iter().flatten().cloned().chain(own.map(Rc::new)).collect()
}

impl Rule {
    pub(super) fn new(config: &PathRules, above: Option<&Self>, means: Means<'_>) -> Result<Self, String> {
        let access = Access::new(config.allow.as_deref(), &config.deny);
        let basic = config.basic.as_ref().map(|basic| Basic::new(basic, means.files)).transpose()?;
        let forward = config.forward_auth.as_ref().map(|forward| Forward::new(forward, means)).transpose()?;
        let cors = config.cors.as_ref().map(Cors::new).transpose()?;
        let ids = config.request_id.as_ref().map(Ids::new).transpose()?;
        Ok(Self {
            access: and(above.map(|above| &above.access[..]), access),
            limits: and(above.map(|above| &above.limits[..]), config.limit.as_ref().map(Limit::new)),
            basic: basic.map(Rc::new).or_else(|| above?.basic.clone()),
            forward: forward.map(Rc::new).or_else(|| above?.forward.clone()),
            cors: cors.map(Rc::new).or_else(|| above?.cors.clone()),
            ids: ids.map(Rc::new).or_else(|| above?.ids.clone()),
            request: and(above.map(|above| &above.request[..]), Changes::new(&config.request)?),
            response: and(above.map(|above| &above.response[..]), Changes::new(&config.response)?),
        })
    }

    /// What is said to a request in place of a service's answer, if something is, and what is to be done afterwards.
    pub(in crate::web) async fn before(
        &self,
        request: &mut Asked,
        client: &Client,
    ) -> (Option<Answer>, Afterwards) {
        let (mut afterwards, peer) = (Afterwards::default(), client.peer);
        if let Some(ids) = &self.ids {
            afterwards.id = ids.give(request.headers_mut());
        }
        if let Some(cors) = &self.cors {
            afterwards.origin = cors.origin(request.headers());
        }
        if !self.access.iter().all(|access| access.permits(peer)) {
            let text = "This address is not for clients from where you are.";
            return (Some(failure(request.headers(), StatusCode::FORBIDDEN, text)), afterwards);
        }
        for limit in &self.limits {
            if let Err(wait) = limit.take(peer, Instant::now()) {
                let text = "Too many requests have come from your address. Wait a little.";
                let wait = wait.as_secs_f64().ceil() as u64;
                return (Some(too_many(request.headers(), text, wait)), afterwards);
            }
        }
        // Browsers ask without the password whether they may send it.
        if let Some(answer) = self.cors.as_ref().and_then(|cors| cors.preflight(request)) {
            return (Some(answer), afterwards);
        }
        if let Some(basic) = &self.basic
            && let Err(answer) = basic.check(request.headers()).await
        {
            return (Some(answer), afterwards);
        }
        if let Some(forward) = &self.forward
            && let Err(answer) = forward.check(request, client).await
        {
            return (Some(answer), afterwards);
        }
        self.request.iter().for_each(|changes| changes.make(request.headers_mut()));
        (None, afterwards)
    }

    /// Does with an answer what is to be done.
    pub(in crate::web) fn after(&self, answer: &mut Answer, afterwards: Afterwards) {
        if let Some(cors) = &self.cors {
            cors.open(answer.headers_mut(), afterwards.origin);
        }
        if let (Some(ids), Some(id)) = (&self.ids, afterwards.id) {
            ids.tell(answer, id);
        }
        self.response.iter().for_each(|changes| changes.make(answer.headers_mut()));
    }

    /// Takes the files with passwords and those of TLS as they are now.
    pub(super) fn renew(&self, files: &Files) -> Result<(), String> {
        self.forward.as_ref().map_or(Ok(()), |forward| forward.renew(files))?;
        self.basic.as_ref().map_or(Ok(()), |basic| basic.renew(files))
    }

    /// Whether a client at this address may not come.
    #[cfg(test)]
    pub(super) fn denies(&self, address: std::net::SocketAddr) -> bool {
        !self.access.iter().all(|access| access.permits(crate::net::stream::Peer::Tcp(address)))
    }
}
