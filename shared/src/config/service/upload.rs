//! Files that clients send.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::{Path, Remark, Severity};
use super::super::endpoint::mode;
use super::super::transport::Within;
use super::super::wamp::realm_name_loose;
use super::serves::{Files, Serves};

object! {
    /// Files that clients send, whole or in chunks, which may come in any order and be sent again (Crossbar.io's File
    /// Upload Service; made for Resumable.js and Flow.js).
    pub struct UploadService as "a file upload service" {
        /// Where complete files are put, relative to the node directory. A file of the same name is replaced.
        pub directory as "directory": PathBuf = directory(), required;
        /// Where incomplete ones are kept. On the same file system as `directory` a file gets there in one step.
        pub temp_directory as "temp_directory": PathBuf = directory(), required;
        /// The names of the form's fields.
        pub form_fields as "form_fields": FormFields = nested(), required;
        /// What is taken.
        pub options as "options": UploadOptions = nested(), defaulted;
        /// The realm progress is published in.
        pub realm as "realm": Option<String> = realm_name_loose(), optional;
        /// The role it is published as.
        pub role as "role": Option<String> = text(), optional;
    }
    check UploadService::check;
}

impl UploadService {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if self.form_fields.on_progress.is_some() && (self.realm.is_none() || self.role.is_none()) {
            let message = "\"on_progress\" needs \"realm\" and \"role\" beside \"form_fields\": where progress is published, and as whom";
            cx.error(fields.span, message);
        }
    }
}

object! {
    /// The names of a form's fields.
    pub struct FormFields as "names of form fields" {
        /// The field with the file's name, under which it is kept.
        pub file_name as "file_name": String = text(), required;
        /// The field with the bytes of the whole file.
        pub total_size as "total_size": String = text(), required;
        /// The field with the number of this chunk, from 1 on.
        pub chunk_number as "chunk_number": String = text(), required;
        /// The field with the bytes that each chunk has, but for the last one.
        pub chunk_size as "chunk_size": String = text(), required;
        /// The field with the number of chunks.
        pub total_chunks as "total_chunks": String = text(), required;
        /// The field with the chunk itself.
        pub content as "content": String = text(), required;
        /// The field with a name of the upload: with it, two clients may send different files of the same name and size
        /// at the same time.
        pub identifier as "identifier": Option<String> = text(), optional;
        /// The field with the topic that progress is published to.
        pub on_progress as "on_progress": Option<String> = text(), optional;
        /// The field with the session that alone is told of progress.
        pub session as "session": Option<String> = text(), optional;
        /// The field with what is told at each chunk.
        pub chunk_extra as "chunk_extra": Option<String> = text(), optional;
        /// The field with what is told at the end.
        pub finish_extra as "finish_extra": Option<String> = text(), optional;
    }
    ignored {
        /// The field with the file's media type; nothing depends on it.
        "mime_type" = text();
    }
}

object! {
    /// Which files are taken.
    pub struct UploadOptions as "options of a file upload service" {
        /// The longest file, in bytes.
        pub max_file_size as "max_file_size": u64 = int(1..=i128::from(i64::MAX)), default(10485760);
        /// The extensions that files may have, with their points; absent: any.
        pub file_types as "file_types": Option<Vec<String>> = list(text()), optional;
        /// Permissions of complete files.
        pub file_permissions as "file_permissions": u32 = mode(), default(json!("0644"), 0o644);
        /// Seconds after its last chunk for which an incomplete file is kept; 0: for ever.
        pub incomplete_timeout as "incomplete_timeout": Duration = seconds(1.0..=31536000.0).or_off(), default(json!(86400), Duration::from_secs(86400));
    }
    absent default;
}

impl Serves for UploadService {
    fn label(&self) -> Option<&'static str> {
        Some("file upload")
    }

    fn files(&self) -> Files<'_> {
        Files { read: None, written: [Some(&self.directory), Some(&self.temp_directory)] }
    }

    fn unbuilt(&self, at: &Path, _: Within) -> Vec<Remark> {
        if self.form_fields.on_progress.is_some() {
            return Vec::new();
        }
        let given =
            [("realm", &self.realm), ("role", &self.role)].into_iter().filter(|(_, given)| given.is_some());
        let message = "has no effect: progress is not published without \"on_progress\"";
        given.map(|(key, _)| (Severity::Warning, at.key(key), message.into())).collect()
    }
}
