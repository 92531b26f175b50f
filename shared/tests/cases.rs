//! Crossbar.io's verdict on 535 configurations, against ours.
//!
//! `data/cases.jsonl` was made by giving Crossbar.io's own checker each configuration. Ours is the same, except where
//! a row of the specification's extensions says otherwise: those are listed here, each with its row.

#![allow(clippy::unwrap_used)] // What a test cannot do without, it may ask for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jackfield_shared::config::{Format, Loaded, Severity, parse};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    id: String,
    path: String,
    mutation: String,
    detail: String,
    verdict: String,
    config: Value,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// A row of the extensions, and the cases whose verdict it turns.
struct Difference {
    row: &'static str,
    ours: &'static str,
    cases: &'static [&'static str],
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        row: "`true` is the integer 1; `host: null` passes; items of `serializers` unchecked; proxy workers unchecked: \
              types are checked everywhere",
        ours: "invalid",
        cases: &[
            "m0210", "m0245", "m0246", "m0382", "m0383", "m0409", "m0430", "m0432", "m0438", "m0441",
            "m0442", "m0448", "m0467", "m0487", "m0701", "m0770", "m1063", "m1177", "m1254", "m1538",
            "m1734",
        ],
    },
    Difference { row: "missing files pass `check`: errors of `check`", ours: "invalid", cases: &["m0221"] },
    Difference {
        row: "`twisted` endpoints are accepted for the forms that name what we have, and refused by name otherwise",
        ours: "invalid",
        cases: &["m0303"],
    },
    Difference {
        row: "a value may be `\"${NAME}\"` where a string or number is expected",
        ours: "ok",
        cases: &["m0118"],
    },
    Difference {
        row: "tor (connecting): `tor_socks_port` may be absent (embedded Arti connects)",
        ours: "ok",
        cases: &["m0501"],
    },
    Difference { row: "paths of several segments, and with points", ours: "ok", cases: &["m1020"] },
    Difference { row: "Tor with `tls` can't be configured: works", ours: "ok", cases: &["m0519"] },
];

fn cases() -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases.jsonl");
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A node directory in which the files exist that the base configurations name.
fn node_dir() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases").join("node");
    fs::create_dir_all(&dir).unwrap();
    for file in
        ["server.key", "server.crt", "chain.pem", "dh.pem", "ca.pem", "c.key", "c.crt", "x.bfbs", "a.zip"]
    {
        fs::write(dir.join(file), "").unwrap();
    }
    for directory in ["cgi-bin", "../web", "../t"] {
        fs::create_dir_all(dir.join(directory)).unwrap();
    }
    dir
}

fn ours(case: &Case, dir: &Path) -> Loaded {
    let text = serde_json::to_string_pretty(&case.config).unwrap();
    parse(&text, Format::Json, "config.json", dir, &|name| case.env.get(name).cloned())
}

#[test]
fn verdicts_are_crossbars_but_for_the_rows_of_the_extensions() {
    let dir = node_dir();
    let mut wrong = Vec::new();
    let mut unused: Vec<&str> = DIFFERENCES.iter().flat_map(|row| row.cases.iter().copied()).collect();
    for case in cases() {
        let loaded = ours(&case, &dir);
        let theirs = if case.verdict == "ok" { "ok" } else { "invalid" };
        let ours = if loaded.is_valid() { "ok" } else { "invalid" };
        if theirs == ours {
            continue;
        }
        match DIFFERENCES.iter().position(|row| row.ours == ours && row.cases.contains(&case.id.as_str())) {
            Some(_) => unused.retain(|id| *id != case.id),
            None => wrong.push(format!(
                "{} ({} {} {}): Crossbar.io says {}, we say {ours}: {:?}",
                case.id,
                case.path,
                case.mutation,
                case.detail,
                case.verdict,
                loaded.of(Severity::Error).map(ToString::to_string).collect::<Vec<_>>()
            )),
        }
    }
    assert!(wrong.is_empty(), "{} differences without a row:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(unused, Vec::<&str>::new(), "these are no differences (any more)");
    assert!(DIFFERENCES.iter().all(|difference| !difference.row.is_empty()));
}

/// What was changed to make a configuration invalid is what our error names: at the attribute, inside of it, or, if
/// it was removed or decides about its neighbours, at the object around it.
#[test]
fn errors_stand_at_what_is_wrong() {
    let dir = node_dir();
    let mut astray = Vec::new();
    for case in cases().iter().filter(|case| case.verdict == "invalid") {
        let loaded = ours(case, &dir);
        let wrong = jackfield_path(&case.path);
        let around = wrong.rfind(['.', '[']).map_or("", |end| &wrong[..end]);
        let decides = wrong.ends_with(".type");
        let named =
            |path: &str| path.starts_with(&wrong) || path == around || (decides && path.starts_with(around));
        if let Some(error) = loaded.of(Severity::Error).find(|error| !named(&error.path)) {
            astray.push(format!("{} {}: {error}", case.id, case.path));
        }
    }
    assert!(astray.is_empty(), "{}", astray.join("\n"));
}

/// `/workers/0/paths/~1/type` as we write it: `workers[0].paths["/"].type`
fn jackfield_path(pointer: &str) -> String {
    let mut path = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        match segment.parse::<usize>() {
            Ok(index) => path.push_str(&format!("[{index}]")),
            Err(_) if segment == "/" => path.push_str("[\"/\"]"),
            Err(_) if path.is_empty() => path.push_str(&segment),
            Err(_) => path.push_str(&format!(".{segment}")),
        }
    }
    path
}
