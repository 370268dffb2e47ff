//! The vectors that the stage `embed` adds to a folder of passages.

use std::sync::Arc;

use ragdex_core::{Element, Rows, Sha256, Vectors};
use ragdex_store::{
    Begun, DocumentMeta, EmbedPart, EmbeddingShape, Encoder, Error, PartEmbeddings, Result,
    SplitEmbeddings, SplitFolder, SplitName, SplitPart, Storage,
};
use ragdex_testing::{
    After, FailingStorage, Failure, MemoryStorage, When, toy_documents, toy_passages,
};
use serde_json::json;

use crate::build::{SHAPE, toy_vector};

fn encoder(id: &str, weights: &str) -> Encoder {
    let settings = json!({"precision": "f32", "pooling": "cls"});
    Encoder {
        id: id.into(),
        revision: None,
        sha256: Some(Sha256::of(weights.as_bytes())),
        settings: settings.as_object().unwrap().clone(),
    }
}

fn folder(storage: Arc<dyn Storage>) -> Result<SplitFolder> {
    SplitFolder::with_storage(storage)
}

/// A folder of a few parts in memory.
fn split() -> MemoryStorage {
    let storage = MemoryStorage::default();
    let begun =
        folder(Arc::new(storage.clone()))
            .unwrap()
            .begin(SplitName::default(), &json!(1), false);
    let Begun::Open(run) = begun.unwrap() else {
        panic!("nothing was there");
    };
    run.start().unwrap();
    let mut parts = run.parts(10, 0);
    for document in toy_documents(1, 16) {
        let passages = toy_passages(&document);
        parts
            .push(&DocumentMeta::from(&document), &passages)
            .unwrap();
    }
    let parts = parts.finish().unwrap();
    run.finish(parts, Vec::new(), json!({})).unwrap();
    storage
}

fn parts(folder: &SplitFolder) -> Result<Vec<SplitPart>> {
    let manifests = folder.manifests()?.into_iter();
    Ok(manifests.flat_map(|(_, manifest)| manifest.parts).collect())
}

/// Makes the vectors that are not there yet; gives how many parts these were.
fn embed(storage: Arc<dyn Storage>, by: Encoder, restart: bool) -> Result<usize> {
    let folder = folder(storage)?;
    let embeddings = folder.begin_embeddings(by, SHAPE, restart)?;
    let mut made = 0;
    for part in parts(&folder)? {
        match embeddings.begin(&part)? {
            EmbedPart::Finished => {}
            EmbedPart::Held { .. } => panic!("nobody else is at work"),
            EmbedPart::Open(mut writer) => {
                for passage in folder.passages(&part)? {
                    let vector = toy_vector(&passage?);
                    writer.push(Vectors::f32(&vector, SHAPE.dim).unwrap())?;
                }
                writer.finish()?;
                made += 1;
            }
        }
    }
    Ok(made)
}

fn embedded() -> MemoryStorage {
    let storage = split();
    let made = embed(Arc::new(storage.clone()), encoder("a", "1"), false);
    assert!(made.unwrap() > 2);
    storage
}

fn embeddings(storage: &MemoryStorage) -> SplitEmbeddings {
    let folder = folder(Arc::new(storage.clone())).unwrap();
    folder.embeddings().unwrap().unwrap()
}

fn numbers(part: &PartEmbeddings) -> Vec<f32> {
    let block = |block: Vectors<'_>| match block.rows() {
        Rows::F32(values) => values.to_vec(),
        Rows::F16(_) => panic!("written as f32"),
    };
    part.blocks().flat_map(block).collect()
}

#[test]
fn vectors_come_back_row_for_row() {
    let storage = embedded();
    let folder = folder(Arc::new(storage.clone())).unwrap();
    let embeddings = embeddings(&storage);
    for part in parts(&folder).unwrap() {
        let passages = folder.passages(&part).unwrap().map(Result::unwrap);
        let expected: Vec<f32> = passages.flat_map(|row| toy_vector(&row)).collect();
        let found = embeddings.vectors(&part).unwrap();
        assert_eq!(numbers(&found), expected);
        assert_eq!(found.ids().of(0).0, part.first_passage);
    }
}

#[test]
fn what_is_finished_is_not_made_again_under_whatever_name_the_encoder_goes() {
    let storage = embedded();
    let before = storage.files();
    let again = embed(Arc::new(storage.clone()), encoder("b", "1"), false);
    assert_eq!(again.unwrap(), 0);
    assert_eq!(storage.files(), before);
}

