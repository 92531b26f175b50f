//! What a process gives up once it knows what it is for: the rights that its part of the configuration does not
//! need. A fault in it then reaches no other file, no other port and no other program.
//!
//! Everything here holds for the thread that asks for it and for those it starts later, so it is done before the
//! first helper thread exists, and can never be undone.

mod calls;
mod files;
mod needs;
mod privileges;
#[cfg(test)]
mod tests;

pub(crate) use needs::Needs;

use crate::wamp::CookiePlace;
use jackfield_shared::config::Sandbox;
use tracing::{debug, info};

/// Confines this process to what it needs.
///
/// # Errors
/// With [`Sandbox::On`], where the kernel lacks a part of it; with [`Sandbox::Auto`] the rest is done, and the log
/// says what is missing.
pub(crate) fn confine(sandbox: Sandbox, needs: &Needs) -> Result<(), String> {
    needs.kept.iter().for_each(CookiePlace::prepare);
    if sandbox == Sandbox::Off {
        return Ok(());
    }
    // The filter of system calls comes last: it refuses those that set up the others.
    let parts: [(&str, Result<(), String>); 4] = [
        ("no_new_privs", privileges::no_new_privs()),
        ("capabilities", privileges::drop_capabilities()),
        ("landlock", files::restrict(needs)),
        ("seccomp", calls::restrict(needs)),
    ];
    let missing: Vec<_> = parts
        .iter()
        .filter_map(|(part, done)| done.as_ref().err().map(|reason| format!("{part}: {reason}")))
        .collect();
    if missing.is_empty() {
        debug!("confined by no_new_privs, dropped capabilities, landlock and seccomp");
        return Ok(());
    }
    let missing = missing.join("; ");
    if sandbox == Sandbox::On {
        return Err(format!(
            "\"sandbox\": true, and this system can't do all of it ({missing}); without \"sandbox\" the process is \
             confined as far as the system can"
        ));
    }
    info!("not wholly confined: {missing}");
    Ok(())
}
