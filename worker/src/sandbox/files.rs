//! Which files a process may open, and to which ports it may connect: landlock(7).

use super::needs::{Connect, Needs, Read};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::path::{Path, PathBuf};

/// What is asked for: that of Linux 6.12. An older kernel does the part it knows.
const VERSION: ABI = ABI::V6;

/// The port of the name service, which long answers come from by TCP (RFC 7766).
const DOMAIN: u16 = 53;

/// Where the name service's configuration and libraries are; the directories, as their files are replaced at run time.
const NAMES: [&str; 8] = [
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/nix/store",
];

/// Where the certificates are that the system trusts.
const TRUST: [&str; 8] = [
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
    "/usr/lib/ssl",
    "/nix/store",
];

pub(super) fn restrict(needs: &Needs) -> Result<(), String> {
    let rules = if needs.programs { rules_of_programs() } else { rules(needs) };
    match rules.map(RulesetCreated::restrict_self) {
        Ok(Ok(status)) if status.ruleset == RulesetStatus::NotEnforced => {
            Err("the kernel has none (Linux 5.13 and later, where it is not switched off)".into())
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) | Err(e) => Err(e.to_string()),
    }
}

fn rules(needs: &Needs) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let network = match needs.connect {
        Connect::Any => AccessNet::BindTcp.into(),
        Connect::Only(_) => AccessNet::from_all(VERSION),
    };
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(network)?
        .scope(Scope::from_all(VERSION))?;
    let mut ruleset = ruleset.create()?;
    for path in readable(needs) {
        // What is not there can't be read anyway; on a file, the right to list it is left out by the library.
        if let Ok(fd) = PathFd::new(&path) {
            ruleset = ruleset.add_rule(PathBeneath::new(fd, read))?;
        }
    }
    for path in needs.write.iter().chain(needs.kept.iter().map(|place| &place.path)) {
        if let Ok(fd) = PathFd::new(path) {
            ruleset =
                ruleset.add_rule(PathBeneath::new(fd, AccessFs::from_all(VERSION) & !AccessFs::Execute))?;
        }
    }
    if let Connect::Only(ports) = &needs.connect {
        for port in ports.iter().copied().chain(needs.names.then_some(DOMAIN)) {
            ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
        }
    }
    Ok(ruleset)
}

/// Programs have the files and ports of their user. What is left to refuse: signals to processes that they have not
/// started, and looking into those (ptrace(2)), abstract sockets, and devices.
fn rules_of_programs() -> Result<RulesetCreated, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::Refer)?
        .scope(Scope::from_all(VERSION))?;
    let mut ruleset = ruleset.create()?;
    if let Ok(root) = PathFd::new("/") {
        // Without this no file could be moved to another directory.
        ruleset = ruleset.add_rule(PathBeneath::new(root, AccessFs::Refer))?;
    }
    Ok(ruleset)
}

fn readable(needs: &Needs) -> Vec<PathBuf> {
    let Read::Only(paths) = &needs.read else { return vec!["/".into()] };
    let mut paths: Vec<_> = paths.iter().cloned().collect();
    if needs.names {
        paths.extend(NAMES.map(PathBuf::from));
        // Often a link; what it leads to is replaced, too.
        let resolver = Path::new("/etc/resolv.conf").canonicalize().ok();
        paths.extend(resolver.as_deref().and_then(Path::parent).map(PathBuf::from));
    }
    if needs.trust {
        paths.extend(TRUST.map(PathBuf::from));
        paths
            .extend(["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().filter_map(std::env::var_os).map(PathBuf::from));
    }
    paths
}
