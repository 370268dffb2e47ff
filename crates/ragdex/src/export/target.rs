//! The forms that a snapshot is exported in.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ragdex_core::{Document, Stage, Unit};
use ragdex_corpus::{JsonlWriter, PsgsTsvWriter};
use ragdex_exchange::faiss::{FlatWriter, write_hnsw};
use ragdex_exchange::{
    DatasetCard, DatasetShape, DatasetWriter, IdsWriter, ParquetWriter, Row, UsearchGraph,
};
use ragdex_index::{BuiltGraph, HnswIndex, HnswOptions, Segment, build_graph};
use ragdex_store::{DocumentRecord, PassageRecord, Snapshot};

use super::rows::Batch;
use super::write_error;
use crate::indexes::segments;
use crate::{Context, Error, Result};

/// The form of exported files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportTarget {
    /// For `datasets.load_from_disk` and `RagRetriever`.
    HfDataset,
    /// `data/train-*.parquet` with a card, as the hub expects.
    Parquet,
    /// `passages.jsonl`, an object a passage.
    Jsonl,
    /// `passages.tsv`: id, text, title, as DPR's `psgs_w100.tsv`.
    PsgsTsv,
    /// `index.faiss`, an `IndexFlatIP`, and `ids.npy`.
    FaissFlat,
    /// `index.faiss`, an `IndexHNSWFlat`, and `ids.npy`. The graph is built for it over all passages on one thread;
    /// memory: codes and links, about a kilobyte a passage, twice.
    FaissHnsw(HnswOptions),
}

impl ExportTarget {
    /// The name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HfDataset => "hf-dataset",
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::PsgsTsv => "psgs-tsv",
            Self::FaissFlat => "faiss-flat",
            Self::FaissHnsw(_) => "faiss-hnsw",
        }
    }
}

/// An export under way.
pub(super) enum Target {
    HfDataset(DatasetWriter),
    Parquet(ParquetWriter),
    Jsonl(PathBuf, JsonlWriter<BufWriter<File>>),
    PsgsTsv(PathBuf, PsgsTsvWriter<BufWriter<File>>),
    FaissFlat(PathBuf, FlatWriter<BufWriter<File>>, Ids),
}

impl Target {
    pub(super) fn create(
        target: &ExportTarget,
        folder: &Path,
        snapshot: &Snapshot,
        context: &Context<'_>,
    ) -> Result<Self> {
        let manifest = snapshot.manifest();
        let shape = manifest.embedding.ok_or_else(|| Error::NoVectors {
            snapshot: snapshot.number(),
        })?;
        let shape = DatasetShape {
            rows: manifest.passages,
            dim: shape.dim,
            element: shape.element,
        };
        let create = |name: &str| -> Result<(PathBuf, BufWriter<File>)> {
            let path = folder.join(name);
            let file = File::create(&path).map_err(|source| write_error(&path, source))?;
            Ok((path, BufWriter::new(file)))
        };
        Ok(match target {
            ExportTarget::HfDataset => Self::HfDataset(DatasetWriter::new(folder, shape)),
            ExportTarget::Parquet => Self::Parquet(ParquetWriter::new(folder, shape)),
            ExportTarget::Jsonl => {
                let (path, file) = create("passages.jsonl")?;
                Self::Jsonl(path, JsonlWriter::new(file))
            }
            ExportTarget::PsgsTsv => {
                let (path, file) = create("passages.tsv")?;
                let writer = PsgsTsvWriter::new(file);
                let writer = writer.map_err(|source| write_error(&path, source))?;
                Self::PsgsTsv(path, writer)
            }
            ExportTarget::FaissFlat => {
                let (path, file) = create("index.faiss")?;
                let writer = FlatWriter::new(file, shape.dim, shape.rows);
                let writer = writer.map_err(|source| write_error(&path, source))?;
                Self::FaissFlat(path, writer, Ids::create(folder)?)
            }
            ExportTarget::FaissHnsw(options) => {
                let (path, mut file) = create("index.faiss")?;
                let failed = |source| write_error(&path, source);
                let graph = graph(snapshot, shape.dim, *options, context)?;
                let graph = graph.to_usearch().map_err(failed)?;
                let graph = UsearchGraph::read(&graph, &path)?;
                let (dim, add) = (shape.dim, options.expansion_add);
                // efSearch that FAISS takes from the file: what searches of ours use.
                let search = HnswIndex::default_expansion(shape.rows as usize);
                write_hnsw(&mut file, &graph, dim, add, search).map_err(failed)?;
                let storage = FlatWriter::new(file, dim, shape.rows).map_err(failed)?;
                Self::FaissFlat(path, storage, Ids::create(folder)?)
            }
        })
    }

    /// Whether passages are to be read, not vectors alone.
    pub(super) fn wants_text(&self) -> bool {
        !matches!(self, Self::FaissFlat(..))
    }

