//! A file or directory that was found below the root.

use super::open::{Kind, Opened};
use super::validators::Told;
use crate::web::engine::body::Body;
use crate::web::engine::file::FileBody;
use bytes::Bytes;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

/// The content of a file: open, or in memory.
#[derive(Debug)]
pub(super) enum Content {
    Open(Arc<OwnedFd>),
    Kept(Bytes),
}

impl Content {
    /// The bytes from `start` up to `end`, as the body of an answer.
    pub(super) fn part(&self, start: u64, end: u64) -> Body {
        match self {
            Self::Open(file) => Body::File(FileBody::new(Arc::clone(file), start, end)),
            Self::Kept(bytes) => Body::Full(bytes.slice(start as usize..end as usize)),
        }
    }
}

/// A file or directory that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) content: Content,
    pub(super) kind: Kind,
    /// Bytes in it.
    pub(super) size: u64,
    /// When it was written last.
    pub(super) modified: SystemTime,
    /// What its answers say of it, if that is in memory, too.
    pub(super) told: Option<Rc<Told>>,
}

impl From<Opened> for Found {
    fn from(Opened { fd, kind, size, modified, .. }: Opened) -> Self {
        Self { content: Content::Open(Arc::new(fd)), kind, size, modified, told: None }
    }
}
