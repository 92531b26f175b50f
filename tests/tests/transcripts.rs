//! Sessions on a command line, as `tests/transcripts` has them: commands of a shell, and what is to be printed.
//!
//! A line that begins with `$ ` is a command, `> ` goes on with it, and what follows is what it prints, to either output;
//! `[exit N]` is the last line of one that fails. `[..]` stands for anything within a line, `...` for any number of lines,
//! `DIR` for the directory and `ADDR` for a loopback address. Each file is a session in a directory of its own; lines that
//! begin with `#` are for readers. `JACKFIELD_UPDATE_TRANSCRIPTS=1` writes what is printed into the files that differ.

use jackfield_tests::{TempDir, jackfield, loopback, run};
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A command and the lines that it prints.
struct Step {
    /// Its lines as they stand in the file.
    typed: String,
    /// For the shell.
    command: String,
    printed: Vec<String>,
}

/// A directory whose node, if it has one, is stopped when it goes out of scope.
struct Place(TempDir);

impl Drop for Place {
    fn drop(&mut self) {
        run(self.0.path(), &["stop", "--timeout", "0"]);
    }
}

/// What stands before the first command, and the commands.
fn parse(text: &str) -> (String, Vec<Step>) {
    let (mut head, mut steps) = (String::new(), Vec::<Step>::new());
    for line in text.lines() {
        let command = line.strip_prefix("$ ");
        match (command, line.strip_prefix("> "), steps.last_mut()) {
            (Some(command), ..) => {
                steps.push(Step { typed: format!("{line}\n"), command: command.into(), printed: Vec::new() })
            }
            (None, Some(more), Some(step)) if step.printed.is_empty() => {
                let _ = writeln!(step.typed, "{line}");
                let _ = write!(step.command, "\n{more}");
            }
            (None, _, Some(step)) => step.printed.push(line.into()),
            (None, _, None) => {
                assert!(line.is_empty() || line.starts_with('#'), "before the first command: {line}");
                let _ = writeln!(head, "{line}");
            }
        }
    }
    (head, steps)
}

/// Runs a command in a shell; the lines that it prints.
fn typed(command: &str, dir: &Path, addr: Ipv4Addr) -> Vec<String> {
    let executable = jackfield();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(dir)
        .env("PATH", format!("{}:{path}", executable.parent().unwrap().display()))
        .env("ADDR", addr.to_string())
        .env("NO_COLOR", "1")
        .env_remove("JACKFIELD_DIR")
        .env_remove("CROSSBAR_DIR")
        .stdin(Stdio::null())
        .output()
        .expect("run a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    let text = text.replace(&*dir.to_string_lossy(), "DIR").replace(&addr.to_string(), "ADDR");
    let mut lines: Vec<_> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    if !output.status.success() {
        let code = output.status.code().map_or("by a signal".into(), |code| code.to_string());
        lines.push(format!("[exit {code}]"));
    }
    lines
}

/// Whether a line is what is expected, in which `[..]` stands for anything.
fn fits(expected: &str, line: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits(after, &rest[at..]))
        }),
    }
}

/// The same of lines, where `...` stands for any number of them.
fn all_fit(expected: &[String], lines: &[String]) -> bool {
    match (expected, lines) {
        ([], []) => true,
        ([any, expected @ ..], _) if any == "..." => {
            (0..=lines.len()).any(|skipped| all_fit(expected, &lines[skipped..]))
        }
        ([first, expected @ ..], [line, lines @ ..]) => fits(first, line) && all_fit(expected, lines),
        _ => false,
    }
}

/// Runs a session; its text with what was printed where that differs.
fn session(text: &str, addr: Ipv4Addr) -> String {
    let place = Place(TempDir::new());
    let (mut found, steps) = parse(text);
    for step in steps {
        // Lines without a text, and for readers, stand between the commands.
        let is_printed = |line: &String| !line.is_empty() && !line.starts_with('#');
        let end = step.printed.iter().rposition(is_printed).map_or(0, |at| at + 1);
        let (printed, between) = step.printed.split_at(end);
        let lines = typed(&step.command, place.0.path(), addr);
        let shown = if all_fit(printed, &lines) { printed } else { &lines };
        found += &step.typed;
        for line in shown.iter().chain(between) {
            let _ = writeln!(found, "{line}");
        }
    }
    found
}

#[test]
fn what_is_typed_is_answered_as_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let addr = loopback();
    let mut differing = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\n$ ") || text.starts_with("$ "), "{} has no command", path.display());
        let found = session(&text, addr);
        if found != text {
            if std::env::var_os("JACKFIELD_UPDATE_TRANSCRIPTS").is_some() {
                fs::write(&path, &found).unwrap();
            }
            differing.push(format!("{}:\n{}", path.display(), difference(&text, &found)));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// The lines that differ, as diff(1) marks them, from the first to the last.
fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let pairs = expected[same..].iter().rev().zip(found[same..].iter().rev());
    let after = pairs.take_while(|(a, b)| a == b).count();
    let marked = |mark, lines: &[&str]| {
        lines[same..lines.len() - after].iter().fold(String::new(), |text, line| text + mark + line + "\n")
    };
    format!("from line {}:\n{}{}", same + 1, marked("-", &expected), marked("+", &found))
}

#[test]
fn a_pattern_fits_what_it_says_and_nothing_else() {
    for (expected, line, does) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a [..] c", "a b b c", true),
        ("a [..] c", "a b b", false),
        ("[..]", "", true),
        ("[..]é[..]", "xéy", true),
    ] {
        assert_eq!(fits(expected, line), does, "{expected} {line}");
    }
    let lines = |text: &str| text.split_terminator('\n').map(str::to_owned).collect::<Vec<_>>();
    assert!(all_fit(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(all_fit(&lines("..."), &lines("")));
    assert!(!all_fit(&lines("a\n...\nd"), &lines("a\nb\nc")));
    assert!(!all_fit(&lines("a"), &lines("a\nb")));
}
