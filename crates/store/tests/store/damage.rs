//! Files that are damaged, lost or hostile: an error, never a panic.

use ragdex_core::{Cancel, NoReporter, PassageId};
use ragdex_store::{Error, Manifest, PartEmbeddings, Result, Snapshot};
use ragdex_testing::{MemoryStorage, Random, toy_documents};
use serde_json::{Value, json};

use crate::build::{built, store_of};

const MANIFEST: &str = "snapshots/00000001.json";

fn data_files(storage: &MemoryStorage) -> Vec<String> {
    let is_data = |path: &String| path.contains("/part-") || path.starts_with("index/");
    storage.files().into_keys().filter(is_data).collect()
}

/// Does everything that a reader can do.
fn read_everything(storage: &MemoryStorage) -> Result<usize> {
    let snapshot = store_of(storage).current()?;
    let n_passages = snapshot.all_passages().collect::<Result<Vec<_>>>()?.len();
    snapshot.all_documents().collect::<Result<Vec<_>>>()?;
    let ids: Vec<PassageId> = (0..snapshot.manifest().next_passage)
        .step_by(7)
        .map(PassageId)
        .collect();
    snapshot.passages(&ids)?;
    snapshot.documents_of(&ids)?;
    snapshot.document("no such key")?;
    let vectors = snapshot.embeddings()?;
    assert!(
        vectors
            .iter()
            .flat_map(PartEmbeddings::blocks)
            .map(|block| block.len())
            .sum::<usize>()
            > 0
    );
    Ok(n_passages)
}

fn problems(snapshot: &Snapshot) -> Vec<Error> {
    snapshot
        .verify(&NoReporter, &Cancel::default())
        .unwrap()
        .problems
}

#[test]
fn verify_names_the_file_with_a_flipped_byte() {
    let whole = built(&toy_documents(1, 40));
    for path in data_files(&whole) {
        let storage = whole.copy();
        let mut content = storage.take(&path).unwrap().to_vec();
        let middle = content.len() / 2;
        content[middle] ^= 0x20;
        storage.put(&path, content);
        let problems = problems(&store_of(&storage).current().unwrap());
        assert_eq!(problems.len(), 1, "{path}");
        assert!(problems[0].to_string().contains(&path), "{}", problems[0]);
        assert!(matches!(problems[0], Error::Checksum { .. }));
    }
}

#[test]
fn a_truncated_or_missing_file_is_refused_when_opened() {
    let whole = built(&toy_documents(1, 40));
    for path in data_files(&whole) {
        let storage = whole.copy();
        let content = storage.take(&path).unwrap();
        let error = store_of(&storage).current().unwrap_err();
        assert!(
            matches!(&error, Error::Missing { path: p } if p.ends_with(&path)),
            "{error}"
        );
        storage.put(&path, content.slice(..content.len() - 1));
        let error = store_of(&storage).current().unwrap_err();
        assert!(matches!(error, Error::Length { .. }), "{error}");
        assert!(error.hint().is_some());
    }
}

/// A file whose damage the checksum does not show, because whoever made it wrote the manifest too.
#[test]
fn no_content_of_a_file_makes_a_reader_panic() {
    let whole = built(&toy_documents(1, 12));
    let mut random = Random::new(1);
    for path in data_files(&whole) {
        let content = whole.files()[&path].to_vec();
        for _ in 0..200 {
            let mut damaged = content.clone();
            for _ in 0..=random.below(3) {
                // The ends are where lengths and offsets are.
                let near = random.below(2) * random.below(damaged.len());
                let place = damaged.len() - 1 - near.min(random.below(damaged.len()));
                damaged[place] = random.bits() as u8;
            }
            let storage = whole.copy();
            storage.put(&path, damaged);
            let _ = read_everything(&storage);
            if let Ok(snapshot) = store_of(&storage).current() {
                problems(&snapshot);
            }
        }
    }
    assert!(read_everything(&whole).unwrap() > 0);
}

/// Reads the manifest after a change to it by somebody who takes its checksum off.
fn with_manifest(change: impl FnOnce(&mut Value)) -> Result<Snapshot> {
    let storage = built(&toy_documents(1, 40));
    let mut manifest: Value = serde_json::from_slice(&storage.files()[MANIFEST]).unwrap();
    assert!(
        manifest
            .as_object_mut()
            .unwrap()
            .remove("checksum")
            .is_some()
    );
    change(&mut manifest);
    storage.put(MANIFEST, serde_json::to_vec(&manifest).unwrap());
    store_of(&storage).current()
}

#[test]
fn a_manifest_without_a_checksum_is_read_as_those_before_it_was_introduced() {
    with_manifest(|_| {}).unwrap();
}

