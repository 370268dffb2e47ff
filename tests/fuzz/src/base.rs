//! A knowledge base with one file changed.

use std::sync::{Arc, OnceLock};

use ragdex_core::{Cancel, Element, NoReporter, PassageId, Sha256, Vectors};
use ragdex_store::{DocumentMeta, Draft, EmbeddingShape, Result, Snapshot, Staging, Store};
use ragdex_testing::{MemoryStorage, toy_documents, toy_passages};
use serde_json::{Value, json};

use crate::edits::edited;
use crate::option_byte;

const SHAPE: EmbeddingShape = EmbeddingShape {
    dim: 4,
    element: Element::F32,
};

const MANIFEST: &str = "snapshots/00000002.json";

/// The bit of the second byte that makes the manifest name the length that the file has then, as somebody would
/// who damages it on purpose.
const FORGED: u8 = 1;

/// Changes a file of a small knowledge base, and reads everything: a byte that chooses the file, a byte of
/// options, then as [`edited`] says.
///
/// # Panics
/// When reading panics, or when nobody notices: every change is an error on the way or a problem that verifying
/// names.
pub fn base(mut data: &[u8]) {
    let whole = whole();
    let files = whole.files();
    let names: Vec<&String> = files.keys().filter(|name| *name != "LOCK").collect();
    let name = names[usize::from(option_byte(&mut data) & 0x3f) % names.len()];
    let choice = option_byte(&mut data);
    let before = &files[name];
    let changed = edited(before, &mut data);
    let storage = whole.copy();
    storage.put(name, changed.clone());
    if choice & FORGED != 0 && changed.len() != before.len() && name != MANIFEST {
        forge(&storage, name, changed.len());
    }
    let noticed = match Store::with_storage(Arc::new(storage)).current() {
        Err(_) => true,
        Ok(snapshot) => {
            let found = snapshot.verify(&NoReporter, &Cancel::default());
            let n_problems = found.expect("nobody asks to stop").problems.len();
            // Whatever verifying says, reading must end.
            read_everything(&snapshot).is_err() || n_problems > 0
        }
    };
    let is_same = changed == **before || means_the_same(name, &changed);
    assert!(
        noticed || is_same,
        "a change of `{name}` that nobody notices"
    );
}

/// A manifest without its checksum is read as the first versions wrote it. `CURRENT` may name the older snapshot,
/// as people may have it do; the checksum behind a number may be missing, and line breaks mean nothing.
fn means_the_same(name: &str, changed: &[u8]) -> bool {
    match name {
        "CURRENT" => ["00000001", "00000002"]
            .iter()
            .any(|number| names(changed, number)),
        MANIFEST => !changed.windows(10).any(|window| window == b"\"checksum\""),
        // The older snapshot is not opened, and what is not named is nobody's.
        _ => name.starts_with("snapshots/"),
    }
}

/// Whether what `CURRENT` holds is a number, by itself or with its checksum.
fn names(current: &[u8], number: &str) -> bool {
    let end = current.iter().rposition(|byte| *byte != b'\n');
    let text = &current[..end.map_or(0, |end| end + 1)];
    let sum = Sha256::of(number.as_bytes()).to_string();
    text == number.as_bytes() || text == format!("{number} {}", &sum[..8]).as_bytes()
}

/// Reads whatever a reader can read.
fn read_everything(snapshot: &Snapshot) -> Result<()> {
    for passage in snapshot.all_passages() {
        passage?;
    }
    for document in snapshot.all_documents() {
        document?;
    }
    let ids: Vec<PassageId> = (0..snapshot.manifest().next_passage)
        .map(PassageId)
        .collect();
    for id in ids {
        // Deleted ones are not there.
        let _ = snapshot.passages(&[id]);
        let _ = snapshot.documents_of(&[id]);
    }
    snapshot.document("1")?;
    for part in snapshot.embeddings()? {
        for block in part.blocks() {
            std::hint::black_box(block.len());
        }
    }
    Ok(())
}

/// Writes another length of a file into the manifest, and takes the manifest's checksum off.
fn forge(storage: &MemoryStorage, name: &str, bytes: usize) {
    let manifest = storage.take(MANIFEST).expect("made below");
    let mut manifest: Value = serde_json::from_slice(&manifest).expect("made below");
    let fields = manifest.as_object_mut().expect("made below");
    fields.remove("checksum");
    let lists = ["parts", "indexes"].map(|list| fields[list].clone());
    for (list, name_of) in lists.iter().zip(["parts", "indexes"]) {
        let text = list.to_string();
        let entry = format!("{{\"path\":\"{name}\",\"bytes\":");
        let Some(at) = text.find(&entry) else {
            continue;
        };
        let start = at + entry.len();
        let end = start + text[start..].find(',').expect("the hash follows");
        let text = format!("{}{bytes}{}", &text[..start], &text[end..]);
        fields[name_of] = serde_json::from_str(&text).expect("one number for another");
    }
    storage.put(MANIFEST, manifest.to_string());
}

/// Two snapshots: the second has lost a document of each part and has a part of its own.
fn whole() -> &'static MemoryStorage {
    static WHOLE: OnceLock<MemoryStorage> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let storage = MemoryStorage::default();
        make(&storage).expect("nothing fails in memory");
        storage
    })
}

fn make(storage: &MemoryStorage) -> Result<()> {
    let store = Store::with_storage(Arc::new(storage.clone()));
    let mut writer = store.writer("build")?;
    let staging = writer.stage(&json!("build"))?;
    push(&staging, 1, "")?;
    staging.prepare(Draft::default())?.commit()?;
    drop(writer);
    let mut writer = store.writer("refresh")?;
    let base = store.current()?;
    let staging = writer.stage(&json!("refresh"))?;
    let mut keep = Vec::new();
    for rows in base.rows() {
        let mut documents = rows.deleted_documents();
        documents.delete(0);
        let passages = rows.passages_of(&documents)?;
        keep.push(staging.delete(rows.part(), &documents, &passages)?);
    }
    push(&staging, 2, "new ")?;
    let draft = Draft::repeating(base.manifest());
    staging.prepare(Draft { keep, ..draft })?.commit()?;
    Ok(())
}

/// Splits and embeds a few documents, in parts of five passages.
fn push(staging: &Staging<'_>, seed: u64, prefix: &str) -> Result<()> {
    let mut parts = staging.split_writer(5)?;
    for document in toy_documents(seed, 5) {
        let meta = DocumentMeta {
            key: format!("{prefix}{}", document.key),
            ..DocumentMeta::from(&document)
        };
        parts.push(&meta, &toy_passages(&document))?;
    }
    parts.finish(&Value::Null)?;
    for part in staging.parts()? {
        let mut writer = staging.embeddings_writer(&part, SHAPE);
        for passage in staging.passages(&part)? {
            let hash = passage?.hash.0;
            let vector: [f32; 4] = std::array::from_fn(|place| f32::from(hash[place]) / 256.0);
            writer.push(Vectors::f32(&vector, SHAPE.dim).expect("one row"))?;
        }
        writer.finish()?;
    }
    Ok(())
}
