//! A build of a toy corpus, as every test needs one.

use std::io::Write as _;
use std::sync::Arc;

use ragdex_core::{Document, Element, Vectors};
use ragdex_store::{
    DocumentMeta, Draft, EmbeddingShape, FileEntry, Index, PassageRecord, Result, Snapshot,
    Staging, Storage, Store,
};
use ragdex_testing::{MemoryStorage, toy_passages};
use serde_json::{Map, Value, json};

pub(crate) const PART_PASSAGES: u64 = 10;

pub(crate) const SHAPE: EmbeddingShape = EmbeddingShape {
    dim: 4,
    element: Element::F32,
};

pub(crate) fn plan(documents: &[Document]) -> Value {
    json!({"command": "build", "documents": documents.len()})
}

/// Builds, or goes on building, with all that a real build does.
pub(crate) fn build(storage: Arc<dyn Storage>, documents: &[Document]) -> Result<Snapshot> {
    let plan = plan(documents);
    let mut writer = Store::with_storage(storage).writer("test build")?;
    if let Some(snapshot) = writer.committed(&plan)? {
        return Ok(snapshot);
    }
    let staging = writer.stage(&plan)?;
    split(&staging, documents)?;
    embed(&staging, SHAPE)?;
    let index = Index {
        kind: "toy".into(),
        parameters: Map::new(),
        files: vec![index_file(&staging)?],
    };
    let draft = Draft {
        indexes: vec![index],
        licences: vec!["CC0".into()],
        ..Draft::default()
    };
    staging.prepare(draft)?.commit()
}

fn index_file(staging: &Staging<'_>) -> Result<FileEntry> {
    if let Some(file) = staging.index_file("toy")? {
        return Ok(file);
    }
    let mut file = staging.index_writer("toy", "bin")?;
    file.write_all(b"an index")
        .map_err(|source| file.error(source))?;
    file.finish()
}

pub(crate) fn split(staging: &Staging<'_>, documents: &[Document]) -> Result<()> {
    if staging.split_summary()?.is_some() {
        return Ok(());
    }
    let mut writer = staging.split_writer(PART_PASSAGES)?;
    for document in documents {
        writer.push(&DocumentMeta::from(document), &toy_passages(document))?;
    }
    writer.finish(&json!({"skipped": 3}))
}

pub(crate) fn embed(staging: &Staging<'_>, shape: EmbeddingShape) -> Result<()> {
    for part in staging.parts()? {
        if part.embedded().is_some() {
            continue;
        }
        let mut writer = staging.embeddings_writer(&part, shape);
        for passage in staging.passages(&part)? {
            let vector = toy_vector(&passage?);
            writer.push(Vectors::f32(&vector, shape.dim).expect("one row"))?;
        }
        writer.finish()?;
    }
    Ok(())
}

/// A stand-in for an encoder; exact in f16.
pub(crate) fn toy_vector(passage: &PassageRecord) -> [f32; 4] {
    std::array::from_fn(|place| f32::from(passage.hash.0[place]) / 256.0)
}

/// A knowledge base in memory.
pub(crate) fn built(documents: &[Document]) -> MemoryStorage {
    let storage = MemoryStorage::default();
    build(Arc::new(storage.clone()), documents).expect("nothing fails");
    storage
}

/// The knowledge base in that storage.
pub(crate) fn store_of(storage: &MemoryStorage) -> Store {
    Store::with_storage(Arc::new(storage.clone()))
}
