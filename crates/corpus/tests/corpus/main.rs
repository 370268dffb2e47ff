//! Whole readings: files in, documents out.

#![allow(clippy::unwrap_used, reason = "what tests share panics as tests do")]

mod damage;
mod folders;
mod formats;
mod hostile;
mod languages;
mod parquet;
mod prose;
mod shards;
mod split;
mod wiki;
mod write;

use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;

use ragdex_core::{Document, Reporter};
use ragdex_corpus::{Error, ReadOptions, Source, Summary};

/// Keeps what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Reporter for Notes {
    fn note(&self, message: &str) {
        self.warn(message);
    }

    fn warn(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

/// What a reading gave until its end or its error.
struct Reading {
    documents: Vec<Document>,
    summary: Summary,
    error: Option<Error>,
}

impl Reading {
    fn of(source: Result<Source<'_>, Error>) -> Self {
        let mut reading = Self {
            documents: Vec::new(),
            summary: Summary::default(),
            error: None,
        };
        match source {
            Err(error) => reading.error = Some(error),
            Ok(mut source) => {
                for document in source.by_ref() {
                    match document {
                        Ok(document) => reading.documents.push(document),
                        Err(error) => reading.error = Some(error),
                    }
                }
                reading.summary = source.summary().clone();
                reading.check();
            }
        }
        reading
    }

    /// Every record is a document or left out for one reason.
    fn check(&self) {
        let skipped: u64 = self.summary.skipped().map(|(_, n)| n).sum();
        assert_eq!(self.summary.records, self.summary.documents + skipped);
        assert_eq!(self.summary.documents, self.documents.len() as u64);
    }

    fn expect(self) -> Self {
        if let Some(error) = self.error {
            panic!("{error}");
        }
        self
    }

    fn keys(&self) -> Vec<&str> {
        self.documents
            .iter()
            .map(|document| &*document.key)
            .collect()
    }

    fn texts(&self) -> Vec<String> {
        self.documents.iter().map(Document::text).collect()
    }
}

fn read_bytes(name: &str, bytes: impl Into<Vec<u8>>) -> Reading {
    read_with(name, bytes, ReadOptions::default())
}

fn read_with(name: &str, bytes: impl Into<Vec<u8>>, options: ReadOptions<'_>) -> Reading {
    let reader = std::io::Cursor::new(bytes.into());
    Reading::of(Source::from_reader(name, reader, options))
}

fn threads(threads: usize) -> ReadOptions<'static> {
    ReadOptions {
        threads,
        ..ReadOptions::default()
    }
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn english_sample() -> PathBuf {
    let data = "../../tests/data/wiki/enwiki-pages-articles-shortened.xml.bz2";
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(data)
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn unpack(path: PathBuf) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut decoder = bzip2::bufread::MultiBzDecoder::new(file);
    decoder.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A source may be read on a thread of its own.
#[test]
fn a_source_can_be_sent() {
    fn is_send<T: Send>() {}
    is_send::<Source<'static>>();
}
