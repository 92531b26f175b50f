//! Images of the executable that are to go on, or have gone on.

use crate::upgrade::{Errand, Image};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Another image is to go on in this process.
#[derive(Debug)]
pub(in super::super) struct Handover {
    pub(super) image: Image,
    pub(super) errand: Errand,
}

/// An image that somebody wants to go on.
#[derive(Debug)]
pub(in super::super) struct WantedImage {
    pub(super) path: PathBuf,
    /// The connection to whoever waits.
    pub(super) connection: Option<OwnedFd>,
    /// How it was asked for.
    pub(super) what: &'static str,
}

/// What there was before this image.
#[derive(Debug)]
pub(in super::super) struct Upgraded {
    /// The image to go back to; absent if this is the one that was gone back to.
    pub(super) before: Option<Image>,
    pub(super) version: String,
    pub(super) errand: Errand,
}