    pub(super) fn push(&mut self, batch: &Batch) -> Result<()> {
        match self {
            Self::HfDataset(writer) => writer.push(&rows(batch), batch.vectors())?,
            Self::Parquet(writer) => writer.push(&rows(batch), batch.vectors())?,
            Self::Jsonl(path, writer) => {
                for (record, document) in batch.passages.iter().zip(&batch.documents) {
                    let document = as_document(document);
                    let written = writer.write(record.id, &record.passage, &document);
                    written.map_err(|source| write_error(path, source))?;
                }
            }
            Self::PsgsTsv(path, writer) => {
                for record in &batch.passages {
                    let written = writer.write(&record.id.to_string(), &record.passage);
                    written.map_err(|source| write_error(path, source))?;
                }
            }
            Self::FaissFlat(path, writer, ids) => {
                let written = writer.push(batch.vectors());
                written.map_err(|source| write_error(path, source))?;
                ids.push(batch)?;
            }
        }
        Ok(())
    }

    /// Ends the files and adds the page that says where the text is from.
    pub(super) fn finish(self, card: &DatasetCard) -> Result<()> {
        match self {
            Self::HfDataset(writer) => Ok(writer.finish(card)?),
            Self::Parquet(writer) => Ok(writer.finish(card)?),
            Self::Jsonl(path, writer) => {
                sync(&path, writer.finish())?;
                notice(&path, card)
            }
            Self::PsgsTsv(path, writer) => {
                sync(&path, writer.finish())?;
                notice(&path, card)
            }
            Self::FaissFlat(path, writer, ids) => {
                sync(&path, writer.finish())?;
                ids.finish()?;
                notice(&path, card)
            }
        }
    }
}

/// Builds one graph over all passages.
fn graph(
    snapshot: &Snapshot,
    dim: usize,
    options: HnswOptions,
    context: &Context<'_>,
) -> Result<BuiltGraph> {
    let reporter = context.reporter;
    reporter.start(
        Stage::Index,
        Unit::Vectors,
        Some(snapshot.manifest().passages),
    );
    let parts = snapshot.embeddings()?;
    let segments = parts.iter().map(segments);
    let segments: Vec<Vec<Segment<'_>>> = segments.collect::<Result<_>>()?;
    let segments = segments.concat();
    let done = AtomicU64::new(0);
    let on_rows = |n: usize| {
        let before = done.fetch_add(n as u64, Ordering::Relaxed);
        reporter.advance(Stage::Index, before + n as u64);
    };
    let graph = build_graph(dim, &segments, options, context.cancel, &on_rows)?;
    reporter.finish(Stage::Index);
    Ok(graph)
}

/// `ids.npy`: which passage each label of an index is.
pub(super) struct Ids {
    path: PathBuf,
    writer: IdsWriter<BufWriter<File>>,
}

impl Ids {
    fn create(folder: &Path) -> Result<Self> {
        let path = folder.join("ids.npy");
        let create = || IdsWriter::new(BufWriter::new(File::create(&path)?));
        match create() {
            Ok(writer) => Ok(Self { path, writer }),
            Err(source) => Err(write_error(&path, source)),
        }
    }

    fn push(&mut self, batch: &Batch) -> Result<()> {
        let written = self.writer.push(batch.ids.iter().map(|id| id.0));
        written.map_err(|source| write_error(&self.path, source))
    }

    fn finish(self) -> Result<()> {
        let finished = self.writer.finish();
        finished.map_err(|source| write_error(&self.path, source))
    }
}

/// The passages of a batch as others get them.
fn rows(batch: &Batch) -> Vec<Row<'_>> {
    fn row<'a>((record, document): (&'a PassageRecord, &'a DocumentRecord)) -> Row<'a> {
        let section = &*record.passage.section;
        Row {
            id: record.id.0,
            title: &record.passage.title,
            text: &record.passage.text,
            document: &record.document,
            section: (!section.is_empty()).then_some(section),
            url: document.meta.url.as_deref(),
        }
    }
    batch
        .passages
        .iter()
        .zip(&batch.documents)
        .map(row)
        .collect()
}

fn as_document(record: &DocumentRecord) -> Document {
    let meta = &record.meta;
    Document {
        key: meta.key.clone(),
        title: meta.title.clone(),
        url: meta.url.clone(),
        revision: meta.revision.clone(),
        timestamp: meta.timestamp.clone(),
        ..Document::default()
    }
}

/// Flushes a finished file and waits until it is on the disk.
fn sync(path: &Path, finished: io::Result<BufWriter<File>>) -> Result<()> {
    let synced = finished.and_then(|file| {
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    });
    synced.map_err(|source| write_error(path, source))
}

/// Puts `README.md` beside a file.
fn notice(beside: &Path, card: &DatasetCard) -> Result<()> {
    let path = beside.with_file_name("README.md");
    fs::write(&path, card.notice()).map_err(|source| write_error(&path, source))
}
