//! `jackfield passwd`

use super::failure::Failure;
use super::output::succeeded;
use crate::node::Directory;
use clap::Args;
use jackfield_worker::passwords;
use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr};
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Writes a user with a password into a file for basic authentication
///
/// The password is asked for on a terminal, else it is the first line of standard input. The file is made if there is none, and
/// changed in one step: a node that runs takes it within a second or two.
#[derive(Debug, Args)]
pub(super) struct Passwd {
    /// The file, relative to the node directory
    file: PathBuf,
    /// The user
    user: String,
    /// Remove the user instead
    #[arg(long)]
    remove: bool,
}

impl Passwd {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        let Self { file, user, remove } = self;
        if user.is_empty() || user.contains([':', '\n', '\r']) || user.starts_with('#') {
            return Err(Failure::new(
                "the name of a user has no colon, is on one line and does not begin with #",
            ));
        }
        let path = directory.absolute().join(file);
        let failed = |e: io::Error| Failure::new(format!("{}: {e}", path.display()));
        let before = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(failed(e)),
        };
        let text = before.as_deref().unwrap_or_default();
        passwords::read(text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        let is_user = |line: &&str| line.split_once(':').is_some_and(|(name, _)| name == user);
        let was_there = text.lines().any(|line| is_user(&line));
        if remove && !was_there {
            return Err(Failure::new(format!("{} has no user {user:?}", path.display())));
        }
        let mut lines: Vec<String> = text.lines().filter(|line| !is_user(line)).map(str::to_owned).collect();
        if !remove {
            let password = password().map_err(|e| Failure::new(format!("no password was read: {e}")))?;
            if password.is_empty() {
                return Err(Failure::new("an empty password is none"));
            }
            lines.push(format!("{user}:{}", passwords::hash(password.as_bytes()).map_err(Failure::new)?));
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        replace(&path, &text, before.is_some()).map_err(failed)?;
        let what = match (remove, was_there) {
            (true, _) => "removed from",
            (false, true) => "changed in",
            (false, false) => "added to",
        };
        succeeded(&format!("{user} was {what} {}", path.display()))
    }
}

/// Writes a file beside it and gives it the name, with the mode that the one before had.
fn replace(path: &Path, text: &str, exists: bool) -> io::Result<()> {
    let mode = if exists { fs::metadata(path)?.permissions().mode() & 0o777 } else { 0o600 };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&new, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// Asks for the password, which is not shown.
fn password() -> io::Result<String> {
    let stdin = io::stdin();
    let mut line = String::new();
    if isatty(&stdin) {
        let before = tcgetattr(&stdin)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        let mut terminal = io::stderr();
        write!(terminal, "Password: ")?;
        terminal.flush()?;
        tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
        let read = stdin.lock().read_line(&mut line);
        tcsetattr(&stdin, OptionalActions::Flush, &before)?;
        read?;
    } else {
        stdin.lock().read_line(&mut line)?;
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
