//! The manifest: what one snapshot consists of.

mod check;
mod seal;

use std::path::{Path, PathBuf};

use ragdex_core::Sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::files::EmbeddingShape;
use crate::{Error, KbPath, Result};

pub(crate) use seal::sealed;
use seal::sum_before;

/// The version of the files of a knowledge base that this crate writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// The first ragdex that reads [`FORMAT`].
const FORMAT_SINCE: &str = "0.1.0";

/// The longest manifest that is read, in bytes: that of ten thousand parts has about 10 MB.
const MAX_MANIFEST_BYTES: usize = 256 << 20;

/// One immutable, complete state of a knowledge base: every file with length and checksum, and what
/// it was made from.
///
/// Written as `snapshots/00000001.json`; the JSON Schema is `schemas/manifest.schema.json`. Fields that
/// a reader does not know are passed over, unless `reader` asks for a newer one. The last field of the
/// file, `checksum`, is the SHA-256 of all before it; a manifest without it is read as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the files.
    pub format: u32,
    /// What a reader must know.
    pub reader: Reader,
    /// The number of the snapshot, from 1.
    pub snapshot: u64,
    /// The snapshot that this one was made from.
    pub parent: Option<u64>,
    /// When it was committed: RFC 3339, UTC.
    pub created: String,
    /// The command that made it, in a few words, such as `refresh`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The version of ragdex that wrote it.
    pub ragdex: String,
    /// Hash of the plan that made it, see [`Writer::stage`](crate::Writer::stage).
    pub plan: Sha256,
    /// Documents that are not deleted.
    pub documents: u64,
    /// Passages that are not deleted.
    pub passages: u64,
    /// The id that the next new passage gets; higher than any ever given out.
    pub next_passage: u64,
    /// The number that the next new part gets.
    pub next_part: u32,
    /// The form of the vectors; absent while there is no part.
    pub embedding: Option<EmbeddingShape>,
    /// The parts, by ascending passage ids.
    pub parts: Vec<Part>,
    /// The encoders of the vectors; absent when the vectors were given.
    pub encoder: Option<EncoderPair>,
    /// The splitting rule and its options.
    pub splitting: Map<String, Value>,
    /// The indexes.
    pub indexes: Vec<Index>,
    /// Where the documents came from.
    pub source: Map<String, Value>,
    /// Licences of the source and of the models, with their conditions, as told to the user.
    pub licences: Vec<String>,
    /// Options of the command, for the commands that follow.
    pub build: Map<String, Value>,
}

/// What a reader must know to read a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// The format of the files.
    pub format: u32,
    /// The first version of ragdex that knows it.
    pub ragdex: String,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            format: FORMAT,
            ragdex: FORMAT_SINCE.into(),
        }
    }
}

/// A file of a snapshot. Its content never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where it lies.
    pub path: KbPath,
    /// Its length.
    pub bytes: u64,
    /// The hash of its content.
    pub sha256: Sha256,
}

/// A shard: some documents, their passages and the passages' vectors, row for row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Never used again for another part.
    pub number: u32,
    /// Rows of the documents file, deleted ones included.
    pub n_documents: u64,
    /// Rows of the passages and embeddings files, deleted ones included.
    pub n_passages: u64,
    /// The id of the first passage.
    pub first_passage: u64,
    /// One more than the id of the last passage; `first_passage` when there is none.
    pub end_passage: u64,
    /// The documents file.
    pub documents: FileEntry,
    /// The passages file.
    pub passages: FileEntry,
    /// The embeddings file.
    pub embeddings: FileEntry,
    /// What a later snapshot deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Deleted>,
}

impl Part {
    /// Whether passage ids follow one another without gap, so that the id tells the row.
    pub(crate) fn is_contiguous(&self) -> bool {
        self.end_passage.checked_sub(self.first_passage) == Some(self.n_passages)
    }

