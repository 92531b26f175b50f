//! The path service `none`.

use super::service::{Answering, Service};
use crate::web::engine::answer::not_found;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use std::rc::Rc;

/// Answers 404.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Service for Nothing {
    fn answer<'a>(&'a self, request: &'a mut Asked, _: Rest<'a>, _: &'a Rc<Client>) -> Answering<'a> {
        Answering::Ready(not_found(request.headers()))
    }
}
