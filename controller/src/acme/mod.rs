//! Certificates by ACME (RFC 8555): `schedule` decides when one is asked for, `keep` does it, `client` is the process that
//! speaks with the directory, `store` what is on the disk. Certificates reach workers as all files of TLS do: `crate::tls`
//! sees a new one.

mod client;
mod keep;
mod schedule;
mod store;

pub(crate) use keep::{News, Wish, keep};
