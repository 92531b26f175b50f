//! Binds what a configuration wants, with the sockets that listen already wherever they serve: a queue of connections
//! that are not accepted yet outlives every change but that of its address.

use super::adjust::Adjustment;
use super::place::Place;
use super::wanted::Wanted;
use super::{BindError, Bound, Given, Local, Socket, tcp, unix};
use crate::names::Names;
use jackfield_shared::config::{
    ListenPort, ListeningEndpoint, SystemdSocket, TcpListening, TwistedListening, UnixListening,
};
use socket2::SockRef;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;

/// Sockets in use, and what of them the next configuration has been given.
#[derive(Debug)]
pub(crate) struct Binder<'a> {
    pool: Vec<Piece<'a>>,
    adjustments: Vec<Adjustment>,
    /// Where private sockets are.
    run_dir: PathBuf,
    /// What names of interfaces stand for.
    names: &'a Names,
}

#[derive(Debug)]
struct Piece<'a> {
    from: &'a Bound,
    socket: &'a Rc<Socket>,
    /// If the node was started with it: as what.
    given: Option<&'a Given>,
    /// Whether the endpoint it belongs to has a use for it, so that no other gets it.
    reserved: bool,
    taken: bool,
}

impl<'a> Binder<'a> {
    /// For a configuration that follows one with these endpoints, in a node that was given these sockets. Private sockets
    /// are made in the runtime directory.
    pub(crate) fn new(
        former: Vec<&'a Bound>,
        given: &'a [Given],
        run_dir: PathBuf,
        names: &'a Names,
    ) -> Self {
        let pieces = |bound: &&'a Bound| {
            let from: &'a Bound = bound;
            from.listeners().map(move |(socket, _)| Piece {
                from,
                socket,
                given: None,
                reserved: false,
                taken: false,
            })
        };
        let mut pool: Vec<_> = former.iter().flat_map(pieces).collect();
        let in_use: Vec<_> = pool.iter().map(|piece| piece.socket.inode).collect();
        let new = |piece: &Piece<'_>| !in_use.contains(&piece.socket.inode);
        for given in given {
            let given_pieces = pieces(&&given.bound).map(|piece| Piece { given: Some(given), ..piece });
            pool.extend(given_pieces.filter(new));
        }
        Self { pool, adjustments: Vec::new(), run_dir, names }
    }

    /// To be told of every endpoint before the first is bound: what listens for one of them stays with it.
    pub(crate) fn reserve(&mut self, wanted: &Wanted<'_>) {
        let Ok(place) = Place::of(wanted.endpoint, wanted, (&self.run_dir, self.names)) else { return };
        for piece in &mut self.pool {
            piece.reserved |= piece.from.belongs_to(wanted) && place.suits(piece.from, wanted);
        }
    }

    /// Binds and listens: one socket for each process if the endpoint is `shared`, else one for all.
    ///
    /// # Errors
    /// When the address can't be had.
    pub(crate) fn bind(&mut self, wanted: &Wanted<'_>) -> Result<Bound, BindError> {
        if let ListeningEndpoint::Twisted(twisted) = wanted.endpoint {
            return self.bind_given(wanted, twisted);
        }
        let place = Place::of(wanted.endpoint, wanted, (&self.run_dir, self.names))?;
        match &place {
            Place::Tcp(tcp, ip) => self.bind_tcp(wanted, &place, tcp, *ip),
            Place::Unix(unix) => self.bind_unix(wanted, &place, unix),
        }
    }

    /// A socket that the node was started with, by its name or its place.
    fn bind_given(&mut self, wanted: &Wanted<'_>, twisted: &TwistedListening) -> Result<Bound, BindError> {
        let mut found = self.take(usize::MAX, |piece| {
            piece.from.belongs_to(wanted) && piece.from.endpoint == *wanted.endpoint
        });
        if found.is_empty() {
            let selector = twisted.systemd();
            found = self.take(usize::MAX, |piece| match (&selector, piece.given) {
                (Some(SystemdSocket::Name(name)), Some(given)) => given.name == *name,
                (Some(SystemdSocket::Index(index)), Some(given)) => given.index == *index,
                _ => false,
            });
        }
        let Some((from, _)) = found.first() else {
            let names: Vec<_> = self.pool.iter().filter_map(|piece| Some(&*piece.given?.name)).collect();
            let had = if names.is_empty() { "none".into() } else { names.join(", ") };
            let reason = format!("the node was not started with it (LISTEN_FDS; it was given: {had})");
            return Err(BindError::new(&*twisted.server_string, reason));
        };
        Ok(Bound {
            worker: wanted.worker.to_owned(),
            transport: wanted.transport.to_owned(),
            address: from.address.clone(),
            onion: None,
            shared: false,
            is_chosen: false,
            endpoint: wanted.endpoint.clone(),
            local: from.local.clone(),
            name: from.name.clone(),
            own: Vec::new(),
            common: found.into_iter().map(|(_, socket)| socket).collect(),
        })
    }

    fn bind_tcp(
        &mut self,
        wanted: &Wanted<'_>,
        place: &Place,
        tcp: &TcpListening,
        ip: SocketAddr,
    ) -> Result<Bound, BindError> {
        let need = if tcp.shared { wanted.processes.max(1) } else { 1 };
        let mut kept =
            self.take(usize::MAX, |piece| piece.from.belongs_to(wanted) && place.suits(piece.from, wanted));
        if kept.len() < need {
            let local = kept.first().map(|(from, _)| from.local.clone());
            let found = self.take(need - kept.len(), |piece| {
                let same_place = local.as_ref().is_none_or(|local| *local == piece.from.local);
                !piece.reserved && same_place && place.suits(piece.from, wanted)
            });
            kept.extend(found);
        }
        let at = kept.iter().find_map(|(from, _)| match from.local {
            Local::Tcp(at) => Some(at),
            Local::Unix(_) => None,
        });
        let mut sockets: Vec<_> = kept.into_iter().map(|(_, socket)| socket).collect();
        let missing = need.saturating_sub(sockets.len());
        let (at, new) = match at {
            Some(at) if missing > 0 => {
                self.share(&sockets).map_err(|e| BindError::tcp(tcp::text(at), at.port(), &e))?;
                (at, tcp::more(tcp, at, missing)?)
            }
            Some(at) => (at, Vec::new()),
            None => self.bind_new(tcp, ip, need)?,
        };
        let failed = |e| BindError::tcp(tcp::text(at), at.port(), &e);
        for socket in new {
            sockets.push(Socket::new(socket).map_err(failed)?);
        }
        let common = sockets.split_off(if tcp.shared { need } else { 0 });
        let local = Local::Tcp(at);
        Ok(self.bound(wanted, place, tcp::text(at), local, sockets, common))
    }

    /// New sockets. An address that overlaps one in use by this node (all addresses, and one of them) can be had while
    /// both say that they share it.
    fn bind_new(
        &mut self,
        tcp: &TcpListening,
        ip: SocketAddr,
        need: usize,
    ) -> Result<(SocketAddr, Vec<OwnedFd>), BindError> {
        let error = match tcp::bind(tcp, ip, need) {
            Err(e) if e.in_use => e,
            result => return result,
        };
        let ListenPort::Port(port) = tcp.port else { return Err(error) };
        let in_the_way: Vec<_> = self.pool.iter().filter(|piece| piece.from.overlaps(ip, port)).collect();
        let alone: Vec<_> =
            in_the_way.into_iter().filter(|piece| !piece.from.shared).map(|p| p.socket).collect();
        if alone.is_empty() {
            return Err(error);
        }
        let share = |on| alone.iter().try_for_each(|socket| SockRef::from(&socket.fd()).set_reuse_port(on));
        let result = share(true)
            .map_err(|e| BindError::tcp(tcp::text(ip), port, &e))
            .and_then(|()| tcp::bind(&TcpListening { shared: true, ..tcp.clone() }, ip, need));
        let _ = share(false);
        let (at, new) = result?;
        if !tcp.shared {
            for socket in &new {
                let _ = SockRef::from(socket).set_reuse_port(false);
            }
        }
        Ok((at, new))
    }

    fn bind_unix(
        &mut self,
        wanted: &Wanted<'_>,
        place: &Place,
        unix: &UnixListening,
    ) -> Result<Bound, BindError> {
        let address = unix::address(&unix.path);
        let local = Local::Unix(unix.path.clone());
        // To one whose name was removed nobody can connect any more: it is bound anew, and what waits in its queue is
        // served beside.
        let has_name = |piece: &Piece<'_>| piece.from.lost_name().is_none();
        if let Some((from, socket)) =
            self.take(1, |piece| place.suits(piece.from, wanted) && has_name(piece)).pop()
        {
            // The name of one that somebody else has bound is theirs.
            if let Some(name) = &from.name {
                self.adjustments
                    .extend(unix::change(unix, name, &self.names.accounts)?.map(Adjustment::Access));
            }
            let name = from.name.clone();
            return Ok(Bound { name, ..self.bound(wanted, place, address, local, Vec::new(), vec![socket]) });
        }
        let (socket, name) = unix::bind(unix, &self.names.accounts)?;
        let socket = Socket::new(socket).map_err(|e| BindError::new(&*address, e.to_string()))?;
        let bound = self.bound(wanted, place, address, local, Vec::new(), vec![socket]);
        Ok(Bound { name: Some(Rc::new(name)), ..bound })
    }

    fn bound(
        &self,
        wanted: &Wanted<'_>,
        place: &Place,
        address: String,
        local: Local,
        own: Vec<Rc<Socket>>,
        common: Vec<Rc<Socket>>,
    ) -> Bound {
        let (shared, endpoint) = match place {
            Place::Tcp(tcp, _) => (tcp.shared, ListeningEndpoint::Tcp(tcp.clone())),
            Place::Unix(unix) => (false, ListeningEndpoint::Unix(unix.clone())),
        };
        let is_chosen = matches!(&endpoint, ListeningEndpoint::Tcp(tcp) if tcp.port == ListenPort::Port(0));
        let (worker, transport) = (wanted.worker.to_owned(), wanted.transport.to_owned());
        Bound {
            is_chosen,
            worker,
            transport,
            address,
            onion: None,
            shared,
            endpoint,
            local,
            own,
            common,
            name: None,
        }
    }

    /// Takes up to so many sockets out of the pool.
    fn take(&mut self, most: usize, wanted: impl Fn(&Piece<'_>) -> bool) -> Vec<(&'a Bound, Rc<Socket>)> {
        let free = self.pool.iter_mut().filter(|piece| !piece.taken);
        let found = free.filter(|piece| wanted(piece)).take(most);
        let take = |piece: &mut Piece<'a>| {
            piece.taken = true;
            (piece.from, Rc::clone(piece.socket))
        };
        found.map(take).collect()
    }

    fn share(&mut self, sockets: &[Rc<Socket>]) -> std::io::Result<()> {
        for socket in sockets {
            let fd = socket.fd();
            let option = SockRef::from(&fd);
            if !option.reuse_port()? {
                option.set_reuse_port(true)?;
                self.adjustments.push(Adjustment::Sharing(Rc::clone(socket)));
            }
        }
        Ok(())
    }

    /// Gives sockets that nobody wanted, on addresses that somebody listens on, to those: what waits in their queues
    /// is theirs. Returns what is to be undone if the configuration doesn't come into effect.
    pub(crate) fn finish(mut self, bounds: &mut [&mut Bound]) -> Vec<Adjustment> {
        for bound in bounds {
            let left = self.take(usize::MAX, |piece| piece.from.local == bound.local);
            bound.common.extend(left.into_iter().map(|(_, socket)| socket));
        }
        self.adjustments
    }

    /// Undoes what was changed.
    pub(crate) fn give_up(self) {
        self.adjustments.into_iter().for_each(Adjustment::undo);
    }
}

impl Bound {
    /// Whether it was bound for the same transport.
    pub(super) fn belongs_to(&self, wanted: &Wanted<'_>) -> bool {
        (&*self.worker, &*self.transport) == (wanted.worker, wanted.transport)
    }

    /// Whether its address and this one are not the same, but one of them includes the other.
    fn overlaps(&self, ip: SocketAddr, port: u16) -> bool {
        let Local::Tcp(at) = self.local else { return false };
        at.port() == port
            && at.is_ipv4() == ip.is_ipv4()
            && at.ip() != ip.ip()
            && (at.ip().is_unspecified() || ip.ip().is_unspecified())
    }
}

#[cfg(test)]
mod tests;
