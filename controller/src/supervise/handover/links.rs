//! The links between processes of a router, which outlive every image.

use crate::sockets::{LinkParts, LinkSocket, Links};
use crate::upgrade::{Arrived, Fds, LinkState, LinksState, TakeoverError, WorkerState};
use std::rc::Rc;

/// What is told of them: to releases that know one link for a worker, and to others.
pub(super) fn save<'a>(
    links: Option<&'a Links>,
    fds: &mut Fds<'a>,
) -> (Option<LinkState>, Option<LinksState>) {
    let Some(links) = links else { return (None, None) };
    let (directory, place, sockets, earlier) = links.parts();
    // An earlier release that is gone back to has this one link, by which the edges of this release find it.
    let one = sockets.first().map(|first| link_state(first, fds));
    let all = LinksState {
        directory: directory.to_owned(),
        place: fds.put(place),
        sockets: sockets.iter().map(|socket| link_state(socket, fds)).collect(),
        earlier: earlier.map(|link| link_state(link, fds)),
    };
    (one, Some(all))
}

fn link_state<'a>(link: &'a LinkSocket, fds: &mut Fds<'a>) -> LinkState {
    let (listening, place) = link.parts();
    LinkState { listening: fds.put(listening), place: fds.put(place) }
}

/// The slots of a worker whose processes have its realms. An earlier release has told of one.
pub(super) fn realms_of(state: &WorkerState) -> Vec<usize> {
    if state.realms.is_empty() { state.realm.into_iter().collect() } else { state.realms.clone() }
}

/// All links of a worker, or the one that an earlier release knows.
type Known = (Option<Rc<Links>>, Option<Rc<LinkSocket>>);

/// The links of a worker, and, where an earlier release has made it, the one that its edges know.
pub(super) fn restore(state: &WorkerState, fds: &Arrived) -> Result<Known, TakeoverError> {
    let link = |LinkState { listening, place }: &LinkState| {
        let (listening, place) = (fds.copy(*listening)?, fds.copy(*place)?);
        Ok::<_, TakeoverError>(Rc::new(LinkSocket::restore(listening, place)))
    };
    let Some(links) = &state.links else { return Ok((None, state.link.as_ref().map(link).transpose()?)) };
    let sockets = links.sockets.iter().map(link).collect::<Result<_, _>>()?;
    let directory = (links.directory.clone(), fds.copy(links.place)?);
    let earlier = links.earlier.as_ref().map(link).transpose()?;
    Ok((Some(Rc::new(Links::restore(LinkParts { directory, sockets, earlier }))), None))
}
