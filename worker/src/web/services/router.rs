//! Which service a path leads to.

use super::service::{Answering, Service};
use crate::web::engine::answer::not_found;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use jackfield_shared::drain::Drain;
use jackfield_shared::tls;
use std::collections::HashMap;
use std::rc::Rc;

/// Routes by the first segment of a path.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    named: HashMap<String, Box<dyn Service>>,
    /// Serves what no other path does: the key `/`.
    others: Option<Box<dyn Service>>,
}

impl Routes {
    fn all(&self) -> impl Iterator<Item = &Box<dyn Service>> {
        self.named.values().chain(&self.others)
    }

    pub(crate) fn insert(&mut self, path: &str, service: Box<dyn Service>) {
        if path == "/" {
            self.others = Some(service);
        } else {
            self.named.insert(path.to_owned(), service);
        }
    }

    /// The service whose path is the first segment, and what follows it.
    pub(crate) fn named<'a>(&self, path: Rest<'a>) -> Option<(&dyn Service, Rest<'a>)> {
        let (segment, rest) = path.split()?;
        Some((self.named.get(&segment)?.as_ref(), rest))
    }

    /// The service at all other paths.
    pub(crate) fn others(&self) -> Option<&dyn Service> {
        self.others.as_deref()
    }

    fn find<'a>(&self, path: Rest<'a>) -> Option<(&dyn Service, Rest<'a>)> {
        self.named(path).or_else(|| Some((self.others()?, path)))
    }
}

impl Service for Routes {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        match self.find(rest) {
            Some((service, rest)) => service.answer(request, rest, client),
            None => Answering::Ready(not_found(request.headers())),
        }
    }

    fn renew(&self, files: &tls::Files) -> Result<(), String> {
        self.all().try_for_each(|service| service.renew(files))
    }

    fn begin(&self, drain: &Drain) {
        self.all().for_each(|service| service.begin(drain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str);

    impl std::fmt::Debug for Named {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Service for Named {
        fn answer<'a>(&'a self, request: &'a mut Asked, _: Rest<'a>, _: &'a Rc<Client>) -> Answering<'a> {
            Answering::Ready(not_found(request.headers()))
        }
    }

    #[test]
    fn named_paths_come_before_the_rest() {
        let mut routes = Routes::default();
        assert!(routes.find(Rest::of("/")).is_none());
        routes.insert("a", Box::new(Named("a")));
        routes.insert("/", Box::new(Named("others")));
        for (path, service, rest) in [("/a/b", "a", "/b"), ("/b/a", "others", "/b/a"), ("/", "others", "/")] {
            let (found, left) = routes.find(Rest::of(path)).unwrap();
            assert_eq!((format!("{found:?}").as_str(), left), (service, Rest::of(rest)), "{path}");
        }
    }
}
