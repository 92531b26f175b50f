//! JSON to YAML and back, in the order written. Comments are lost: JSON has none, and the tree keeps none.

use super::diagnostic::{Diagnostic, Severity};
use super::source::{self, Entry, Format, Kind, Value, plain_scalar};

/// Rewrites the document `text` from one notation to the other; `file` is its name in an error.
///
/// It need not be a valid configuration. Anchors and merge keys of YAML are resolved.
pub fn convert(text: &str, from: Format, to: Format, file: &str) -> Result<String, Diagnostic> {
    let root = source::parse(text, from).map_err(|error| Diagnostic {
        severity: Severity::Error,
        file: file.to_owned(),
        line: error.span.line,
        column: error.span.column,
        path: String::new(),
        message: error.message,
        sensitive: false,
    })?;
    let mut out = String::new();
    match to {
        Format::Json => {
            json(&root, 0, &mut out);
            out.push('\n');
        }
        Format::Yaml => yaml(&root, 0, &mut out),
    }
    Ok(out)
}

const INDENT: &str = "  ";

fn json(value: &Value, level: usize, out: &mut String) {
    let (open, close, count) = match &value.kind {
        Kind::List(items) => ('[', ']', items.len()),
        Kind::Map(entries) => ('{', '}', entries.len()),
        _ => return out.push_str(&scalar(value, quoted_json)),
    };
    out.push(open);
    let separate = |out: &mut String, position: usize| {
        out.push_str(if position == 0 { "\n" } else { ",\n" });
        out.push_str(&INDENT.repeat(level + 1));
    };
    match &value.kind {
        Kind::List(items) => {
            for (position, item) in items.iter().enumerate() {
                separate(out, position);
                json(item, level + 1, out);
            }
        }
        Kind::Map(entries) => {
            for (position, entry) in entries.iter().enumerate() {
                separate(out, position);
                out.push_str(&quoted_json(&entry.key));
                out.push_str(": ");
                json(&entry.value, level + 1, out);
            }
        }
        _ => {}
    }
    if count > 0 {
        out.push('\n');
        out.push_str(&INDENT.repeat(level));
    }
    out.push(close);
}

/// Writes `value` as whole lines, each indented by `level`.
fn yaml(value: &Value, level: usize, out: &mut String) {
    let indent = INDENT.repeat(level);
    match &value.kind {
        Kind::List(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&indent);
                out.push('-');
                match &item.kind {
                    // The first attribute stands behind the dash, the others below it.
                    Kind::Map(entries) if !entries.is_empty() => {
                        let mut block = String::new();
                        yaml(item, level + 1, &mut block);
                        out.push(' ');
                        out.push_str(block.trim_start_matches(' '));
                    }
                    _ => yaml_behind(item, level + 1, out),
                }
            }
        }
        Kind::Map(entries) if !entries.is_empty() => {
            for Entry { key, value, .. } in entries {
                out.push_str(&indent);
                out.push_str(&quoted_yaml(key));
                out.push(':');
                yaml_behind(value, level + 1, out);
            }
        }
        _ => {
            out.push_str(&indent);
            out.push_str(&scalar(value, quoted_yaml));
            out.push('\n');
        }
    }
}

/// Writes `value` behind a key or a dash: on the same line if it is a scalar or empty, else on lines of its own.
fn yaml_behind(value: &Value, level: usize, out: &mut String) {
    let block = match &value.kind {
        Kind::List(items) => !items.is_empty(),
        Kind::Map(entries) => !entries.is_empty(),
        _ => false,
    };
    if block {
        out.push('\n');
        yaml(value, level, out);
    } else {
        out.push(' ');
        out.push_str(&scalar(value, quoted_yaml));
        out.push('\n');
    }
}

fn scalar(value: &Value, quoted: fn(&str) -> String) -> String {
    match &value.kind {
        Kind::Null => "null".into(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => float(*value),
        Kind::String(text) => quoted(text),
        Kind::List(_) => "[]".into(),
        Kind::Map(_) => "{}".into(),
    }
}

/// With a point and a sign in the exponent, as YAML 1.1 wants it; JSON takes that too.
fn float(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((mantissa, exponent)) => {
            let point = if mantissa.contains('.') { "" } else { ".0" };
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            format!("{mantissa}{point}e{sign}{exponent}")
        }
    }
}

fn quoted_json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Without quotes where no reader, of YAML 1.1 or 1.2, would take it for anything but this string.
fn quoted_yaml(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'))
        && !matches!(text, "y" | "Y" | "n" | "N")
        && matches!(plain_scalar(text), Kind::String(_));
    if plain {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' => {
                quoted.push(c)
            }
            '\u{ff00}'..='\u{fffd}' | '\u{10000}'.. => quoted.push(c),
            c => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_strings_stay_strings() {
        let text = r#"{"b": [1, {"x": "8080", "a": []}, [true, [null]]], "a": {"no": "no", "t": "a: b # c\n"}, "e": {}, "f": 1e300}"#;
        let yaml = convert(text, Format::Json, Format::Yaml, "config.json").unwrap();
        assert_eq!(
            yaml,
            "b:\n  - 1\n  - x: \"8080\"\n    a: []\n  -\n    - true\n    -\n      - null\na:\n  \"no\": \"no\"\n  \
             t: \"a: b # c\\n\"\ne: {}\nf: 1.0e+300\n"
        );
        let json = convert(&yaml, Format::Yaml, Format::Json, "config.yaml").unwrap();
        let same: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(same, serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert!(json.find("\"b\"") < json.find("\"a\""));
    }

    #[test]
    fn an_error_has_its_place() {
        let error = convert("{\n,}", Format::Json, Format::Yaml, "config.json").unwrap_err();
        assert!(error.to_string().starts_with("config.json:2:1: "), "{error}");
    }
}
