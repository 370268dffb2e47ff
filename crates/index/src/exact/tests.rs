//! The index against a plain sort, and the corners.

use proptest::prelude::*;
use ragdex_core::Cancel;

use super::*;

/// Scores and sorts everything, in the words of the contract.
fn sorted(vectors: &[f32], dim: usize, question: &[f32], k: usize) -> Vec<(u64, f32)> {
    let score = |row: &[f32]| {
        let products = row
            .iter()
            .zip(question)
            .map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum::<f64>() as f32 + 0.0
    };
    let rows = vectors.chunks_exact(dim).map(score);
    let mut scored: Vec<(u64, f32)> = (0..).zip(rows).collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(k);
    scored
}

fn found(index: &ExactIndex<'_>, question: &[f32], k: usize) -> Vec<(u64, f32)> {
    let question = Vectors::f32(question, question.len()).unwrap();
    let hits = index.search(question, &SearchOptions::top(k)).unwrap();
    hits[0].iter().map(|hit| (hit.id.0, hit.score)).collect()
}

proptest! {
    /// Small whole numbers make many ties and exact sums, so that order is all that is tested.
    #[test]
    fn the_index_equals_a_plain_sort(
        dim in 1_usize..40,
        cells in prop::collection::vec(-3_i8..4, 0..4000),
        question in prop::collection::vec(-3_i8..4, 40),
        k in 0_usize..70,
        cut in 0_usize..100,
    ) {
        let n_rows = cells.len() / dim;
        let vectors: Vec<f32> = cells[..n_rows * dim].iter().map(|&c| f32::from(c)).collect();
        let question: Vec<f32> = question[..dim].iter().map(|&c| f32::from(c)).collect();
        let cut = cut.min(n_rows);
        let (left, right) = vectors.split_at(cut * dim);
        let index = ExactIndex::new(dim, vec![
            Segment::new(Vectors::f32(left, dim).unwrap(), PassageId(0)),
            Segment::new(Vectors::f32(right, dim).unwrap(), PassageId(cut as u64)),
        ]).unwrap();
        prop_assert_eq!(found(&index, &question, k), sorted(&vectors, dim, &question, k));
    }

    #[test]
    fn rows_masked_out_are_never_found(live in prop::collection::vec(any::<bool>(), 1..600)) {
        let vectors: Vec<f32> = (0..live.len()).map(|row| (row % 7) as f32).collect();
        let segment = Segment::new(Vectors::f32(&vectors, 1).unwrap(), PassageId(0));
        let index = ExactIndex::new(1, vec![segment.with_live(&live).unwrap()]).unwrap();
        let expected = sorted(&vectors, 1, &[1.0], usize::MAX);
        let expected: Vec<_> = expected.into_iter().filter(|&(id, _)| live[id as usize]).collect();
        prop_assert_eq!(index.len(), expected.len());
        prop_assert_eq!(found(&index, &[1.0], usize::MAX), expected);
    }
}

#[test]
fn half_precision_scores_are_those_of_the_widened_numbers() {
    let halves: Vec<f16> = (0..64).map(|i| f16::from_f32(0.1 * i as f32)).collect();
    let wide: Vec<f32> = halves.iter().map(|h| h.to_f32()).collect();
    let question: Vec<f32> = (0..8).map(|i| 1.0 / (1.0 + i as f32)).collect();
    let search = |rows| {
        let segment = Segment::new(Vectors::new(rows, 8).unwrap(), PassageId(3));
        found(&ExactIndex::new(8, vec![segment]).unwrap(), &question, 8)
    };
    assert_eq!(search(Rows::F16(&halves)), search(Rows::F32(&wide)));
}

#[test]
fn an_empty_index_finds_nothing() {
    let index = ExactIndex::new(2, Vec::new()).unwrap();
    assert!(index.is_empty());
    assert_eq!(found(&index, &[1.0, 2.0], 5), []);
}

#[test]
fn questions_of_another_width_and_not_finite_are_refused() {
    let index = ExactIndex::new(2, Vec::new()).unwrap();
    let ask = |values: &[f32], dim| {
        index.search(Vectors::f32(values, dim).unwrap(), &SearchOptions::top(1))
    };
    assert!(matches!(
        ask(&[0.0; 3], 3),
        Err(Error::Dimension {
            expected: 2,
            found: 3
        })
    ));
    assert!(matches!(
        ask(&[0.0, 0.0, 1.0, f32::NAN], 2),
        Err(Error::NotFinite { question: 1 })
    ));
}

#[test]
fn a_cancelled_search_stops() {
    let vectors = [0.0; 1000];
    let segment = Segment::new(Vectors::f32(&vectors, 1).unwrap(), PassageId(0));
    let index = ExactIndex::new(1, vec![segment]).unwrap();
    let cancel = Cancel::default();
    cancel.cancel();
    let options = SearchOptions { k: 1, cancel };
    let result = index.search(Vectors::f32(&[1.0], 1).unwrap(), &options);
    assert!(matches!(result, Err(Error::Cancelled(_))));
}

#[test]
fn listed_ids_name_the_rows() {
    let vectors = [1.0, 3.0, 2.0];
    let vectors = Vectors::f32(&vectors, 1).unwrap();
    let segment = Segment::listed(vectors, &[4, 9, 11]).unwrap();
    let index = ExactIndex::new(1, vec![segment]).unwrap();
    assert_eq!(found(&index, &[1.0], 2), [(9, 3.0), (11, 2.0)]);
    assert!(matches!(
        Segment::listed(vectors, &[1]),
        Err(Error::Rows {
            expected: 3,
            found: 1
        })
    ));
}
