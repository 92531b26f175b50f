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

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::{Format, parse};

    #[test]
    fn a_build_without_arti_says_so() {
        let text = r#"{"version": 2, "workers": [{"type": "router", "transports": [
            {"type": "stream.relay", "endpoint": {"type": "onion", "port": 80, "private_key_file": "k"},
             "backends": [{"type": "tor", "host": "x.onion", "port": 1},
                          {"type": "tor", "host": "x.onion", "port": 1, "tor_socks_port": 9050}]}]}]}"#;
        let loaded = parse(text, Format::Json, "test", std::path::Path::new("/nowhere"), &|_| None);
        let remarks = review(loaded.node.as_ref().unwrap());
        let paths: Vec<_> = remarks.iter().map(|(_, path, _)| path.to_string()).collect();
        if cfg!(feature = "arti") {
            assert_eq!(paths, [""; 0]);
        } else {
            let at = |rest: &str| format!("workers[0].transports[0].{rest}");
            assert_eq!(paths, [at("endpoint.tor_control_endpoint"), at("backends[0].tor_socks_port")]);
            assert!(remarks.iter().all(|(severity, ..)| *severity == Severity::NotBuilt));
        }
    }
}
