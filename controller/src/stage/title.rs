//! The controller's title. What `ps` shows is what a process was executed with, so the controller executes
//! itself again, as the same process: the title is its only argument, the true ones are in a variable.

use super::EXECUTABLE;
use std::env;
use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Environment variable with the process id that it is meant for, and the arguments.
pub(crate) const ARGUMENTS: &str = "JACKFIELD_ARGUMENTS";

/// The arguments of this process, the first of which is its name, and whether it has its title already.
pub(crate) fn arguments() -> (Vec<OsString>, bool) {
    let hidden = env::var(ARGUMENTS).ok().and_then(|value| {
        let (pid, arguments) = value.split_once(':')?;
        (pid.parse() == Ok(std::process::id())).then_some(())?;
        serde_json::from_str::<Vec<Vec<u8>>>(arguments).ok()
    });
    match hidden {
        Some(arguments) => (arguments.into_iter().map(OsString::from_vec).collect(), true),
        None => (env::args_os().collect(), false),
    }
}

/// Gives this process its title by executing it again; returns only if that fails.
pub(crate) fn set_title(title: &str) -> io::Error {
    let arguments: Vec<_> = env::args_os().map(|argument| argument.as_bytes().to_vec()).collect();
    match serde_json::to_string(&arguments) {
        Ok(arguments) => {
            let value = format!("{}:{arguments}", std::process::id());
            Command::new(EXECUTABLE).arg0(title).env(ARGUMENTS, value).exec()
        }
        Err(e) => e.into(),
    }
}

/// exec names the thread after the file, `exe`; `top` and `ps -o comm` should show the title's beginning.
pub(crate) fn name_thread() {
    let title = env::args_os().next().unwrap_or_default();
    // Without a title it is the path that somebody has typed.
    let is_path = title.as_bytes().starts_with(b"/") || title.as_bytes().starts_with(b".");
    let title = Path::new(&title).file_name().filter(|_| is_path).map_or(title.clone(), OsString::from);
    if let Ok(name) = CString::new(title.into_encoded_bytes()) {
        // A name is a convenience: failing to set it changes nothing.
        let _ = rustix::thread::set_name(&name);
    }
}
