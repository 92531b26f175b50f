//! WAMP routing: the realms of a router worker, and the connections of their clients.
//!
//! What is decided is decided in the crate `jackfield-wamp`, without I/O. Here is the rest: messages of connections go
//! to the [`Router`], what comes of them goes to the [`Outbox`]es of those who get it.

mod ask;
mod build;
mod carry;
mod client;
mod clock;
mod cookies;
mod counts;
mod edges;
mod embedded;
mod endpoint;
mod guard;
mod home;
mod inner;
mod inside;
mod known;
mod line;
mod longpoll;
pub(crate) mod outbox;
mod passage;
mod peer;
mod polled;
mod question;
pub(crate) mod random;
mod router;
mod share;
mod subprotocol;
mod turn;

pub(crate) use clock::{now, wall};
pub(crate) use cookies::Place as CookiePlace;
pub(crate) use counts::counters;
pub(crate) use embedded::{Embedded, ROUTER, Reply};
pub(crate) use endpoint::{Endpoint, Handshake, Who};
pub(crate) use home::home;
pub(crate) use inside::{Failure, Inside, Who as Insider};
pub(crate) use line::Line;
pub(crate) use longpoll::{Action, Done, Longpoll, Opening};
pub(crate) use passage::{Passage, Question, Routes};
pub(crate) use router::Router;
pub(crate) use share::in_turn;
pub(crate) use turn::Turn;

use jackfield_shared::config::Worker;
use jackfield_shared::drain::Drain;
use jackfield_shared::ipc::NodeInfo;
use jackfield_wamp::link::Hub;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;

/// Between two pings to a client that says nothing, and until it must have answered, unless that is configured.
pub(crate) const PING: Duration = Duration::from_secs(30);

/// The router with the realms of a worker, if it has some; the error says what is not built, or is wrong.
/// `edge`: the number of this process, where another one has the realms.
pub(crate) fn router(
    worker: &Worker,
    node: &NodeInfo,
    edge: Option<u64>,
) -> Result<Option<Rc<Router>>, String> {
    build::router(worker, node, edge)
}

/// The router of a process that passes sessions of these realms, each with its roles, on by `routes`.
pub(crate) fn front<'a>(
    worker: &Worker,
    node: &NodeInfo,
    realms: impl IntoIterator<Item = (&'a String, Vec<String>)>,
    routes: Rc<dyn Routes>,
) -> Rc<Router> {
    build::front(worker, node, realms, routes)
}

/// A hub for each realm of one of the realm processes of a worker, whose clients other processes have; the error says what is
/// wrong.
pub(crate) fn hubs(worker: &Worker, process: usize) -> Result<Vec<Hub>, String> {
    build::hubs(worker, process)
}

/// A hub without a realm, which tells sessions of realms that there are no longer so.
pub(crate) fn no_realm() -> Hub {
    build::no_realm()
}

/// Lets the router watch its clock until sessions are to end; then it says GOODBYE to everybody. If it has the realms,
/// another process serves them from then on, and two never do.
pub(crate) fn begin(router: &Rc<Router>, turn: &Rc<Turn>, sessions: Drain) {
    let (router, turn) = (Rc::clone(router), Rc::clone(turn));
    spawn_local(async move {
        tokio::select! {
            () = async {
                let realms = router.realm_names();
                let realms: Vec<_> = realms.iter().map(String::as_str).collect();
                router.set_epoch(turn.take(&realms).await);
                Rc::clone(&router).run().await;
            } => {}
            () = sessions.begun() => {
                router.close();
                turn.end();
            }
        }
    });
}
