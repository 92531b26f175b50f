//! What an object looks like, as data: the source of the JSON Schema and of the reference.

use serde_json::{Map, Value as Json, json};

/// Whether an attribute may be absent, and what holds then.
#[derive(Clone, Debug)]
pub(crate) enum Presence {
    /// Must be given.
    Required,
    /// May be absent, which is a meaning of its own.
    Optional,
    /// Absent means this.
    Default(Json),
}

/// Who looks at an attribute, other than the processes of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consumer {
    /// The kernel: the controller sets it on sockets that listen.
    Kernel,
    /// The controller.
    Controller,
}

/// One attribute, declared.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) key: &'static str,
    pub(crate) doc: String,
    pub(crate) expected: String,
    pub(crate) schema: Json,
    pub(crate) presence: Presence,
    /// Accepted so that existing configurations run, and without effect.
    pub(crate) ignored: bool,
}

/// The attributes of an object; of each of its variants, if an attribute decides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) doc: String,
    pub(crate) fields: Vec<Declared>,
    /// The deciding attribute, and for each of its values the variant.
    pub(crate) variants: Option<(&'static str, Vec<(&'static str, Shape)>)>,
    /// Unknown attributes are accepted.
    pub(crate) open: bool,
}

impl Shape {
    /// Says who looks at the attribute that was declared last.
    pub(crate) fn read_by(&mut self, consumer: Consumer) {
        let Some(field) = self.fields.last_mut() else { return };
        field.doc += match consumer {
            Consumer::Kernel => " Only the kernel looks at it: a reload sets it on sockets that listen.",
            Consumer::Controller => " Only the controller looks at it.",
        };
    }

    /// Adds the attributes of an object that is written inside of this one.
    pub(crate) fn flatten(&mut self, inner: Shape) {
        self.fields.extend(inner.fields);
        self.open |= inner.open;
        if inner.variants.is_some() {
            self.variants = inner.variants;
        }
    }

    pub(super) fn schema(&self) -> Json {
        match &self.variants {
            None => object_schema(&self.doc, self.open, &self.fields, None),
            Some((tag, variants)) => {
                let each = variants.iter().map(|(name, shape)| {
                    let fields: Vec<Declared> = self.fields.iter().chain(&shape.fields).cloned().collect();
                    match &shape.variants {
                        None => {
                            object_schema(&shape.doc, self.open || shape.open, &fields, Some((tag, name)))
                        }
                        Some(_) => shape.schema(),
                    }
                });
                json!({"description": self.doc, "oneOf": each.collect::<Vec<_>>()})
            }
        }
    }
}

fn object_schema(doc: &str, open: bool, fields: &[Declared], tag: Option<(&str, &str)>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    if let Some((key, name)) = tag {
        properties.insert(key.to_owned(), json!({"const": name}));
        required.push(key);
    }
    for field in fields {
        let mut schema = field.schema.clone();
        if let Json::Object(schema) = &mut schema {
            let doc = if field.ignored { format!("{} Has no effect.", field.doc) } else { field.doc.clone() };
            schema.insert("title".into(), Json::String(field.expected.clone()));
            schema.insert("description".into(), Json::String(doc));
            if let Presence::Default(default) = &field.presence
                && !default.is_null()
            {
                schema.insert("default".into(), default.clone());
            }
        }
        properties.insert(field.key.to_owned(), schema);
        if matches!(field.presence, Presence::Required) {
            required.push(field.key);
        }
    }
    let mut schema = json!({"type": "object", "description": doc, "properties": properties});
    if let Json::Object(map) = &mut schema {
        if !required.is_empty() {
            map.insert("required".into(), json!(required));
        }
        if !open {
            map.insert("patternProperties".into(), json!({"^x-": {}}));
            map.insert("additionalProperties".into(), Json::Bool(false));
        }
    }
    schema
}

/// The named schemas, each made once, so that objects may contain themselves.
#[derive(Default)]
pub(crate) struct Defs {
    pub(crate) schemas: Map<String, Json>,
    /// The same as shapes, for the reference; in the order met.
    pub(crate) shapes: Vec<(&'static str, Shape)>,
}

/// The lines of a doc comment as one paragraph.
pub(crate) fn doc(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}
