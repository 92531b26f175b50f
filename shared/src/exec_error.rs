//! Why a program can't be executed, in words: what execve(2) says is about the file's interpreter as often as about the
//! file.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

/// ENOEXEC of errno(3).
const NO_EXEC: i32 = 8;

/// The reason, without the program's own path.
pub fn explain(program: &Path, error: &io::Error) -> String {
    let is_there = program.is_file();
    if error.kind() == io::ErrorKind::NotFound && is_there {
        let Some(interpreter) = interpreter(program) else {
            return "it is there, but not what is to load it: was it built for another system?".into();
        };
        if let Some(plain) = interpreter.strip_suffix('\r') {
            return format!(
                "its first line ends with a carriage return, as lines do on Windows, so {plain:?} is not what is looked \
                 for; convert its lines (`sed -i 's/\\r$//'`)"
            );
        }
        return format!("its interpreter {interpreter:?}, named in its first line, does not exist");
    }
    if error.raw_os_error() == Some(NO_EXEC) {
        return "it is no program, and its first line names no interpreter (#!/…)".into();
    }
    error.to_string()
}

/// What the first line of a script names.
fn interpreter(program: &Path) -> Option<String> {
    let mut line = Vec::new();
    BufReader::new(File::open(program).ok()?.take(256)).read_until(b'\n', &mut line).ok()?;
    let line = line.strip_prefix(b"#!")?;
    let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned();
    let words = line.trim_start_matches([' ', '\t']);
    Some(words.split([' ', '\t']).next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    #[test]
    fn the_interpreter_is_blamed_where_it_is_missing() {
        let dir = std::env::temp_dir().join(format!("jackfield-exec-error-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for (text, expected) in [
            (
                "#!/nowhere/python3 -u\nprint(1)\n",
                "its interpreter \"/nowhere/python3\", named in its first line, does not exist",
            ),
            ("#!/bin/sh\r\necho\r\n", "its first line ends with a carriage return"),
        ] {
            let script = dir.join("script");
            std::fs::write(&script, text).unwrap();
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
            let error = Command::new(&script).spawn().unwrap_err();
            let reason = explain(&script, &error);
            assert!(reason.starts_with(expected), "{reason}");
        }
        let absent = dir.join("absent");
        let error = Command::new(&absent).spawn().unwrap_err();
        assert_eq!(explain(&absent, &error), error.to_string());
        let no_exec = io::Error::from_raw_os_error(NO_EXEC);
        assert!(explain(&absent, &no_exec).contains("names no interpreter"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
