//! What supervises programs.

use super::{Peer, adapted, ours, printed};
use jackfield_tests::{TempDir, curl, loopback, node_modules, signal_pid, until, venv_python};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the program of a directory has said at each start: a greeting, and its process id.
fn starts(dir: &Path) -> Vec<(String, u32)> {
    let text = fs::read_to_string(dir.join("starts")).unwrap_or_default();
    let whole = text.lines().filter_map(|line| line.split_once(' '));
    whole.filter_map(|(greeting, pid)| Some((greeting.to_owned(), pid.parse().ok()?))).collect()
}

/// Two processes, told the same; one that is killed is there again.
fn two_that_are_kept(dir: &Path) {
    let first = until("two processes", || Some(starts(dir)).filter(|starts| starts.len() == 2));
    assert!(first.iter().all(|(greeting, _)| greeting == "hello"), "{first:?}");
    signal_pid(first[0].1, Signal::KILL);
    until("a third", || (starts(dir).len() == 3).then_some(()));
}

#[test]
fn supervisord() {
    let (theirs, dir) = (TempDir::new(), TempDir::new());
    for dir in [&theirs, &dir] {
        dir.write("app.sh", "echo \"$GREETING $$\" >> starts; exec sleep 600");
    }
    let at = theirs.path().display().to_string();
    let text = adapted(printed("from-supervisord.md", "ini"), &[("/srv/app", &at)]);
    let file = theirs
        .write("supervisord.conf", format!("[supervisord]\nlogfile={at}/log\npidfile={at}/pid\n{text}"));
    let program = venv_python().with_file_name("supervisord");
    let supervisord = Peer::start(program.to_str().unwrap(), &["-n", "-c", file.to_str().unwrap()], &[]);
    two_that_are_kept(theirs.path());
    signal_pid(supervisord.running.pid(), Signal::TERM);
    for (_, pid) in starts(theirs.path()) {
        assert!(jackfield_tests::wait_for_end(pid));
    }
    let home = dir.path().to_owned();
    let node = ours("from-supervisord.md", dir, &[]);
    two_that_are_kept(&home);
    node.stop();
}

const SERVER: &str = "const http = require('node:http');
const server = http.createServer((_, response) => response.end(`${process.env.GREETING} ${process.pid}`));
";

/// Answers come from two processes; when one of them is killed, from another one.
fn two_that_answer(url: &str) {
    let who = || {
        // pm2 may have handed a connection to the process that is killed.
        let answer = curl(&["-m", "5", "--retry", "20", "--retry-all-errors", "--retry-delay", "1", url]);
        let (greeting, pid) = answer.split_once(' ').unwrap();
        assert_eq!(greeting, "hello");
        pid.parse::<u32>().unwrap()
    };
    let mut seen = BTreeSet::new();
    until("both processes", || {
        seen.insert(who());
        (seen.len() == 2).then_some(())
    });
    let killed = *seen.first().unwrap();
    signal_pid(killed, Signal::KILL);
    until("a third", || (!seen.contains(&who())).then_some(()));
}

#[test]
fn pm2() {
    let (peer, theirs, dir) = (loopback(), TempDir::new(), TempDir::new());
    let listening = printed_line("from-pm2.md");
    dir.write("server.js", SERVER.to_owned() + &listening);
    theirs.write(
        "server.js",
        SERVER.to_owned() + &listening.replace("8080", &format!("{{host: '{peer}', port: 8080}}")),
    );
    let (home, at) = (theirs.path().join("home"), theirs.path().to_str().unwrap());
    let file =
        theirs.write("ecosystem.config.js", adapted(printed("from-pm2.md", "js"), &[("/srv/app", at)]));
    let pm2 = |args: &[&str]| {
        let mut command = Command::new(node_modules().join("node_modules/.bin/pm2"));
        let done = command.args(args).env("PM2_HOME", &home).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    pm2(&["start", file.to_str().unwrap()]);
    let kept = std::panic::catch_unwind(|| two_that_answer(&format!("http://{peer}:8080/")));
    // Its daemon is nobody's child.
    pm2(&["kill"]);
    assert!(kept.is_ok());
    let node = ours("from-pm2.md", dir, &[]);
    two_that_answer(&format!("http://{}:8080/", node.addr));
    node.stop();
}

/// The line of the program that the page prints.
fn printed_line(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = fs::read_to_string(path).unwrap();
    let (_, line) = text.split_once("`server.listen(").unwrap();
    format!("server.listen({}", line.split_once('`').unwrap().0)
}
