//! Handing the node over to another image of the executable, which goes on in this process: everything that is known
//! and held is collected at a moment when nothing is half done, and built up again.

mod collect;
mod freeze;
mod image;
mod links;
mod restore;
mod save;
mod upgrade;

pub(super) use freeze::{Attendance, End, Feed, Pause, Piece, attended};
pub(super) use image::{Handover, Upgraded, WantedImage};
pub(crate) use restore::Takeover;
