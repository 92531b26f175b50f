//! No line is lost.

use super::*;
use jackfield_tests::{Node, TempDir, signal_pid, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// How many lines: a million by `JACKFIELD_FULL=1`.
fn lines_wanted() -> u64 {
    if std::env::var("JACKFIELD_FULL").is_ok_and(|full| full == "1") { 1_000_000 } else { 100_000 }
}

const WRITER: &str = r#"
import mmap, os, signal
run = "%s-%d" % (os.environ["NAME"], os.getpid())
with open("counters/" + run, "w+b") as file:
    file.truncate(8)
    counter = mmap.mmap(file.fileno(), 8)
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
count = 0
while not stopping:
    text = b"".join(b"%s %d 0123456789012345678901234567890123456789\n" % (run.encode(), count + n) for n in range(100))
    while text:
        text = text[os.write(1, text):]
    count += 100
    counter[:] = count.to_bytes(8, "little")
"#;

/// How many lines each run of the guests has certainly written.
fn counters(dir: &Path) -> HashMap<String, u64> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let bytes = fs::read(entry.path()).unwrap().try_into().unwrap_or_default();
            (entry.file_name().into_string().unwrap(), u64::from_le_bytes(bytes))
        })
        .collect()
}

#[test]
fn not_a_line_of_four_guests_is_missing_across_reloads_restarts_rotations_and_kills() {
    let dir = TempDir::new();
    dir.write(".jackfield/writer.py", WRITER);
    fs::create_dir(dir.path().join(".jackfield/counters")).unwrap();
    // Another ROUND makes another guest of it.
    let guest = |name: &str, round: usize| {
        json!({"type": "guest", "id": name, "executable": "python3", "arguments": ["writer.py"],
               "restart": {"backoff": 0.01, "max_restarts": 1000}, "options": {"env": {"vars": {"NAME": name, "ROUND": round.to_string()}}}})
    };
    let names = ["one", "two", "three", "four"];
    let config = |rounds: &[usize; 4]| {
        let workers: Vec<_> = names.iter().zip(rounds).map(|(name, round)| guest(name, *round)).collect();
        json!({"version": 2, "controller": {"log": {"sinks": [
            {"type": "file", "path": "logs/node.log", "format": "json", "max_size": 1 << 21, "keep": 10000}]}},
            "workers": workers})
        .to_string()
    };
    let mut rounds = [0; 4];
    let node = Node::start_in(dir, &config(&rounds));
    let counters_dir = node.dir.path().join(".jackfield/counters");
    let (wanted, mut kills) = (lines_wanted(), 0);
    for round in 0.. {
        let total: u64 = counters(&counters_dir).values().sum();
        if total >= wanted && round >= 4 {
            break;
        }
        let run = |args: &[&str]| {
            let output = node.run(args);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        match round % 3 {
            0 => run(&["worker", "restart", names[round % 4]]),
            1 => {
                let pid = |s: &Value| s["workers"][round % 4]["processes"][0]["pid"].as_u64();
                let victim = pid(&node.ready()).unwrap();
                signal_pid(u32::try_from(victim).unwrap(), Signal::KILL);
                kills += 1;
                node.until("its successor", |s| pid(s).is_some_and(|pid| pid != victim));
            }
            _ => {
                rounds[round % 4] = round;
                node.dir.write(".jackfield/config.json", config(&rounds));
                run(&["reload"]);
                node.ready();
            }
        }
        let before: u64 = counters(&counters_dir).values().sum();
        until("more lines", || {
            (counters(&counters_dir).values().sum::<u64>() > before + wanted / 20).then_some(())
        });
    }
    let status = node.until("everything written", |s| sinks(s)[0]["waiting"].as_u64().unwrap() < 100_000);
    assert_eq!(status["logs"]["dropped"], 0, "{:#}", status["logs"]);
    let path = node.dir.path().join(".jackfield/logs/node.log");
    let stopped = node.run(&["stop"]);
    assert!(stopped.status.success());
    let mut seen: HashMap<String, u64> = HashMap::new();
    let (mut torn, mut total) = (0, 0);
    for record in records(&path) {
        let message = record["message"].as_str().unwrap();
        let Some((run, rest)) =
            message.split_once(' ').filter(|(run, _)| names.iter().any(|n| run.starts_with(n)))
        else {
            continue;
        };
        let number = rest.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        let next = seen.entry(run.to_owned()).or_default();
        if !message.ends_with("0123456789") {
            // The last line of a guest that was killed in the middle of a write.
            torn += 1;
            continue;
        }
        assert_eq!(number, Some(*next), "the next line of {run}");
        *next += 1;
        total += 1;
    }
    for (run, written) in counters(&counters_dir) {
        let logged = seen.get(&run).copied().unwrap_or_default();
        assert!(logged >= written, "{run} wrote {written} lines, {logged} are in the log");
    }
    assert!(torn <= kills, "{torn} torn lines, {kills} kills");
    assert!(files(&path).len() > 2, "it was rotated");
    println!("{total} lines, {} runs, {kills} kills, {} files: 0 missing", seen.len(), files(&path).len());
}
