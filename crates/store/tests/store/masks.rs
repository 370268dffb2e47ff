//! Deleted rows of parts that stay.

use ragdex_core::{Cancel, NoReporter, PassageId};
use ragdex_store::{Draft, Error, RowMask};
use ragdex_testing::toy_documents;
use serde_json::json;

use crate::build::{built, split, store_of};

#[test]
fn deleted_rows_are_not_found_any_more() {
    let storage = built(&toy_documents(1, 20));
    let store = store_of(&storage);
    let first = store.current().unwrap();
    let mut writer = store.writer("test remove").unwrap();
    let staging = writer
        .stage(&json!("remove the first document with passages"))
        .unwrap();
    split(&staging, &[]).unwrap();

    let documents: Vec<_> = first.all_documents().map(Result::unwrap).collect();
    let (row, gone) = documents
        .iter()
        .enumerate()
        .find(|(_, d)| d.n_passages > 0)
        .unwrap();
    let mut keep = first.manifest().parts.clone();
    let mut document_mask = RowMask::new(keep[0].n_documents as usize);
    let mut passage_mask = RowMask::new(keep[0].n_passages as usize);
    document_mask.delete(row);
    (0..gone.n_passages as usize).for_each(|passage| passage_mask.delete(passage));
    keep[0] = staging
        .delete(&keep[0], &document_mask, &passage_mask)
        .unwrap();
    let draft = Draft {
        keep,
        ..Draft::default()
    };
    let second = staging.prepare(draft).unwrap().commit().unwrap();

    let n_gone = u64::from(gone.n_passages);
    assert_eq!(second.manifest().documents, first.manifest().documents - 1);
    assert_eq!(
        second.manifest().passages,
        first.manifest().passages - n_gone
    );
    let left: Vec<_> = second.all_passages().map(Result::unwrap).collect();
    assert!(
        left.iter()
            .map(|record| record.id.0)
            .eq(n_gone..first.manifest().next_passage)
    );
    assert_eq!(second.all_documents().count(), 19);
    assert_eq!(second.document(&gone.meta.key).unwrap(), None);
    assert!(first.document(&gone.meta.key).unwrap().is_some());
    let error = second.passages(&[PassageId(0)]).unwrap_err();
    assert!(matches!(error, Error::NoSuchPassage { .. }), "{error}");
    assert!(first.passages(&[PassageId(0)]).is_ok());
    assert_eq!(
        second.embeddings().unwrap()[0].deleted(),
        Some(&passage_mask)
    );
    let found = second.verify(&NoReporter, &Cancel::default()).unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}
