//! What `check` says of onion services and of the embedded Arti.

use super::file;
use jackfield_shared::config::{self, Endpoint, ListeningEndpoint, Node, Path, Severity};

/// One remark, and the attribute it is about.
pub(crate) type Review = (Severity, Path, String);

/// What there is to say about keys that are there already, and about Arti.
pub(crate) fn review(node: &Node) -> Vec<Review> {
    let mut remarks = Vec::new();
    let mut takes_arti = false;
    for (at, endpoint) in config::endpoints_of_node(node) {
        if let Endpoint::Listening(ListeningEndpoint::Onion(onion), _) = endpoint {
            let path = at.key("private_key_file");
            remarks
                .extend(file::review(&onion.private_key_file).map(|(severity, text)| (severity, path, text)));
        }
        if let Some(alternative) = endpoint.arti() {
            takes_arti = true;
            if !cfg!(feature = "arti") {
                let message = "this build of Jackfield has no embedded Arti (cargo feature \"arti\"); name a tor daemon";
                remarks.push((Severity::NotBuilt, at.key(alternative), message.into()));
            }
        }
    }
    if takes_arti {
        remarks.extend(settings(node));
    }
    remarks
}

/// Whether Arti takes its settings. What it is built of is looked at only where there is something to look at.
#[cfg(feature = "arti")]
fn settings(node: &Node) -> Option<Review> {
    let settings = &node.controller.tor;
    if settings.authorities.is_empty() && settings.bridges.is_empty() {
        return None;
    }
    let reason = jackfield_worker::check_arti(settings).err()?;
    Some((Severity::Error, Path::default().key("controller").key("tor"), reason))
}

#[cfg(not(feature = "arti"))]
fn settings(_: &Node) -> Option<Review> {
    None
}
