//! Whatever is in a file, reading it ends with a node or with diagnostics, and never with a panic.

#![allow(clippy::unwrap_used)] // What a test cannot do without, it may ask for.

use std::path::Path;

use jackfield_shared::config::{Format, Loaded, builtin, convert, parse, templates};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

fn read(text: &str, format: Format) -> Loaded {
    let loaded =
        parse(text, format, "config", Path::new("/nowhere"), &|name| (name == "SET").then(|| "1".to_owned()));
    for diagnostic in &loaded.diagnostics {
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1, "{diagnostic}");
        assert!(!diagnostic.message.is_empty());
        diagnostic.render(text);
    }
    assert!(loaded.is_valid() || !loaded.diagnostics.is_empty());
    loaded
}

/// Every configuration Crossbar.io's verdict is known of, and our own.
fn configurations() -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["config"].take());
    let mut all: Vec<Value> = cases.collect();
    all.push(serde_json::from_str(builtin()).unwrap());
    for template in templates() {
        for (path, text) in template.files {
            if let Some(format) = Format::of_file(path).filter(|_| path.contains("config")) {
                all.push(serde_json::from_str(&convert(text, format, Format::Json, path).unwrap()).unwrap());
            }
        }
    }
    all
}

/// Replaces the value (or, if `rename`, the name) that `at` points to among all of `value`.
fn mutate(value: &mut Value, at: Index, new: &Value, rename: bool) {
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(items) => items.iter().map(count).sum(),
            Value::Object(map) => map.values().map(count).sum(),
            _ => 0,
        }
    }
    fn replace(value: &mut Value, left: &mut usize, new: &Value, rename: bool) {
        if *left == 0 {
            *value = new.clone();
        }
        *left = left.wrapping_sub(1);
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| replace(item, left, new, rename)),
            Value::Object(map) => {
                if rename
                    && *left == 0
                    && let Some(key) = map.keys().next().cloned()
                {
                    let value = map.remove(&key).unwrap();
                    map.insert(format!("{key}s"), value);
                }
                map.values_mut().for_each(|item| replace(item, left, new, rename));
            }
            _ => {}
        }
    }
    let mut left = at.index(count(value));
    replace(value, &mut left, new, rename);
}

fn odd_value() -> impl Strategy<Value = Value> {
    let odd = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("${SET}"),
        json!("${UNSET}"),
        json!("${UNSET:-8080}"),
        json!("$"),
        json!("$SET"),
        json!("${"),
        json!("tcp:8080\\"),
        json!("ssl:=:=:="),
        json!("\u{0}\u{feff}\n"),
        json!([]),
        json!([[], {}]),
        json!({}),
        json!({"type": "tcp"}),
        json!({"type": "path", "paths": {"/": {"type": "path", "paths": {}}}}),
        json!({"type": "onion", "port": 1, "private_key_file": "k", "target": {"type": "twisted", "server_string": "tcp:1"}}),
    ];
    prop_oneof![select(odd), any::<i64>().prop_map(|n| json!(n)), ".{0,12}".prop_map(|text| json!(text))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        read(&text, Format::Json);
        read(&text, Format::Yaml);
    }

    #[test]
    fn arbitrary_characters_of_the_notations(text in r#"[ \n\ta-c0-9:{}\[\],"'&*!|>#%@?~<.$\\=+_-]{0,80}"#) {
        read(&text, Format::Json);
        read(&text, Format::Yaml);
    }

    #[test]
    fn configurations_with_odd_values(
        mut config in select(configurations()), at: Index, new in odd_value(), rename: bool,
    ) {
        mutate(&mut config, at, &new, rename);
        let text = config.to_string();
        let from_json = read(&text, Format::Json);
        let yaml = convert(&text, Format::Json, Format::Yaml, "config.json").unwrap();
        let from_yaml = read(&yaml, Format::Yaml);
        // Both notations say the same, apart from places in the text.
        let errors = |loaded: &Loaded| {
            let mut errors: Vec<_> = loaded
                .diagnostics
                .iter()
                .filter(|diagnostic| !diagnostic.message.contains(" line "))
                .map(|diagnostic| (diagnostic.path.clone(), diagnostic.message.clone()))
                .collect();
            errors.sort();
            errors
        };
        prop_assert_eq!(errors(&from_json), errors(&from_yaml));
        prop_assert_eq!(from_json.node, from_yaml.node);
    }

    #[test]
    fn configurations_with_broken_text(config in select(configurations()), at: Index, bytes in ".{0,3}", cut in 0..4_usize) {
        let text = serde_json::to_string_pretty(&config).unwrap();
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, bytes.chars());
        let text: String = chars.into_iter().collect();
        read(&text, Format::Json);
        read(&text, Format::Yaml);
    }

    #[test]
    fn conversion_keeps_the_value_and_the_order(config in select(configurations()), text in ".{0,20}", number: f64) {
        let config = json!({"key": config, "text": text.clone(), (text): null, "number": number.is_finite().then_some(number)});
        let json = config.to_string();
        let yaml = convert(&json, Format::Json, Format::Yaml, "config.json").unwrap();
        let back = convert(&yaml, Format::Yaml, Format::Json, "config.yaml").unwrap();
        prop_assert_eq!(back, convert(&json, Format::Json, Format::Json, "config.json").unwrap());
    }
}

#[test]
fn depth_is_limited_before_the_stack_is() {
    let mut service = json!({"type": "none"});
    for _ in 0..45 {
        service = json!({"type": "path", "paths": {"a": service}});
    }
    let transport = json!({"type": "web", "endpoint": {"type": "tcp", "port": 1}, "paths": {"/": service}});
    let config = json!({"workers": [{"type": "router", "transports": [transport]}]});
    assert!(read(&config.to_string(), Format::Json).is_valid());
    let deep = "{\"a\":".repeat(200_000);
    assert!(!read(&deep, Format::Json).is_valid());
    assert!(!read(&deep, Format::Yaml).is_valid());
    assert!(!read(&"- ".repeat(200_000), Format::Yaml).is_valid());
}
