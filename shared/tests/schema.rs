//! The JSON Schema: valid itself, it accepts what is valid, and refuses what its types exclude.

#![allow(clippy::unwrap_used)] // What a test cannot do without, it may ask for.

use std::path::Path;

use jackfield_shared::config::{Format, builtin, convert, parse, schema, templates};
use serde_json::{Value, json};

fn validator() -> jsonschema::Validator {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn accepts_the_built_in_node_and_the_examples() {
    let validator = validator();
    validator.validate(&serde_json::from_str(builtin()).unwrap()).unwrap();
    for template in templates() {
        for (path, text) in template.files {
            if let Some(format) = Format::of_file(path) {
                let json = convert(text, format, Format::Json, path).unwrap();
                let value: Value = serde_json::from_str(&json).unwrap();
                assert_eq!(
                    validator.validate(&value).map_err(|error| error.to_string()),
                    Ok(()),
                    "{}",
                    template.name
                );
            }
        }
    }
}

#[test]
fn agrees_with_check_where_it_can() {
    let validator = validator();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases.jsonl");
    let mut accepted_in_error = 0;
    let mut wrong = Vec::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let mut case: Value = serde_json::from_str(line).unwrap();
        let config = case["config"].take();
        let loaded = parse(&config.to_string(), Format::Json, "config", Path::new("/nowhere"), &|_| {
            Some("8080".into())
        });
        let schema_accepts = validator.is_valid(&config);
        // Files that are missing, and variables, are nothing a schema knows about.
        let errors: Vec<_> =
            loaded.diagnostics.iter().filter(|found| !found.message.contains("does not exist")).collect();
        let unknown = errors.iter().any(|error| error.message.starts_with("unknown attribute;"));
        if loaded.is_valid() && !schema_accepts {
            wrong.push(format!("{}: the schema refuses {}", case["id"], case["detail"]));
        }
        if unknown && schema_accepts {
            wrong.push(format!("{}: the schema accepts {}", case["id"], errors[0]));
        }
        accepted_in_error += usize::from(!loaded.is_valid() && schema_accepts);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is left are conditions on several attributes, files, and text that only a program can judge.
    assert!(accepted_in_error < 70, "the schema accepts {accepted_in_error} configurations that are invalid");
}

#[test]
fn knows_recursion() {
    let paths = |inner: Value| {
        json!({"workers": [{"type": "router", "transports": [{
            "type": "web", "endpoint": {"type": "tcp", "port": 80},
            "paths": {"/": {"type": "path", "paths": {"a": {"type": "path", "paths": {"b": inner}}}}}
        }]}]})
    };
    assert!(validator().is_valid(&paths(json!({"type": "none"}))));
    assert!(!validator().is_valid(&paths(json!({"type": "nothing"}))));
}