/// Every bit up to the name of the checksum's field; with another name there is none.
#[test]
fn no_bit_of_a_manifest_can_flip_unnoticed() {
    let whole = built(&toy_documents(1, 5));
    let content = whole.files()[MANIFEST].to_vec();
    let text = String::from_utf8(content.clone()).unwrap();
    let field = text.rfind("\"checksum\"").unwrap();
    let value = text.rfind(": \"").unwrap();
    for place in (0..field).chain(value..content.len()) {
        let mut damaged = content.clone();
        damaged[place] ^= 1 << (place % 8);
        let error = Manifest::parse(&damaged, MANIFEST.into());
        assert!(error.is_err(), "{place}");
    }
}

#[test]
fn a_manifest_that_names_a_path_outside_is_refused() {
    for path in [
        "../../etc/passwd",
        "/etc/passwd",
        "passages/../../x",
        "staging/plan.json",
        "CURRENT",
    ] {
        for file in ["documents", "passages", "embeddings"] {
            let error = with_manifest(|m| m["parts"][0][file]["path"] = json!(path)).unwrap_err();
            let refused = matches!(error, Error::Json { .. } | Error::Malformed { .. });
            assert!(refused, "{path}: {error}");
        }
    }
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let max = json!(u64::MAX);
    for (pointer, value) in [
        ("/parts/0/n_passages", max.clone()),
        ("/parts/0/n_documents", max.clone()),
        ("/parts/0/first_passage", max.clone()),
        ("/parts/0/end_passage", max.clone()),
        ("/parts/0/end_passage", json!(0)),
        ("/parts/0/number", json!(u32::MAX)),
        ("/parts/1/number", json!(0)),
        (
            "/parts/1/documents/path",
            json!("documents/part-00000.parquet"),
        ),
        ("/parts/0/documents/bytes", max.clone()),
        ("/parts/0/documents/sha256", json!("00")),
        ("/embedding/dim", json!(0)),
        ("/embedding/dim", max.clone()),
        ("/embedding/element", json!("f64")),
        ("/embedding", Value::Null),
        ("/documents", json!(1)),
        ("/passages", max.clone()),
        ("/next_passage", json!(1)),
        ("/next_part", json!(0)),
        ("/snapshot", json!(2)),
        ("/parent", json!(1)),
        ("/parts", json!({})),
    ] {
        let change = |manifest: &mut Value| *manifest.pointer_mut(pointer).unwrap() = value.clone();
        let error = with_manifest(change).expect_err(pointer);
        assert!(error.hint().is_some(), "{pointer}: {error}");
    }
}

#[test]
fn a_manifest_of_a_newer_format_is_refused_with_the_version_that_reads_it() {
    let newer = json!({"format": 2, "ragdex": "0.9.0"});
    let error = with_manifest(|manifest| manifest["reader"] = newer).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NewerFormat {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.hint().unwrap(), "use ragdex 0.9.0 or later");
}

#[test]
fn fields_of_a_newer_ragdex_are_passed_over() {
    with_manifest(|manifest| {
        manifest["format"] = json!(2);
        manifest["novelty"] = json!([1]);
        manifest["parts"][0]["novelty"] = json!({});
    })
    .unwrap();
}

#[test]
fn garbage_in_place_of_a_manifest_is_an_error() {
    let deep = format!("{{\"parts\":{}", "[".repeat(200_000));
    for content in ["", "{", "null", "[]", "{}", "\u{0}", &deep] {
        let parsed = Manifest::parse(content.as_bytes(), "manifest".into());
        assert!(matches!(parsed, Err(Error::Json { .. })), "{content:.20}");
    }
}

#[test]
fn garbage_in_current_is_an_error() {
    for content in [
        "",
        "1",
        "../../etc/passwd",
        "00000002\n",
        "99999999999999999999999",
    ] {
        let storage = built(&toy_documents(1, 5));
        storage.put("CURRENT", content);
        assert!(store_of(&storage).current().is_err(), "{content}");
    }
}

/// Every file is whole, and they do not belong together.
#[test]
fn verify_sees_what_checksums_do_not() {
    let snapshot = with_manifest(|manifest| {
        for field in ["documents", "n_documents"] {
            let first = manifest["parts"][0][field].take();
            let second = std::mem::replace(&mut manifest["parts"][1][field], first);
            manifest["parts"][0][field] = second;
        }
    });
    let problems = problems(&snapshot.unwrap());
    assert_eq!(problems.len(), 2);
    for (problem, part) in problems
        .iter()
        .zip(["part-00000.parquet", "part-00001.parquet"])
    {
        assert!(problem.to_string().contains(part), "{problem}");
    }
}
