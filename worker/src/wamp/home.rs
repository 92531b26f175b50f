//! Names of sessions, which say whose they are.

/// A name that nobody can guess from this secret part, of a session that this process has.
pub(super) fn name(secret: &str) -> String {
    format!("{:x}-{secret}", std::process::id())
}

/// The process that has the session of this name, if the name is of our making.
pub(crate) fn home(name: &str) -> Option<u32> {
    let (process, _) = name.split_once('-')?;
    u32::from_str_radix(process, 16).ok().filter(|_| !process.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_process_has_the_session() {
        assert_eq!(home(&name("se-cret")), Some(std::process::id()));
        for none in ["", "-", "12", "x-1", "+1-x", "-1-x", "100000000-x"] {
            assert_eq!(home(none), None, "{none}");
        }
    }
}
