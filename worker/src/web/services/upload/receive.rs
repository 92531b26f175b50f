//! The content of a request that sends a chunk.

use super::chunk::Chunk;
use super::form::{Event, Form};
use super::refusal::Refusal;
use super::store::{Part, Store};
use crate::web::engine::received::{Asked, Received};
use crate::web::services::query::query;
use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use jackfield_shared::config::UploadService;
use std::collections::HashMap;
use std::io::{self, Write as _};
use tokio::task::spawn_blocking;

/// Bytes that are written at once.
const BLOCK: usize = 256 << 10;

/// Fields of a form, and the bytes of each.
const MOST_FIELDS: usize = 64;
const LONGEST_FIELD: usize = 4 << 10;

/// Takes a chunk and its content, and the fields of the form; what all of it may have in bytes is `limit` (0: any number).
pub(super) async fn receive(
    request: &mut Asked,
    store: &Store,
    config: &UploadService,
    limit: u64,
) -> Result<(Chunk, Part, HashMap<String, String>), Refusal> {
    let content = request.body_mut().take().unwrap_or_default();
    let mut content = Content { content, left: if limit == 0 { u64::MAX } else { limit } };
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let fields = query(request.uri().query().unwrap_or_default());
    let mut receiving = Receiving { fields, config, store, chunk: None, writer: None };
    match Form::new(kind) {
        Some(form) => receiving.form(form, &mut content).await?,
        None if kind.trim_start().to_ascii_lowercase().starts_with("multipart/") => {
            let text = "Forms are sent here as multipart/form-data.".into();
            return Err(Refusal::Wrong(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        None => {
            receiving.begin().await?;
            while let Some(bytes) = content.next().await? {
                receiving.write(&bytes).await?;
            }
        }
    }
    receiving.finish().await
}

/// What a client sends.
struct Content {
    content: Received,
    left: u64,
}

impl Content {
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let Some(bytes) = self.content.next().await.map_err(Refusal::Fault)? else { return Ok(None) };
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => self.left = left,
            None => {
                let text = "The content of the request is too long.".into();
                return Err(Refusal::Wrong(StatusCode::PAYLOAD_TOO_LARGE, text));
            }
        }
        Ok(Some(bytes))
    }
}

struct Receiving<'a> {
    fields: HashMap<String, String>,
    config: &'a UploadService,
    store: &'a Store,
    /// As soon as it is known.
    chunk: Option<Chunk>,
    /// As soon as the content begins.
    writer: Option<Writer>,
}

impl Receiving<'_> {
    async fn form(&mut self, mut form: Form, content: &mut Content) -> Result<(), Refusal> {
        /// The field at hand, if it isn't the content.
        type Field = Option<(String, Vec<u8>)>;
        let mut field: Field = None;
        let mut count = 0;
        loop {
            let event =
                form.next().map_err(|e| Refusal::wrong(format!("The form is not well-formed: {e}.")))?;
            let Some(event) = event else {
                match content.next().await? {
                    Some(bytes) => form.push(&bytes),
                    None => return Err(Refusal::wrong("The form has no end.")),
                }
                continue;
            };
            if let Event::Bytes(bytes) = &event {
                match &mut field {
                    None => self.write(bytes).await?,
                    Some((_, value)) if value.len() + bytes.len() <= LONGEST_FIELD => value.extend(bytes),
                    Some(_) => return Err(Refusal::wrong("A field of the form is too long.")),
                }
                continue;
            }
            if let Some((name, value)) = field.take() {
                self.fields.insert(name, String::from_utf8_lossy(&value).into_owned());
            }
            match event {
                Event::Field(name) if name == self.config.form_fields.content => self.begin().await?,
                Event::Field(name) => {
                    count += 1;
                    if count > MOST_FIELDS {
                        return Err(Refusal::wrong("The form has too many fields."));
                    }
                    field = Some((name, Vec::new()));
                }
                Event::Bytes(_) => {}
                Event::End => return Ok(()),
            }
        }
    }

    /// The content begins. What it belongs to has to be known by now: so what is not wanted is not received.
    async fn begin(&mut self) -> Result<(), Refusal> {
        if self.writer.is_some() {
            return Err(Refusal::wrong("The form has its content twice."));
        }
        let chunk = Chunk::of(&self.fields, &self.config.form_fields, &self.config.options)?;
        let store = self.store.clone();
        let part = spawn_blocking(move || store.part()).await.map_err(io::Error::other)??;
        self.writer = Some(Writer { part, block: BytesMut::new(), left: chunk.length() });
        self.chunk = Some(chunk);
        Ok(())
    }

    async fn write(&mut self, bytes: &Bytes) -> Result<(), Refusal> {
        let Some(writer) = self.writer.take() else { return Err(Refusal::wrong("There is no content.")) };
        self.writer = Some(writer.write(bytes).await?);
        Ok(())
    }

    async fn finish(self) -> Result<(Chunk, Part, HashMap<String, String>), Refusal> {
        match (self.chunk, self.writer) {
            (Some(chunk), Some(writer)) => Ok((chunk, writer.finish().await?, self.fields)),
            _ => Err(Refusal::wrong("There is no content.")),
        }
    }
}

/// Writes to a file, block by block, by helper threads.
struct Writer {
    part: Part,
    block: BytesMut,
    /// Bytes that are still to come.
    left: u64,
}

impl Writer {
    async fn write(mut self, bytes: &Bytes) -> Result<Self, Refusal> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Err(Refusal::wrong("The content is longer than the fields say."));
        };
        self.left = left;
        self.block.extend_from_slice(bytes);
        if self.block.len() >= BLOCK { Ok(self.flush().await?) } else { Ok(self) }
    }

    async fn flush(self) -> io::Result<Self> {
        let Self { mut part, block, left } = self;
        let write = move || part.file.write_all(&block).map(|()| part);
        let part = spawn_blocking(write).await.map_err(io::Error::other)??;
        Ok(Self { part, block: BytesMut::new(), left })
    }

    async fn finish(self) -> Result<Part, Refusal> {
        if self.left > 0 {
            return Err(Refusal::wrong("The content is shorter than the fields say."));
        }
        Ok(self.flush().await?.part)
    }
}
