//! The web server: HTTP/1.1 and HTTP/2 (`engine`), the path services (`services`), and the paths of a transport (`site`).

mod engine;
mod hosts;
mod rules;
mod services;
mod site;

pub(crate) use engine::client::Client;
pub(crate) use engine::connection::{Http, serve};
pub(crate) use engine::fuzz as fuzz_http;
pub(crate) use engine::refusal::without_tls;
pub(crate) use engine::respond::Error;
pub use services::{FETCHER, Order, run_fetcher};
pub(crate) use services::{Websocket, fuzz_form, fuzz_zip};
pub(crate) use site::Site;
