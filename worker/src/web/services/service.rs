//! What a path service is to the web server.

use crate::web::engine::answer::Answer;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use jackfield_shared::drain::Drain;
use jackfield_shared::status::Backend;
use jackfield_shared::tls::Files;
use std::fmt::Debug;
use std::pin::Pin;
use std::rc::Rc;

/// An answer, or one that is being made. What is known at once costs no allocation.
pub(crate) enum Answering<'a> {
    Ready(Answer),
    Later(Pin<Box<dyn Future<Output = Answer> + 'a>>),
}

impl<'a> Answering<'a> {
    /// One that is being made.
    pub(crate) fn later(answer: impl Future<Output = Answer> + 'a) -> Self {
        Self::Later(Box::pin(answer))
    }
}

/// A service at a path, ready to serve.
pub(crate) trait Service: Debug {
    /// Answers a request; `rest` is what the way here has left of its path.
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a>;

    /// Takes the files of TLS as they are now.
    ///
    /// # Errors
    /// What can't be used of them.
    fn renew(&self, _files: &Files) -> Result<(), String> {
        Ok(())
    }

    /// Its backends, as they are; whose they are, is to be filled in.
    fn backends(&self) -> Vec<Backend> {
        Vec::new()
    }

    /// Begins what goes on beside the requests, until draining begins.
    fn begin(&self, _drain: &Drain) {}
}
