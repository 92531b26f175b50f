//! TLS on accepted connections.

use super::challenges::{self, Challenges};
use super::review::Review;
use super::{Tickets, groups, server};
use crate::net::facts::Facts;
use crate::net::names::Groups;
use crate::net::stream::Stream;
use crate::net::stream::Tls;
use jackfield_shared::config::{Path, TlsListening, Transport};
use jackfield_shared::drain::Drain;
use jackfield_shared::tls::{Files, protocols};
use rustls::ServerConfig;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::LazyConfigAcceptor;

/// The TLS of one endpoint.
#[derive(Debug)]
pub(crate) struct Acceptor {
    tls: TlsListening,
    transport: Transport,
    tickets: Option<Tickets>,
    configs: RefCell<Rc<Configs>>,
    /// What ACME directories get to see, if the certificate comes from one.
    challenges: Option<Rc<Challenges>>,
}

/// What connections are accepted with at the moment.
#[derive(Debug)]
struct Configs {
    /// One for each group of names; the first is for all other names, too.
    groups: Vec<Config>,
    /// Where there are several.
    names: Option<Arc<Groups>>,
}

#[derive(Clone, Debug)]
struct Config {
    full: Arc<ServerConfig>,
    /// For clients that speak another protocol than those we have a name for: it may be ours all the same.
    without_alpn: Arc<ServerConfig>,
}

impl Acceptor {
    /// Prepares the section; the error says what is wrong with it.
    pub(crate) fn new(
        tls: &TlsListening,
        transport: &Transport,
        files: &Files,
        tickets: Option<&Tickets>,
        challenges: &Rc<Challenges>,
    ) -> Result<Self, String> {
        let configs = Configs::new(tls, transport, files, tickets)?;
        Ok(Self {
            tls: tls.clone(),
            transport: transport.clone(),
            tickets: tickets.cloned(),
            configs: RefCell::new(Rc::new(configs)),
            challenges: tls.acme.is_some().then(|| Rc::clone(challenges)),
        })
    }

    /// Takes the files as they are now; if they are no good, all stays as it is.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        let configs = Configs::new(&self.tls, &self.transport, files, self.tickets.as_ref())?;
        self.configs.replace(Rc::new(configs));
        Ok(())
    }

    /// Does the handshake. Nothing: it was all that the client wanted, an ACME directory that has asked for a challenge.
    pub(crate) async fn accept(&self, stream: Stream, drain: &Drain) -> io::Result<Option<Stream>> {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        if let Some(challenges) = &self.challenges
            && start.client_hello().alpn().is_some_and(|offered| offered.eq([challenges::PROTOCOL]))
        {
            let config = challenges.by_tls(start.client_hello().server_name().unwrap_or_default())?;
            start.into_stream(config).await?.shutdown().await?;
            return Ok(None);
        }
        let configs = Rc::clone(&self.configs.borrow());
        let asked = start.client_hello().server_name().unwrap_or_default().to_owned();
        let group = configs.names.as_ref().map(|names| (Arc::clone(names), names.of(&asked)));
        let index = group.as_ref().map_or(0, |(_, index)| *index);
        let Some(Config { full, without_alpn }) = configs.groups.get(index).cloned() else {
            return Err(io::ErrorKind::NotFound.into()); // there is one for each
        };
        let knows_none = start.client_hello().alpn().is_some_and(|mut offered| {
            !offered.any(|name| full.alpn_protocols.iter().any(|known| known == name))
        });
        let stream = start.into_stream(if knows_none { without_alpn } else { full }).await?;
        let facts = Facts { group, ..Facts::of(stream.get_ref().1) };
        Ok(Some(Stream::Tls(Box::new(Tls::accepted(stream, facts, drain.clone())))))
    }
}

impl Configs {
    fn new(
        tls: &TlsListening,
        transport: &Transport,
        files: &Files,
        tickets: Option<&Tickets>,
    ) -> Result<Self, String> {
        let at = Path::default().key("endpoint").key("tls");
        let sections = groups::sections(tls, &at);
        let names = (sections.len() > 1).then(|| Arc::new(groups::names(&sections, files)));
        let config = |(at, tls): &(Path, TlsListening)| {
            let mut review = Review::new(files, at);
            let mut full =
                server::build(tls, protocols(transport), &mut review).ok_or_else(|| review.errors())?;
            if let Some(tickets) = tickets {
                full.ticketer = tickets.of(&transport.id, tls, files);
            }
            let mut without_alpn = full.clone();
            without_alpn.alpn_protocols.clear();
            Ok(Config { full: Arc::new(full), without_alpn: Arc::new(without_alpn) })
        };
        Ok(Self { groups: sections.iter().map(config).collect::<Result<_, String>>()?, names })
    }
}