    /// Documents that are not deleted.
    pub fn live_documents(&self) -> u64 {
        let deleted = self
            .deleted
            .as_ref()
            .map_or(0, |deleted| deleted.n_documents);
        self.n_documents.saturating_sub(deleted)
    }

    /// Passages that are not deleted.
    pub fn live_passages(&self) -> u64 {
        let deleted = self
            .deleted
            .as_ref()
            .map_or(0, |deleted| deleted.n_passages);
        self.n_passages.saturating_sub(deleted)
    }

    /// Every file of the part.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let deleted = self.deleted.as_ref().map(|deleted| &deleted.file);
        [&self.documents, &self.passages, &self.embeddings]
            .into_iter()
            .chain(deleted)
    }
}

/// The deleted rows of a part, see [`RowMask`](crate::RowMask).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// The bits of the documents, then those of the passages.
    pub file: FileEntry,
    /// How many documents are deleted.
    pub n_documents: u64,
    /// How many passages are deleted.
    pub n_passages: u64,
}

/// The two encoders of one vector space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderPair {
    /// Embeds passages.
    pub context: Encoder,
    /// Embeds questions.
    pub question: Encoder,
}

/// One encoder, so that it can be found and recognised again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// The name on the hub, or the folder.
    pub id: String,
    /// The revision on the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The hash of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Whatever else makes its vectors what they are: pooling, normalisation, precision, prompt.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// An index over the vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Its kind, such as `exact` or `hnsw`.
    pub kind: String,
    /// The parameters it was built with.
    pub parameters: Map<String, Value>,
    /// Its files; an exact index may have none.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::NewerFormat`] when it asks for a newer reader; [`Error::Json`] and
    /// [`Error::Malformed`] when it is none, or contradicts itself; [`Error::Checksum`] when it was
    /// changed.
    pub fn parse(content: &[u8], path: PathBuf) -> Result<Self> {
        /// What every version can read.
        #[derive(Deserialize)]
        struct Header {
            reader: Reader,
            checksum: Option<Sha256>,
        }
        if content.len() > MAX_MANIFEST_BYTES {
            let expected = format!("at most {MAX_MANIFEST_BYTES} bytes");
            return Err(Error::malformed(path, expected, content.len()));
        }
        let json = |source| Error::Json {
            path: path.clone(),
            kind: "manifest",
            source,
        };
        let header: Header = serde_json::from_slice(content).map_err(json)?;
        if header.reader.format > FORMAT {
            return Err(Error::NewerFormat {
                path,
                found: header.reader.format,
                known: FORMAT,
                needs: header.reader.ragdex,
            });
        }
        if let Some(checksum) = header.checksum {
            check_sum(content, checksum, &path)?;
        }
        let manifest: Self = serde_json::from_slice(content).map_err(json)?;
        match check::contradiction(&manifest) {
            None => Ok(manifest),
            Some((expected, found)) => Err(Error::malformed(path, expected, found)),
        }
    }

    /// Writes the manifest as it lies on disk: indented JSON with a checksum and a line end.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        sealed(self)
    }

    /// Every file of the snapshot.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let parts = self.parts.iter().flat_map(Part::files);
        parts.chain(self.indexes.iter().flat_map(|index| &index.files))
    }

    /// The length of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files()
            .map(|file| file.bytes)
            .fold(0, u64::saturating_add)
    }
}

/// Holds a file written by [`sealed`] against its own checksum.
pub(crate) fn check_sum(content: &[u8], expected: Sha256, path: &Path) -> Result<()> {
    match sum_before(content, expected) {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(Error::Checksum {
            path: path.to_owned(),
            expected,
            found,
        }),
        None => Err(Error::malformed(
            path.to_owned(),
            "`checksum` in the last line",
            "it elsewhere",
        )),
    }
}

/// Indented JSON with a line end.
pub(crate) fn pretty_json(value: &impl Serialize) -> Vec<u8> {
    let mut json =
        serde_json::to_vec_pretty(value).expect("strings, numbers and maps with text keys");
    json.push(b'\n');
    json
}
