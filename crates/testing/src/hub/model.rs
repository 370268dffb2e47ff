//! A model of the hub: its description and its files.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::{Answer, HubFault, HubRequest};

/// One commit of a model.
pub(super) struct Model {
    pub(super) id: String,
    pub(super) commit: String,
    pub(super) description: Value,
    /// Who may have the files; everybody when `None`.
    pub(super) token: Option<String>,
    files: Vec<(String, Vec<u8>)>,
}

impl Model {
    pub(super) fn new(id: &str, number: usize, files: &[(&str, &[u8])]) -> Self {
        let commit = format!("{number:040x}");
        let siblings: Vec<Value> = files
            .iter()
            .map(|(name, content)| sibling(name, content))
            .collect();
        let files = files
            .iter()
            .map(|(name, content)| ((*name).to_owned(), content.to_vec()));
        Self {
            id: id.to_owned(),
            description: json!({
                "id": id, "sha": commit, "siblings": siblings, "tags": ["license:apache-2.0"],
                "cardData": {"license": "apache-2.0"},
            }),
            commit,
            token: None,
            files: files.collect(),
        }
    }

    /// Answers a request for this model; `None` when it is for another one.
    pub(super) fn answer(&self, request: &HubRequest, fault: Option<&HubFault>) -> Option<Answer> {
        let target = request.target.split('?').next()?;
        if let Some(rest) = target.strip_prefix("/api/models/") {
            let rest = rest.strip_prefix(&*self.id)?.strip_prefix("/revision/")?;
            return Some(self.describe(rest, fault));
        }
        let file = target
            .strip_prefix('/')?
            .strip_prefix(&*self.id)?
            .strip_prefix("/resolve/")?;
        let (commit, name) = file.split_once('/')?;
        (commit == self.commit).then(|| self.file(name, request, fault))
    }

    fn describe(&self, revision: &str, fault: Option<&HubFault>) -> Answer {
        if revision != "main" && revision != self.commit {
            return Answer::refused(404, "RevisionNotFound");
        }
        match fault {
            Some(HubFault::Body(body)) => Answer::new(200, body.clone()),
            _ => Answer::new(200, self.description.to_string().into_bytes()),
        }
    }

    fn file(&self, name: &str, request: &HubRequest, fault: Option<&HubFault>) -> Answer {
        let expected = self.token.as_ref().map(|token| format!("Bearer {token}"));
        if expected.is_some() && request.authorization.is_none() {
            return Answer::refused(401, "GatedRepo");
        }
        if expected.is_some() && request.authorization != expected {
            return Answer::refused(403, "GatedRepo");
        }
        let Some((_, content)) = self.files.iter().find(|(file, _)| file == name) else {
            return Answer::refused(404, "EntryNotFound");
        };
        let is_partial = request.from.is_some() && !matches!(fault, Some(HubFault::NoRange));
        let from = request.from.filter(|_| is_partial).unwrap_or(0);
        if from > content.len() {
            return Answer::new(416, Vec::new());
        }
        let mut answer = Answer::new(if is_partial { 206 } else { 200 }, content[from..].to_vec());
        let (first, total) = (from, content.len());
        if is_partial {
            let range = format!("bytes {first}-{}/{total}", total.saturating_sub(1));
            answer.headers.push(("Content-Range", range));
        }
        answer
            .headers
            .push(("ETag", format!("\"{}\"", checksum(name, content))));
        answer
    }
}

/// Weights are large files, all others are small ones.
fn is_large(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension == "safetensors" || extension == "bin")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn checksum(name: &str, content: &[u8]) -> String {
    if is_large(name) {
        return hex(&Sha256::digest(content));
    }
    let hasher = Sha1::new().chain_update(format!("blob {}\0", content.len()));
    hex(&hasher.chain_update(content).finalize())
}

fn sibling(name: &str, content: &[u8]) -> Value {
    let (bytes, checksum) = (content.len(), checksum(name, content));
    if is_large(name) {
        let pointer = "0".repeat(40);
        return json!({
            "rfilename": name, "size": bytes, "blobId": pointer,
            "lfs": {"sha256": checksum, "size": bytes, "pointerSize": 134},
        });
    }
    json!({"rfilename": name, "size": bytes, "blobId": checksum})
}
