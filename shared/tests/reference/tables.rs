//! The schema as tables of Markdown.

use std::collections::BTreeSet;
use std::fmt::Write;

use jackfield_shared::config::schema;
use serde_json::{Map, Value};

use crate::not_built;

const MARK: &str = "*Not built yet.* ";

/// One section for each type, in the order in which the types contain each other.
pub(crate) fn markdown() -> String {
    let schema = schema();
    let marks: BTreeSet<&str> = not_built::features().into_iter().map(|(name, _)| name).collect();
    let mut out = String::new();
    let mut used = BTreeSet::new();
    for (name, def) in schema["$defs"].as_object().unwrap() {
        section(name, def, &marks, &mut used, &mut out);
    }
    let unused: Vec<_> = marks.difference(&used).collect();
    assert!(unused.is_empty(), "these names are nowhere in the reference: {unused:?}");
    out
}

fn section<'m>(
    name: &str,
    def: &Value,
    marks: &BTreeSet<&'m str>,
    used: &mut BTreeSet<&'m str>,
    out: &mut String,
) {
    write!(out, "\n### {name}\n\n{}\n", def["description"].as_str().unwrap()).unwrap();
    let Some(variants) = def["oneOf"].as_array() else {
        table(name, &attributes(def), &required(def), marks, used, out);
        return;
    };
    let (tag, _) =
        variants.iter().flat_map(attributes).find(|(_, value)| value.get("const").is_some()).unwrap();
    let mut common = attributes(&variants[0]);
    common.retain(|(key, value)| {
        *key != tag && variants.iter().all(|other| other["properties"].get(key) == Some(value))
    });
    table(name, &common, &required(&variants[0]), marks, used, out);
    for variant in variants {
        let value = variant["properties"][tag.as_str()]["const"].as_str().unwrap();
        let mark = marked(&format!("{name}:{value}"), marks, used);
        write!(out, "\n**`\"{tag}\": \"{value}\"`** {mark}{}\n", variant["description"].as_str().unwrap())
            .unwrap();
        let mut own = attributes(variant);
        own.retain(|(key, _)| *key != tag && !common.iter().any(|(other, _)| other == key));
        table(name, &own, &required(variant), marks, used, out);
    }
}

fn attributes(def: &Value) -> Vec<(String, Value)> {
    let properties = def["properties"].as_object().cloned().unwrap_or_else(Map::new);
    properties.into_iter().collect()
}

fn required(def: &Value) -> Vec<String> {
    let required = def["required"].as_array().cloned().unwrap_or_default();
    required.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn marked<'m>(name: &str, marks: &BTreeSet<&'m str>, used: &mut BTreeSet<&'m str>) -> &'static str {
    match marks.get(name) {
        Some(mark) => {
            used.insert(mark);
            MARK
        }
        None => "",
    }
}

fn table<'m>(
    name: &str,
    attributes: &[(String, Value)],
    required: &[String],
    marks: &BTreeSet<&'m str>,
    used: &mut BTreeSet<&'m str>,
    out: &mut String,
) {
    if attributes.is_empty() {
        return;
    }
    out.push_str("\n| attribute | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for (key, value) in attributes {
        let default = match value.get("default") {
            Some(default) => format!("`{default}`"),
            None if required.contains(key) => "**required**".to_owned(),
            None => String::new(),
        };
        let mark = marked(&format!("{name}.{key}"), marks, used);
        let accepted = cell(value["title"].as_str().unwrap());
        let links = links(value);
        let meaning = cell(value["description"].as_str().unwrap());
        writeln!(out, "| `{key}` | {accepted}{links} | {default} | {mark}{meaning} |").unwrap();
    }
}

/// Links to the types a value is made of.
fn links(value: &Value) -> String {
    let mut names = BTreeSet::new();
    fn collect(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(Value::as_str) {
                    names.insert(name.trim_start_matches("#/$defs/").to_owned());
                }
                map.values().for_each(|value| collect(value, names));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, names)),
            _ => {}
        }
    }
    collect(value, &mut names);
    names.into_iter().map(|name| format!(": [{name}](#{})", name.to_lowercase())).collect()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
