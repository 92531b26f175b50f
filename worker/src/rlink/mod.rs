//! Links between routers (`rlinks`): what `jackfield_wamp::rlink` decides is done here, with real sessions.
//!
//! Of all processes that have clients of a realm, also of two generations, one serves a link: the one that has registered
//! a procedure of the link's name. So the realm itself says whose turn it is.

mod leader;
mod link;

use crate::upstream::Setting;
use crate::wamp::{Router, Turn};
use jackfield_shared::config::{Path, Worker, WorkerKind};
use jackfield_shared::drain::Drain;
use jackfield_shared::status::ConnectionCounters;
use jackfield_shared::tls::Files;
use link::Link;
use std::rc::Rc;
use tokio::task::spawn_local;

/// The links of a worker to other routers.
#[derive(Default)]
pub(crate) struct Links(Vec<Rc<Link>>);

impl Links {
    /// The links of a worker, if it has some; the error says what is wrong.
    pub(crate) fn new(worker: &Worker, setting: Setting<'_>) -> Result<Self, String> {
        let WorkerKind::Router(router) = &worker.kind else { return Ok(Self::default()) };
        let mut links = Vec::new();
        for (_, realm, config) in router.links(&Path::default()) {
            let link = Link::new(realm.name.as_deref().unwrap_or_default(), config, setting);
            links.push(Rc::new(link.map_err(|e| format!("link \"{}\": {e}", config.id))?));
        }
        Ok(Self(links))
    }

    /// Serves them until draining begins.
    pub(crate) fn begin(&self, router: &Rc<Router>, turn: &Rc<Turn>, drain: &Drain) {
        for link in &self.0 {
            let (link, router, turn) = (Rc::clone(link), Rc::clone(router), Rc::clone(turn));
            let drain = drain.clone();
            spawn_local(async move {
                tokio::select! {
                    biased;
                    () = drain.begun() => {}
                    () = async {
                        turn.come().await;
                        link.serve(&router).await;
                    } => {}
                }
            });
        }
    }

    /// Makes new connections with the files of TLS as they are now; the error says which are no good.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.0.iter().try_for_each(|link| link.connection.renew(files))
    }

    /// What was counted so far, for each link.
    pub(crate) fn counters(&self) -> Vec<ConnectionCounters> {
        self.0.iter().map(|link| link.connection.counters()).collect()
    }
}
