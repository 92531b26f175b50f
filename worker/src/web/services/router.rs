//! Which service a path leads to.

use super::service::Service;
use crate::web::engine::path::Rest;
use crate::web::engine::tally::Tally;
use jackfield_shared::drain::Drain;
use jackfield_shared::status::{Backend, Web};
use jackfield_shared::tls;
use std::collections::HashMap;
use std::rc::Rc;

/// Routes by the segments of a path: the longest path that is known and that a request's begins with counts.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    next: HashMap<String, Self>,
    leaf: Option<Leaf>,
}

/// A service at a path.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) service: Box<dyn Service>,
    /// Counts its requests.
    pub(crate) tally: Rc<Tally>,
}

/// Where a path leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'r, 'p> {
    pub(crate) leaf: &'r Leaf,
    /// What follows the service's own path.
    pub(crate) rest: Rest<'p>,
    /// Of how many segments that is.
    pub(crate) depth: usize,
}

impl Routes {
    /// Adds a service of this type for a host (empty: all others); `path` is `/`, or segments with slashes between them.
    pub(crate) fn insert(&mut self, host: &str, path: &str, name: &'static str, service: Box<dyn Service>) {
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let place = segments.fold(self, |routes, segment| routes.next.entry(segment.to_owned()).or_default());
        place.leaf = Some(Leaf { service, tally: Tally::new(host, path, name) });
    }

    /// The service that a path leads to.
    pub(crate) fn find<'p>(&self, path: Rest<'p>) -> Option<Found<'_, 'p>> {
        let at = |leaf, rest, depth| Some(Found { leaf, rest, depth });
        let (mut routes, mut rest, mut depth) = (self, path, 0);
        let mut found = self.leaf.as_ref().and_then(|leaf| at(leaf, path, 0));
        while !routes.next.is_empty()
            && let Some((segment, after)) = rest.split()
            && let Some(next) = routes.next.get(&*segment)
        {
            (routes, rest, depth) = (next, after, depth + 1);
            found = routes.leaf.as_ref().and_then(|leaf| at(leaf, rest, depth)).or(found);
        }
        found
    }

    fn each(&self, work: &mut dyn FnMut(&Leaf)) {
        self.leaf.iter().for_each(&mut *work);
        self.next.values().for_each(|routes| routes.each(work));
    }

    /// Lets every service take the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &tls::Files) -> Result<(), String> {
        let mut renewed = Ok(());
        self.each(&mut |leaf| {
            if renewed.is_ok() {
                renewed = leaf.service.renew(files);
            }
        });
        renewed
    }

    /// Lets every service begin what goes on beside the requests.
    pub(crate) fn begin(&self, drain: &Drain) {
        self.each(&mut |leaf| leaf.service.begin(drain));
    }

    /// What was counted at each path, if it is more than when this was asked last.
    pub(crate) fn news(&self) -> Vec<Web> {
        let mut news = Vec::new();
        self.each(&mut |leaf| news.extend(leaf.tally.news()));
        news
    }

    /// The backends of each path, as they are.
    pub(crate) fn backends(&self) -> Vec<Backend> {
        let mut backends = Vec::new();
        self.each(&mut |leaf| {
            let (host, path) = (leaf.tally.host(), leaf.tally.path());
            let of_service = leaf.service.backends().into_iter();
            backends.extend(of_service.map(|backend| Backend {
                host: host.to_owned(),
                path: path.to_owned(),
                ..backend
            }));
        });
        backends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::engine::answer::not_found;
    use crate::web::engine::client::Client;
    use crate::web::engine::received::Asked;
    use crate::web::services::Answering;

    #[derive(Debug)]
    struct Named;

    impl Service for Named {
        fn answer<'a>(&'a self, request: &'a mut Asked, _: Rest<'a>, _: &'a Rc<Client>) -> Answering<'a> {
            Answering::Ready(not_found(request.headers()))
        }
    }

    #[test]
    fn the_longest_path_counts() {
        let mut routes = Routes::default();
        assert!(routes.find(Rest::of("/")).is_none());
        for path in ["a", "a/b/c", ".well-known/acme-challenge", "favicon.ico"] {
            routes.insert("", path, "none", Box::new(Named));
        }
        assert!(routes.find(Rest::of("/x")).is_none());
        assert!(routes.find(Rest::of("/.well-known/x")).is_none());
        routes.insert("", "/", "none", Box::new(Named));
        for (path, service, rest) in [
            ("/a/x", "a", "/x"),
            ("/a/b", "a", "/b"),
            ("/a/b/x", "a", "/b/x"),
            ("//a//b/c/d?", "a/b/c", "/d?"),
            ("/%61/b/%63", "a/b/c", ""),
            ("/b/a", "/", "/b/a"),
            ("/", "/", "/"),
            ("/%ff/a", "/", "/%ff/a"),
            ("/.well-known/acme-challenge/t", ".well-known/acme-challenge", "/t"),
            ("/.well-known/x", "/", "/.well-known/x"),
            ("/favicon.ico", "favicon.ico", ""),
        ] {
            let found = routes.find(Rest::of(path)).unwrap();
            assert_eq!((found.leaf.tally.path(), found.rest), (service, Rest::of(rest)), "{path}");
        }
    }
}
