//! A connection to the control port of a tor daemon (control-spec).

mod auth;
mod connection;
mod error;
mod reply;
mod words;

pub(crate) use connection::Control;
pub(crate) use error::ControlError;
pub(crate) use reply::{Reply, fuzz};
pub(crate) use words::{value, words};

use crate::net::stream::Stream;
use jackfield_shared::config::Secret;

/// Authenticates on a connection; returns it and what is known of tor, for people.
pub(crate) async fn open(
    stream: Stream,
    password: Option<&Secret>,
) -> Result<(Control, String), ControlError> {
    let mut control = Control::new(stream);
    let peer = auth::authenticate(&mut control, password).await?;
    Ok((control, peer))
}
