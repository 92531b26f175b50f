//! Every configuration that people are shown is valid and can be started: examples/, README.md and docs/.
//!
//! In Markdown these are the blocks marked `json` or `yaml` that have `workers` at the top. A part of a configuration
//! is checked too if the mark says what it is: `json worker`, `yaml transport`, `json endpoint`, `json backend`, `yaml controller`.
//! A block with the name of a file in its mark, as `yaml sites/shop.yaml`, is what the block before it includes.

#![allow(clippy::unwrap_used)] // What a test cannot do without, it may ask for.

use std::fs;
use std::path::{Path, PathBuf};

use jackfield_shared::config::{Format, builtin, convert, load, parse, templates};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn examples_can_be_started() {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let example = entry.unwrap().path();
        let name = example.file_name().unwrap().to_str().unwrap().to_owned();
        let dir = example.join(".jackfield");
        let config = jackfield_shared::config::find(&dir, None).expect("a configuration");
        // Keys are not part of an example: its README says how to make them.
        let with_keys = keys();
        let needs_keys = fs::read_to_string(&config).unwrap().contains("server.key");
        let loaded = load(&config, if needs_keys { &with_keys } else { &dir }, &programs);
        assert_eq!(loaded.diagnostics, [], "{name}");
        let readme = fs::read_to_string(example.join("README.md")).unwrap();
        assert!(
            readme.contains(&format!("--dir examples/{name}/.jackfield")),
            "{name}/README.md says how to start it"
        );
        let template = templates().iter().find(|template| template.name == name).expect("a template");
        for (path, text) in template.files {
            assert_eq!(fs::read_to_string(example.join(path)).unwrap(), *text);
        }
        names.push(name);
    }
    assert_eq!(names.len(), templates().len());
}

/// PATH leads to the programs that guests in documents are, wherever this machine has them, or not.
fn programs(variable: &str) -> Option<String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents").join("bin");
    fs::create_dir_all(&dir).unwrap();
    for program in ["node", "python3", "sh"] {
        fs::write(dir.join(program), "").unwrap();
    }
    (variable == "PATH").then(|| dir.display().to_string())
}

/// A node directory with the files of TLS that documents name.
fn keys() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents").join("node");
    fs::create_dir_all(dir.join("../web")).unwrap();
    fs::create_dir_all(&dir).unwrap();
    for file in [
        "server.key",
        "server.crt",
        "ca.crt",
        "crl.pem",
        "other.key",
        "other.crt",
        "client.key",
        "client.crt",
        "users",
    ] {
        fs::write(dir.join(file), "").unwrap();
    }
    dir
}

#[test]
fn configurations_in_documents_are_valid() {
    let mut documents: Vec<PathBuf> =
        fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.push(root().join("README.md"));
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md") && path.exists());
    let dir = keys();
    let mut checked = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for (_, info, block) in blocks(&text) {
            if let Some((_, file)) = info.split_once(' ').filter(|(_, file)| Format::of_file(file).is_some())
            {
                fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
                fs::write(dir.join(file), block).unwrap();
            }
        }
        for (line, info, block) in blocks(&text) {
            let Some(config) = configuration(info, &block) else { continue };
            let name = format!("{} (line {line})", document.display());
            fs::write(dir.join("config.json"), &config).unwrap();
            let loaded = load(&dir.join("config.json"), &dir, &|_| None);
            let errors: Vec<_> = loaded.diagnostics.iter().map(|found| loaded.render(found)).collect();
            assert!(loaded.can_start(), "{name}: {}", errors.join("\n"));
            checked += 1;
        }
    }
    assert!(checked >= 2);
}

/// The fenced blocks of a document: line, what stands behind the fence, text.
fn blocks(text: &str) -> Vec<(usize, &str, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(info) = line.trim_start().strip_prefix("```").filter(|info| !info.is_empty()) {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            blocks.push((number + 1, info.trim(), block.collect::<Vec<_>>().join("\n")));
        }
    }
    blocks
}

fn configuration(info: &str, block: &str) -> Option<String> {
    let (notation, part) = info.split_once(' ').unwrap_or((info, ""));
    let format = Format::of_file(&format!("block.{notation}"))?;
    let json = match convert(block, format, Format::Json, "block") {
        Ok(json) => json,
        Err(error) => panic!("{error}\n{block}"),
    };
    let value: Value = serde_json::from_str(&json).unwrap();
    let in_worker = |transport: Value| json!({"workers": [{"type": "router", "transports": [transport]}]});
    let config = match part {
        "worker" => json!({"workers": [value]}),
        "transport" => in_worker(value),
        "endpoint" => in_worker(json!({"type": "stream.testee", "endpoint": value})),
        "backend" => {
            let endpoint = json!({"type": "tcp", "port": 8080});
            in_worker(json!({"type": "stream.relay", "endpoint": endpoint, "backends": [value]}))
        }
        "controller" => json!({"controller": value}),
        _ if value.get("workers").is_some() => value,
        _ => return None,
    };
    Some(serde_json::to_string_pretty(&config).unwrap())
}

#[test]
fn the_built_in_node_converts() {
    let yaml = convert(builtin(), Format::Json, Format::Yaml, "built-in").unwrap();
    let loaded = parse(&yaml, Format::Yaml, "built-in", Path::new("/"), &|_| None);
    assert_eq!(loaded.node, parse(builtin(), Format::Json, "built-in", Path::new("/"), &|_| None).node);
}
