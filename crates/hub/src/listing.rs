//! What the hub says of a model: its commit, its files, its licence.

use std::fmt::Write as _;

use serde_json::Value;
use ureq::http::HeaderMap;

use crate::checksum::Kind;
use crate::client::Client;
use crate::name::{is_commit, is_inside};
use crate::patience::Patience;
use crate::{Error, ModelName};

/// A model as the hub describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) commit: String,
    pub(crate) files: Vec<RemoteFile>,
    pub(crate) licence: Option<String>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteFile {
    /// Relative, with `/` between folders; stays within the model.
    pub(crate) name: String,
    /// Length and checksum; some mirrors tell them only when the file is asked for.
    pub(crate) blob: Option<Blob>,
}

/// The content of a file, by which the cache names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) bytes: u64,
    /// Hexadecimal digits.
    pub(crate) checksum: String,
    pub(crate) kind: Kind,
}

impl Blob {
    fn new(bytes: Option<u64>, checksum: Option<&str>) -> Option<Self> {
        let checksum = checksum?.to_ascii_lowercase();
        Some(Self {
            bytes: bytes?,
            kind: Kind::of(&checksum)?,
            checksum,
        })
    }
}

impl Listing {
    /// Asks the hub.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::UnknownRevision`], [`Error::Answer`], [`Error::FileName`], and what
    /// the network gives.
    pub(crate) fn fetch(client: &Client<'_>, name: &ModelName) -> Result<Self, Error> {
        let endpoint = &client.settings.endpoint;
        let revision = encoded(name.revision(), false);
        let url = format!(
            "{endpoint}/api/models/{}/revision/{revision}?blobs=true",
            name.id()
        );
        let answer = Patience::attempt(client, || client.text(&url))?;
        Self::read(&answer, name, &url)
    }

    fn read(answer: &[u8], name: &ModelName, url: &str) -> Result<Self, Error> {
        let unexpected = |found: String| Error::Answer {
            url: url.to_owned(),
            found,
        };
        let json: Value = serde_json::from_slice(answer)
            .map_err(|error| unexpected(format!("no JSON: {error}")))?;
        let commit = json["sha"].as_str().filter(|sha| is_commit(sha));
        let commit = commit.ok_or_else(|| unexpected("no commit in `sha`".into()))?;
        let siblings = json["siblings"].as_array();
        let siblings = siblings.ok_or_else(|| unexpected("no files in `siblings`".into()))?;
        let files = siblings.iter().map(|file| {
            let file_name = file["rfilename"].as_str();
            let file_name = file_name.ok_or_else(|| unexpected("a file without a name".into()))?;
            if !is_inside(file_name) {
                return Err(Error::FileName {
                    id: name.id().to_owned(),
                    name: file_name.escape_debug().to_string(),
                });
            }
            Ok(remote_file(file_name, file))
        });
        Ok(Self {
            commit: commit.to_ascii_lowercase(),
            files: files.collect::<Result<_, _>>()?,
            licence: licence(&json),
        })
    }

    /// Length and checksum of a file, from the list or else from the hub's answer to a question for it.
    ///
    /// # Errors
    /// [`Error::Answer`] when the hub tells neither, and what the network gives.
    pub(crate) fn blob(file: &RemoteFile, url: &str, client: &Client<'_>) -> Result<Blob, Error> {
        if let Some(blob) = &file.blob {
            return Ok(blob.clone());
        }
        let headers = Patience::attempt(client, || client.head(url))?;
        blob_of(&headers).ok_or_else(|| Error::Answer {
            url: url.to_owned(),
            found: "neither length nor checksum of a file".into(),
        })
    }
}

fn remote_file(name: &str, file: &Value) -> RemoteFile {
    let large = &file["lfs"];
    let blob = match large["sha256"].as_str().or_else(|| large["oid"].as_str()) {
        Some(sha256) => {
            let bytes = large["size"].as_u64().or_else(|| file["size"].as_u64());
            Blob::new(bytes, Some(sha256))
        }
        None => Blob::new(file["size"].as_u64(), file["blobId"].as_str()),
    };
    RemoteFile {
        name: name.to_owned(),
        blob,
    }
}