#[test]
fn vectors_of_another_encoder_are_refused_until_they_are_thrown_away() {
    let storage = embedded();
    let refused = embed(Arc::new(storage.clone()), encoder("b", "2"), false).unwrap_err();
    let Error::OtherEmbeddings { what, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(what, "sha256 of the weights");
    assert!(refused.hint().unwrap().contains("--restart"));
    let half = EmbeddingShape {
        element: Element::F16,
        ..SHAPE
    };
    let other = embeddings(&storage).check_same(encoder("a", "1"), half);
    assert!(matches!(other, Err(Error::OtherEmbeddings { what, .. }) if what == "vectors"));
    let made = embed(Arc::new(storage.clone()), encoder("b", "2"), true).unwrap();
    let fresh = split();
    assert_eq!(
        embed(Arc::new(fresh.clone()), encoder("b", "2"), false).unwrap(),
        made
    );
    assert_eq!(storage.files(), fresh.files());
}

#[test]
fn one_part_has_one_writer() {
    let storage = split();
    let folder = folder(Arc::new(storage)).unwrap();
    let embeddings = folder
        .begin_embeddings(encoder("a", "1"), SHAPE, false)
        .unwrap();
    let part = &parts(&folder).unwrap()[0];
    let first = embeddings.begin(part).unwrap();
    assert!(matches!(first, EmbedPart::Open(_)));
    let second = embeddings.begin(part).unwrap();
    let EmbedPart::Held { holder, .. } = second else {
        panic!("{second:?}");
    };
    assert_eq!(holder.command, "ragdex embed");
    assert!(matches!(
        embeddings.discard(part),
        Err(Error::Locked { .. })
    ));
    drop(first);
    assert!(matches!(
        embeddings.begin(part).unwrap(),
        EmbedPart::Open(_)
    ));
}

/// Every file that `embed` made, damaged in every way that a checksum must tell.
#[test]
fn what_is_damaged_lost_or_cut_is_made_again_byte_for_byte() {
    let whole = embedded();
    for name in whole.files().into_keys() {
        if !name.starts_with("embeddings/") && !name.starts_with("receipts/") {
            continue;
        }
        let content = whole.files()[&name].to_vec();
        let mut flipped = content.clone();
        flipped[content.len() / 2] ^= 4;
        let cut = content[..content.len() / 2].to_vec();
        for damaged in [Some(flipped), Some(cut), Some(Vec::new()), None] {
            let storage = whole.copy();
            match damaged {
                Some(damaged) => storage.put(&name, damaged),
                None => drop(storage.take(&name)),
            }
            let made = embed(Arc::new(storage.clone()), encoder("a", "1"), false);
            assert_eq!(made.unwrap(), 1, "{name}");
            assert_eq!(storage.files(), whole.files(), "{name}");
        }
    }
}

#[test]
fn damaged_passages_and_manifests_are_errors_that_name_the_file() {
    let whole = split();
    let name = "passages/part-00001.parquet";
    let mut content = whole.files()[name].to_vec();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    let storage = whole.copy();
    storage.put(name, content);
    let error = embed(Arc::new(storage.clone()), encoder("a", "1"), false).unwrap_err();
    assert!(matches!(&error, Error::Checksum { path, .. } if path.ends_with(name)));
    storage.take(name);
    let error = embed(Arc::new(storage), encoder("a", "1"), false).unwrap_err();
    assert!(matches!(&error, Error::Missing { path } if path.ends_with(name)));

    let storage = embedded();
    let content = storage.files()["embed.json"].to_vec();
    for place in 0..content.len() {
        let mut damaged = content.clone();
        damaged[place] ^= 1 << (place % 7);
        storage.put("embed.json", damaged);
        let again = embed(Arc::new(storage.clone()), encoder("a", "1"), false);
        assert!(again.is_err(), "{place}");
    }
    embed(Arc::new(storage.clone()), encoder("a", "1"), true).unwrap();
    assert_eq!(storage.files(), embedded().files());
}

#[test]
fn vectors_do_not_outlive_their_passages() {
    let storage = embedded();
    let begun =
        folder(Arc::new(storage.clone()))
            .unwrap()
            .begin(SplitName::default(), &json!(2), true);
    let Begun::Open(run) = begun.unwrap() else {
        panic!("another plan");
    };
    run.start().unwrap();
    let names: Vec<String> = storage.files().into_keys().collect();
    assert_eq!(names, ["embed.json", "split.json"]);
}

/// Whatever call fails, the same call again ends as if nothing had happened.
fn every_failure(when: When, after: After) {
    let before = split();
    let undisturbed = before.copy();
    let counting = FailingStorage::new(Arc::new(undisturbed.clone()), None);
    embed(Arc::new(counting.clone()), encoder("a", "1"), false).unwrap();
    for at in 0..counting.calls() {
        for power_loss in [false, true] {
            let storage = before.copy();
            let failure = Failure { at, when, after };
            let failing = FailingStorage::new(Arc::new(storage.clone()), Some(failure));
            let outcome = embed(Arc::new(failing), encoder("a", "1"), false);
            if power_loss {
                storage.power_loss();
            }
            if outcome.is_ok() && !power_loss {
                assert_eq!(storage.files(), undisturbed.files(), "call {at}");
            }
            embed(Arc::new(storage.clone()), encoder("a", "1"), false)
                .unwrap_or_else(|error| panic!("call {at}: {error}"));
            assert_eq!(storage.files(), undisturbed.files(), "call {at}, again");
        }
    }
}

#[test]
fn embedding_survives_a_refused_call() {
    every_failure(When::Before, After::GoOn);
}

#[test]
fn embedding_survives_its_end_at_any_call() {
    every_failure(When::Before, After::Stop);
    every_failure(When::Afterwards, After::Stop);
}
