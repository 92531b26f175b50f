//! TLS by rustls: all that knows of the library is here.
//!
//! [`check`] builds what a section of the configuration asks for, from the contents of its files, and says what is
//! wrong with it. The controller does so before anything starts, and again when a file has changed; a worker process
//! does it to serve.

mod acceptor;
mod certificates;
mod challenges;
mod ciphers;
mod client;
mod dates;
mod dhparam;
mod explain;
mod groups;
mod issue;
mod pem;
mod review;
mod server;
mod sni;
mod tickets;
mod verify;

pub(crate) use acceptor::Acceptor;
pub(crate) use challenges::Challenges;
pub(crate) use client::Connector;
pub use dates::{Shown, renewal_id, shown};
pub(crate) use explain::explain;
pub(crate) use issue::challenge_certificate;
pub use issue::{new_request, self_made};

pub(crate) use tickets::Tickets;
pub use tickets::{LIFETIME as TICKET_LIFETIME, new_ticket_key};

use jackfield_shared::config::Path;
use jackfield_shared::tls::{Files, Remark, Tls, protocols};
use review::Review;

/// Everything there is to say about a section and its files; `at` is where the section is in the configuration.
/// It can be served if none of it is an error.
#[must_use]
pub fn check(section: Tls<'_>, files: &Files, at: &Path) -> Vec<Remark> {
    let mut remarks = Vec::new();
    match section {
        Tls::Listening(tls, transport) => {
            let sections = groups::sections(tls, at);
            for (index, (at, tls)) in sections.iter().enumerate() {
                let mut review = Review::new(files, at);
                drop(server::build(tls, protocols(transport), &mut review));
                // What the certificates share was looked at with the first.
                if index > 0 {
                    let shared = ["ciphers", "versions"].map(|key| at.key(key));
                    review.remarks.retain(|remark| !shared.contains(&remark.path));
                }
                remarks.extend(review.remarks);
            }
            remarks.extend(groups::without_certificate(transport, &groups::names(&sections, files), at));
        }
        // They are looked at by `passwords`.
        Tls::Passwords(_) => {}
        Tls::Connecting(tls, endpoint) => {
            let mut review = Review::new(files, at);
            drop(client::build(tls, endpoint, &mut review));
            remarks = review.remarks;
        }
    }
    remarks
}