/// What headers say of a file. A file that lies elsewhere has its own length and checksum in `X-Linked-…`.
fn blob_of(headers: &HeaderMap) -> Option<Blob> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bytes = header("x-linked-size").or_else(|| header("content-length"));
    let etag = header("x-linked-etag").or_else(|| header("etag"))?;
    let etag = etag.trim_start_matches("W/").trim_matches('"');
    Blob::new(bytes?.parse().ok(), Some(etag))
}

/// The licence on the model card, else among the tags.
fn licence(json: &Value) -> Option<String> {
    let card = &json["cardData"];
    let named = match &card["license"] {
        Value::String(licence) if licence == "other" => {
            card["license_name"].as_str().or(Some("other"))
        }
        Value::String(licence) => Some(&**licence),
        _ => None,
    };
    let tags = json["tags"].as_array().into_iter().flatten();
    let mut tags = tags.filter_map(Value::as_str);
    let licence = named.or_else(|| tags.find_map(|tag| tag.strip_prefix("license:")))?;
    let kept = licence.chars().filter(|c| !c.is_control());
    Some(kept.take(200).collect())
}

/// A text as part of an address. A slash stays one only in paths.
pub(crate) fn encoded(text: &str, is_path: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || (is_path && byte == b'/') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &Value) -> Result<Listing, Error> {
        let name = "org/model".parse().unwrap();
        Listing::read(json.to_string().as_bytes(), &name, "https://hub.example")
    }

    fn with_files(files: Value) -> Value {
        json!({"sha": "0".repeat(40), "siblings": files})
    }

    #[test]
    fn lengths_and_checksums_are_those_of_the_content() {
        let (git, sha256) = ("a".repeat(40), "b".repeat(64));
        let listing = read(&with_files(json!([
            {"rfilename": "config.json", "size": 7, "blobId": git},
            {"rfilename": "model.safetensors", "size": 9, "blobId": "c".repeat(40),
             "lfs": {"sha256": sha256, "size": 9, "pointerSize": 134}},
            {"rfilename": "README.md"},
            {"rfilename": "x", "size": 1, "blobId": "../../x"},
        ])));
        let files = listing.unwrap().files;
        assert_eq!(files[0].blob, Blob::new(Some(7), Some(&git)));
        assert_eq!(files[1].blob, Blob::new(Some(9), Some(&sha256)));
        assert_eq!(
            files[1].blob.as_ref().map(|blob| blob.kind),
            Some(Kind::Sha256)
        );
        assert_eq!((&files[2].blob, &files[3].blob), (&None, &None));
    }

    #[test]
    fn files_outside_the_model_are_refused() {
        for name in ["../../.bashrc", "/etc/passwd", "a/../../b", "a\\b", ""] {
            let result = read(&with_files(json!([{"rfilename": name}])));
            assert!(matches!(result, Err(Error::FileName { .. })), "{name}");
        }
    }

    #[test]
    fn answers_that_are_no_description_are_refused() {
        for json in [
            json!({}),
            json!([]),
            json!("x"),
            json!({"sha": "../../x", "siblings": []}),
            json!({"sha": "0".repeat(40)}),
            json!({"sha": "0".repeat(40), "siblings": [{"name": "x"}]}),
        ] {
            assert!(matches!(read(&json), Err(Error::Answer { .. })), "{json}");
        }
    }

    #[test]
    fn the_licence_comes_from_the_card_or_the_tags() {
        let of = |more: Value| {
            let mut json = with_files(json!([]));
            json.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            read(&json).unwrap().licence
        };
        assert_eq!(
            of(json!({"cardData": {"license": "mit"}, "tags": ["license:x"]})).as_deref(),
            Some("mit")
        );
        assert_eq!(
            of(json!({"tags": ["bert", "license:cc-by-nc-4.0"]})).as_deref(),
            Some("cc-by-nc-4.0")
        );
        let own = json!({"cardData": {"license": "other", "license_name": "own"}});
        assert_eq!(of(own).as_deref(), Some("own"));
        assert_eq!(of(json!({})), None);
    }

    #[test]
    fn names_become_parts_of_addresses() {
        assert_eq!(encoded("refs/pr/1", false), "refs%2Fpr%2F1");
        assert_eq!(
            encoded("1_Pooling/a b?#.json", true),
            "1_Pooling/a%20b%3F%23.json"
        );
    }
}
