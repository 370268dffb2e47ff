//! The manifest of a snapshot.

use std::collections::HashSet;

use ragdex_store::{KbPath, Manifest, Part, Store};
use ragdex_testing::MemoryStorage;

use crate::{MAX_BYTES, option_byte};

/// The bit of the first byte that opens a knowledge base with this manifest and no other file.
const OPEN: u8 = 1;

/// Parses a manifest: a byte of options, then JSON.
///
/// # Panics
/// When what was accepted contradicts itself, names a path outside, reads back as something else, or when a
/// snapshot opens whose files are not there.
pub fn manifest(mut data: &[u8]) {
    let choice = option_byte(&mut data);
    let json = &data[..data.len().min(MAX_BYTES)];
    let Ok(manifest) = Manifest::parse(json, "manifest".into()) else {
        return;
    };
    check_files(&manifest);
    check_counts(&manifest);
    let again = serde_json::to_vec(&manifest).expect("what was read can be written");
    let again = Manifest::parse(&again, "manifest".into());
    assert_eq!(
        again.ok().as_ref(),
        Some(&manifest),
        "it reads back as another"
    );
    if choice & OPEN != 0 {
        open(&manifest, json);
    }
}

fn check_files(manifest: &Manifest) {
    let mut seen = HashSet::new();
    for file in manifest.files() {
        let path = file.path.as_str();
        assert!(KbPath::new(path).is_ok(), "`{path}` is no path");
        assert!(
            !path.starts_with('/') && !path.contains(".."),
            "`{path}` leads outside"
        );
        let folder = path.split('/').next().expect("the first of at least one");
        let folders = ["documents", "passages", "embeddings", "index"];
        assert!(folders.contains(&folder), "`{path}` is no data");
        assert!(seen.insert(path), "`{path}` twice");
    }
    assert!(manifest.bytes() >= manifest.files().map(|file| file.bytes).max().unwrap_or(0));
}

fn check_counts(manifest: &Manifest) {
    let sum = |of: fn(&Part) -> u64| manifest.parts.iter().map(of).sum::<u64>();
    assert_eq!(sum(Part::live_documents), manifest.documents);
    assert_eq!(sum(Part::live_passages), manifest.passages);
    let mut next = 0;
    for part in &manifest.parts {
        assert!(part.first_passage >= next, "ids go back");
        assert!(
            part.end_passage <= manifest.next_passage,
            "an id not given out"
        );
        assert!(part.end_passage - part.first_passage >= part.n_passages);
        assert!(part.number < manifest.next_part, "a number not given out");
        next = part.end_passage;
    }
}

fn open(manifest: &Manifest, json: &[u8]) {
    let storage = MemoryStorage::default();
    let number = manifest.snapshot;
    storage.put(&format!("snapshots/{number:08}.json"), json.to_vec());
    storage.put("CURRENT", format!("{number:08}\n"));
    let store = Store::with_storage(std::sync::Arc::new(storage));
    let opened = store.current();
    assert_eq!(
        opened.is_ok(),
        manifest.files().next().is_none(),
        "files that are not there"
    );
}
