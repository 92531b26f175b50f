//! Ways to other routers, over which sessions are joined: of proxy workers and of links.

mod connection;
mod setting;

pub(crate) use connection::{Connection, Open};
pub(crate) use setting::Setting;
