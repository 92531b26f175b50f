//! The path service `none`.

use super::answer::not_found;
use super::client::Client;
use super::path::Rest;
use super::received::Asked;
use super::service::{Answering, Service};
use std::future::ready;
use std::rc::Rc;

/// Answers 404.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Service for Nothing {
    fn answer<'a>(&'a self, request: &'a mut Asked, _: Rest<'a>, _: &'a Rc<Client>) -> Answering<'a> {
        Box::pin(ready(not_found(request.headers())))
    }
}
