//! The web server: HTTP/1.1 and HTTP/2, routing by path, services.

mod accept;
mod access;
mod answer;
mod archive;
mod body;
mod bridge;
mod cgi;
mod clock;
mod connection;
mod content;
mod cors;
mod files;
mod frames;
mod json;
mod longpoll;
mod nodeinfo;
mod pages;
mod proxy;
mod query;
mod received;
mod redirect;
mod refusal;
mod request;
mod router;
mod sendfile;
mod site;
mod streams;
mod upgrade;
mod upload;
mod watched;
mod websocket_proxy;

pub use archive::{FETCHER, Order, run_fetcher};
pub(crate) use connection::{Client, Error, Http, serve};
pub(crate) use refusal::without_tls;
pub(crate) use site::Site;
pub(crate) use upgrade::Websocket;
