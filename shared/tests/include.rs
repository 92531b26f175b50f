//! A configuration in several files: what is where, and what is wrong where.

#![allow(clippy::unwrap_used)] // What a test cannot do without, it may ask for.

use jackfield_shared::config::{Loaded, Path as ConfigPath, Severity, WorkerKind, load};
use std::fs;
use std::path::{Path, PathBuf};

/// A node directory for one test.
fn node(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("include").join(name);
    let _ = fs::remove_dir_all(&dir);
    for (file, text) in files {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn read(dir: &Path) -> Loaded {
    load(&dir.join("config.yaml"), dir, &|name| match name {
        "SITES" => Some("sites".into()),
        "CREDENTIALS_DIRECTORY" => Some(dir.join("credentials").display().to_string()),
        "PORT" => Some("80".into()),
        "PATH" => Some("/bin:/usr/bin".into()),
        _ => None,
    })
}

fn said(loaded: &Loaded) -> Vec<String> {
    let dir = loaded.file.trim_end_matches("config.yaml");
    loaded.diagnostics.iter().map(|found| found.to_string().replace(dir, "")).collect()
}

const WEB: &str = "
workers:
  - type: router
    transports:
      - type: web
        endpoint: {type: tcp, port: 8080}
        paths: {/: {type: nodeinfo}}
        hosts: {include: '${SITES}/*.yaml'}
";

#[test]
fn hosts_paths_workers_and_lists_are_put_together() {
    let dir = node(
        "together",
        &[
            ("config.yaml", &format!("include: [more.yaml, nothing-*.yaml]\n{WEB}")),
            ("sites/a.yaml", "a.example: {paths: {/: {type: nodeinfo}, include: paths.json}}"),
            ("sites/b.yaml", "b.example: {paths: {/: {type: nodeinfo}}}\n"),
            ("sites/b.yaml~", "broken: ["),
            ("paths.json", r#"{"include": {"type": "nodeinfo"}, "b": {"type": "nodeinfo"}}"#),
            ("more.yaml", "version: 2\ncontroller: {id: box}\nworkers: [include: workers]\n"),
            ("workers/1.yaml", "type: router\nid: one\ntransports: [include: t.yaml]\n"),
            ("workers/2.yaml", "[{type: router, id: two}, {type: router, id: three}]"),
            ("workers/3.yaml", "# nothing\n"),
            ("t.yaml", "type: stream.testee\nendpoint: {type: tcp, port: 8090}\n"),
        ],
    );
    let loaded = read(&dir);
    assert_eq!(said(&loaded), [""; 0]);
    let node = loaded.node.as_ref().unwrap();
    assert_eq!(node.controller.id.as_deref(), Some("box"));
    let ids: Vec<_> = node.workers.iter().map(|worker| worker.id.as_str()).collect();
    assert_eq!(ids, ["worker001", "one", "two", "three"]);
    let WorkerKind::Router(router) = &node.workers[1].kind else { panic!() };
    assert_eq!(router.transports.len(), 1);
    let hosts = format!("{:?}", node.workers[0]);
    for name in ["a.example", "b.example", "\"include\"", "\"b\""] {
        assert!(hosts.contains(name), "{name}");
    }
    // What goes wrong later has its place in the file that is included.
    let at =
        ConfigPath::default().key("workers").index(1).key("transports").index(0).key("endpoint").key("port");
    assert_eq!(loaded.place_of(&at), format!("{}:2:23", dir.join("t.yaml").display()));
    assert_eq!(loaded.included.paths().count(), 6);
}

#[test]
fn mistakes_have_their_file_line_and_column() {
    let dir = node(
        "mistakes",
        &[
            ("config.yaml", &format!("include: [more.yaml, absent.yaml]\n{WEB}")),
            ("more.yaml", "workers:\n  - type: router\n    id: x\n    tarnsports: []\nversion: 3\n"),
            ("sites/a.yaml", "a.example:\n  paths:\n    /: {type: statc}\n"),
            ("sites/b.yaml", "a.example: {paths: {/: {type: nodeinfo}}}\n"),
            ("sites/c.yaml", "[1]"),
            ("sites/d.yaml", "a: {\nsecret: [hunter2"),
        ],
    );
    let loaded = read(&dir);
    let said = said(&loaded);
    for wanted in [
        "config.yaml:1:22: include: absent.yaml cannot be read: No such file or directory",
        "more.yaml:4:5: workers[1].tarnsports: unknown attribute; did you mean \"transports\"?",
        "sites/a.yaml:3:15: workers[0].transports[0].hosts[\"a.example\"].paths[\"/\"].type: found the string \"statc\"",
        "sites/b.yaml:1:1: workers[0].transports[0].hosts[\"a.example\"]: stands in line 1 of",
        "sites/c.yaml:1:1: workers[0].transports[0].hosts: found a list, expected an object of hosts",
        "sites/d.yaml:",
    ] {
        assert!(said.iter().any(|text| text.starts_with(wanted)), "{wanted}\n{}", said.join("\n"));
    }
    assert!(said.iter().any(|text| text.contains("version")), "{said:?}");
    let shown: Vec<_> = loaded.diagnostics.iter().map(|found| loaded.render(found)).collect();
    let shown = shown.join("\n");
    assert!(
        shown.contains("4 |     tarnsports: []") && shown.contains("3 |     /: {type: statc}"),
        "{shown}"
    );
    assert!(!shown.contains("hunter2"));
}

#[test]
fn files_that_include_each_other_end() {
    let dir = node(
        "cycle",
        &[
            ("config.yaml", "include: a.yaml"),
            ("a.yaml", "include: b.yaml"),
            ("b.yaml", "include: [a.yaml, config.yaml]"),
        ],
    );
    let said_of = |name: &str, files: &[(&str, &str)]| said(&read(&node(name, files)));
    let said = said(&read(&dir));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with("b.yaml:1:11: include: ") && said[0].ends_with("a.yaml would include itself")
    );
    let deep: Vec<_> = (0..12).map(|n| (format!("{n}.yaml"), format!("include: {}.yaml", n + 1))).collect();
    let mut files: Vec<_> = deep.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("config.yaml", "include: 0.yaml"));
    let said = said_of("deep", &files);
    assert!(
        said.len() == 1 && said[0].starts_with("7.yaml:1:10: ") && said[0].contains("8 deep"),
        "{said:?}"
    );
    // Many of many: bounded by their number.
    let twice = |n: usize| format!("include: [{}]", vec![format!("{}.yaml", n + 1); 8].join(", "));
    let wide: Vec<_> = (0..6).map(|n| (format!("{n}.yaml"), twice(n))).collect();
    let mut files: Vec<_> = wide.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.extend([("config.yaml", "include: 0.yaml"), ("6.yaml", "{}")]);
    let said = said_of("wide", &files);
    assert!(said.len() == 1 && said[0].contains("1000 files"), "{} {:?}", said.len(), said.first());
}

#[test]
fn include_is_a_name_like_others_where_nothing_is_included() {
    let config = "
workers:
  - type: guest
    executable: sh
    options: {env: {vars: {include: '1'}}}
  - type: router
    transports:
      - type: web
        endpoint: {type: tcp, port: 8080}
        paths: {/: {type: json, value: {paths: {include: x}}}, include: {type: nodeinfo}}
x-notes: [anything, {at: all}]
";
    let loaded = read(&node("names", &[("config.yaml", config)]));
    assert!(loaded.is_valid(), "{:?}", said(&loaded));
    assert_eq!(loaded.included.paths().count(), 0);
}

#[test]
fn strings_take_variables_and_files() {
    let config = "
x-all: &all {type: router, x-why: {because: 1}}
workers:
  - <<: *all
    id: front
    transports:
      - type: web
        endpoint: {type: tcp, port: '${PORT}${credential:port}', x-port: of the site}
        paths:
          /: {type: redirect, url: 'https://${HOST:-${SITES}.example}/$${HOME}{path}'}
  - type: guest
    executable: sh
    arguments: ['-c', 'echo ${PORT}', '${PORT}']
    options: {env: {vars: {DB: 'x:${file:secret}@y'}}}
";
    let dir =
        node("strings", &[("config.yaml", config), ("credentials/port", "80\n"), ("secret", "hunter2\n")]);
    let loaded = read(&dir);
    let node = loaded.node.as_ref().unwrap_or_else(|| panic!("{:?}", said(&loaded)));
    let text = serde_json::to_string(node).unwrap();
    for wanted in
        ["8080", "https://sites.example/${HOME}{path}", r#"["-c","echo ${PORT}","80"]"#, "x:hunter2@y"]
    {
        assert!(text.contains(wanted), "{wanted} {text}");
    }
    assert_eq!(loaded.files_read.len(), 2);
}

#[test]
fn what_is_in_files_is_never_said() {
    let config = "
workers:
  - type: router
    transports:
      - {type: stream.testee, endpoint: {type: tcp, port: '${file:secret}'}}
      - {type: '${file:secret}', endpoint: {type: tcp, port: '1${file:secret}'}}
      - {type: web, endpoint: {type: tcp, port: 1}, paths: {/: {type: static, directory: 'a${file:secret}'}}}
      - {type: web, endpoint: {type: tcp, port: 2}, paths: {/: {type: static, directory: '${file:absent}'}}}
      - {type: web, endpoint: {type: tcp, port: 3}, paths: {/: {type: static, directory: '${credential:../x}'}}}
";
    let loaded = read(&node("hidden", &[("config.yaml", config), ("secret", "hunter2")]));
    let shown: Vec<_> = loaded.diagnostics.iter().map(|found| loaded.render(found)).collect();
    assert!(!shown.join("\n").contains("hunter2"), "{}", shown.join("\n"));
    let errors = loaded.of(Severity::Error).count();
    assert_eq!(errors, 6, "{}", shown.join("\n"));
    assert!(shown.iter().any(|text| text.contains("absent: cannot be read: No such file")), "{shown:?}");
    assert!(shown.iter().any(|text| text.contains("a name without slashes")), "{shown:?}");
}
