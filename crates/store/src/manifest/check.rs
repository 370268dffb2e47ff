//! What a manifest must not contradict itself in.

use std::collections::HashSet;
use std::fmt::Display;

use super::{Manifest, Part};
use crate::names;

/// The widest vectors that are believed.
const MAX_DIM: usize = 1 << 20;

/// The most rows of one file, so that a row number fits everywhere.
const MAX_ROWS: u64 = u32::MAX as u64;

/// What was expected, and what was found.
type Contradiction = (String, String);

/// Finds the first contradiction; afterwards sums and products of the counts do not overflow.
pub(super) fn contradiction(manifest: &Manifest) -> Option<Contradiction> {
    head(manifest)
        .or_else(|| parts(manifest))
        .or_else(|| totals(manifest))
        .or_else(|| files(manifest))
}

fn expect(holds: bool, expected: &str, found: impl Display) -> Option<Contradiction> {
    (!holds).then(|| (expected.to_owned(), found.to_string()))
}

fn head(manifest: &Manifest) -> Option<Contradiction> {
    let parent = manifest.parent.unwrap_or(0);
    let dim = manifest.embedding.map_or(1, |shape| shape.dim);
    expect(
        manifest.snapshot > 0,
        "snapshot number from 1",
        manifest.snapshot,
    )
    .or_else(|| {
        expect(
            parent < manifest.snapshot,
            "parent before the snapshot",
            parent,
        )
    })
    .or_else(|| expect((1..=MAX_DIM).contains(&dim), "dimension of at least 1", dim))
    .or_else(|| {
        let shaped = manifest.embedding.is_some() || manifest.parts.is_empty();
        expect(shaped, "`embedding` beside parts", "none")
    })
}

fn parts(manifest: &Manifest) -> Option<Contradiction> {
    let mut numbers = HashSet::new();
    let mut next_passage = 0;
    for part in &manifest.parts {
        let found = one_part(part)
            .or_else(|| {
                let ascending = part.first_passage >= next_passage;
                expect(
                    ascending,
                    "parts by ascending passage ids",
                    format!("part {}", part.number),
                )
            })
            .or_else(|| {
                let known =
                    part.number < manifest.next_part && part.end_passage <= manifest.next_passage;
                let once = numbers.insert(part.number);
                let expected = "distinct parts and ids below the next ones";
                expect(known && once, expected, format!("part {}", part.number))
            });
        if found.is_some() {
            return found;
        }
        next_passage = part.end_passage;
    }
    None
}

fn one_part(part: &Part) -> Option<Contradiction> {
    let ids = part.end_passage.checked_sub(part.first_passage);
    let deleted = part.deleted.as_ref();
    let deleted = deleted.map_or((0, 0), |deleted| (deleted.n_documents, deleted.n_passages));
    let named = |what: &str| format!("{what} in part {}", part.number);
    expect(
        ids.is_some_and(|ids| ids >= part.n_passages && (ids > 0) == (part.n_passages > 0)),
        &named("an id for every passage"),
        format!("{}..{}", part.first_passage, part.end_passage),
    )
    .or_else(|| {
        let rows = part.n_documents.max(part.n_passages);
        expect(rows <= MAX_ROWS, &named("at most 2^32 rows"), rows)
    })
    .or_else(|| {
        let fewer = deleted.0 <= part.n_documents && deleted.1 <= part.n_passages;
        expect(fewer, &named("no more deleted rows than rows"), "more")
    })
}

fn totals(manifest: &Manifest) -> Option<Contradiction> {
    let sum = |of: fn(&Part) -> u64| {
        let counts = manifest.parts.iter().map(of);
        counts.fold(0, u64::saturating_add)
    };
    let documents = sum(Part::live_documents);
    let passages = sum(Part::live_passages);
    expect(
        documents == manifest.documents,
        &format!("{} documents", manifest.documents),
        documents,
    )
    .or_else(|| {
        let expected = format!("{} passages", manifest.passages);
        expect(passages == manifest.passages, &expected, passages)
    })
}

/// No file twice, and none of the names that are not data.
fn files(manifest: &Manifest) -> Option<Contradiction> {
    let mut seen = HashSet::new();
    for file in manifest.files() {
        let folder = file.path.as_str().split('/').next().unwrap_or("");
        let data = names::DATA_FOLDERS.contains(&folder) && file.path.name() != folder;
        if !data || !seen.insert(&file.path) {
            return Some(("distinct data files".into(), format!("`{}`", file.path)));
        }
    }
    None
}
