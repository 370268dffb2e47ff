//! Scan copies: what is written reads back, and what was not written is refused.

use ragdex_core::{Cancel, PassageId, Sha256, Vectors};

use super::*;
use crate::{Error, ExactIndex, Hit, SearchOptions, Segment, VectorIndex};

const DIM: usize = 10;
const ROWS: usize = 700;

fn values() -> Vec<f32> {
    let number = |i: usize| ((i * 7919 + i / 10 * 104_729) % 1_000) as f32 / 500.0 - 1.0;
    (0..ROWS * DIM).map(number).collect()
}

fn source() -> Sha256 {
    Sha256::of(b"the file of the vectors")
}

fn written(values: &[f32]) -> Vec<u8> {
    let vectors = Vectors::f32(values, DIM).unwrap();
    let mut file = Vec::new();
    write_codes(vectors, &source(), &mut file, &|_| (), &Cancel::default()).unwrap();
    file
}

fn open(file: Vec<u8>) -> Result<Codes, CodesError> {
    Codes::open(file, ROWS as u64, DIM, &source())
}

fn search(values: &[f32], codes: &Codes) -> Result<Vec<Hit>, CodesError> {
    let vectors = Vectors::f32(values, DIM).unwrap();
    let segment = Segment::new(vectors, PassageId(0))
        .with_codes(codes)
        .unwrap();
    let question = [0.3, -1.0, 0.2, 0.9, 1.5, -0.1, 0.0, 2.0, -0.7, 0.4];
    let question = Vectors::f32(&question, DIM).unwrap();
    let index = ExactIndex::new(DIM, vec![segment]).unwrap();
    match index.search(question, &SearchOptions::top(10)) {
        Ok(mut hits) => Ok(hits.remove(0)),
        Err(Error::Codes {
            passage: PassageId(0),
            source,
        }) => Err(source),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn codes_say_of_every_row_what_its_numbers_promise() {
    let values = values();
    let codes = open(written(&values)).unwrap();
    let panels = (0..3).flat_map(|block| codes.block(block).unwrap());
    for (panel, rows) in panels.zip(values.chunks(PANEL_ROWS * DIM)) {
        for (number, row) in rows.chunks_exact(DIM).enumerate() {
            let [scale, error, weight] = panel.row(number);
            let said = |place: usize| {
                let step = (place / STEP * PANEL_ROWS + number) * STEP + place % STEP;
                scale * (f64::from(panel.codes[step]) - 128.0)
            };
            let left = (0..DIM).map(|i| f64::from(row[i]) - f64::from(codes.mean()[i]) - said(i));
            assert!(length(left) <= error && error < 0.03);
            assert!(length((0..DIM).map(said)) <= weight);
        }
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let values = values();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(5)
        .build()
        .unwrap();
    assert_eq!(pool.install(|| written(&values)), written(&values));
}

#[test]
fn every_length_but_the_written_one_is_refused() {
    let file = written(&values());
    for len in (0..file.len()).step_by(3).chain([file.len() - 1]) {
        assert!(open(file[..len].to_vec()).is_err(), "{len}");
    }
    let longer = [&file[..], &[0]].concat();
    assert!(matches!(open(longer), Err(CodesError::Length { .. })));
}

#[test]
fn every_damage_is_an_error_or_changes_nothing() {
    let values = values();
    let file = written(&values);
    let expected = search(&values, &open(file.clone()).unwrap()).unwrap();
    let mut state = 12_345_u64;
    let mut next = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % end
    };
    let mut refused = 0;
    for round in 0..1_000 {
        let mut damaged = file.clone();
        match round % 4 {
            0 => damaged[next(file.len())] ^= 1 << next(8),
            1 => (0..4).for_each(|_| damaged[next(file.len())] = next(256) as u8),
            2 => damaged.truncate(next(file.len())),
            // Header, mean and the first numbers.
            _ => damaged[next(400)] = next(256) as u8,
        }
        match open(damaged).and_then(|codes| search(&values, &codes)) {
            Ok(found) => assert_eq!(found, expected),
            Err(error) => {
                refused += 1;
                assert!(!error.hint().is_empty());
            }
        }
    }
    assert!(refused > 950, "{refused}");
}

#[test]
fn a_vector_that_does_not_go_with_its_codes_is_found() {
    let values = values();
    let codes = open(written(&values)).unwrap();
    let expected = search(&values, &codes).unwrap();
    for hit in &expected {
        let row = hit.id.0 as usize;
        // The number of the largest weight in the question; its sign and a bit of its exponent.
        for bit in [31, 25] {
            let mut damaged = values.clone();
            let number = &mut damaged[row * DIM + 7];
            *number = f32::from_bits(number.to_bits() ^ 1 << bit);
            let refused = search(&damaged, &codes).unwrap_err();
            assert_eq!(refused, CodesError::Contradiction { row });
        }
    }
}

#[test]
fn a_damaged_vector_is_refused_or_moves_scores_by_less_than_codes_lose() {
    let values = values();
    let codes = open(written(&values)).unwrap();
    let right = |row: usize| {
        let question = [0.3, -1.0, 0.2, 0.9, 1.5, -0.1, 0.0, 2.0, -0.7, 0.4_f64];
        let row = values[row * DIM..][..DIM].iter().zip(question);
        row.map(|(a, b)| f64::from(*a) * b).sum::<f64>()
    };
    let last = search(&values, &codes).unwrap()[9].score;
    let mut refused = 0;
    for round in 0..1_000 {
        let mut damaged = values.clone();
        let number = &mut damaged[round * 7919 % (ROWS * DIM)];
        *number = f32::from_bits(number.to_bits() ^ 1 << (round % 32));
        let Ok(hits) = search(&damaged, &codes) else {
            refused += 1;
            continue;
        };
        assert!(hits.len() == 10 && hits[9].score > last - 0.2, "{round}");
        for hit in hits {
            let off = (f64::from(hit.score) - right(hit.id.0 as usize)).abs();
            assert!(off < 0.2, "round {round}: {off}");
        }
    }
    // Most damages are of rows that no search scores.
    assert!((1..500).contains(&refused), "{refused}");
}

#[test]
fn copies_of_other_vectors_and_versions_are_refused() {
    let file = written(&values());
    let other = Sha256::of(b"another file");
    let opened = Codes::open(file.clone(), ROWS as u64, DIM, &other);
    assert!(matches!(opened, Err(CodesError::Source { .. })));
    let opened = Codes::open(file.clone(), ROWS as u64 + 1, DIM, &source());
    assert!(matches!(opened, Err(CodesError::Shape { rows: 700, .. })));
    let opened = Codes::open(file.clone(), ROWS as u64, DIM + 1, &source());
    assert!(matches!(opened, Err(CodesError::Shape { dim: 10, .. })));
    let mut newer = file;
    newer[8] = 2;
    assert_eq!(open(newer).unwrap_err(), CodesError::Version(2));
    assert!(matches!(open(b"ARROW1".repeat(50)), Err(CodesError::Magic)));
    assert!(matches!(open(Vec::new()), Err(CodesError::Magic)));
}

#[test]
fn hostile_counts_are_refused_without_memory() {
    for rows in [u64::MAX, u64::MAX / 800, 1 << 40] {
        let mut file = written(&values());
        file[16..24].copy_from_slice(&rows.to_le_bytes());
        let opened = Codes::open(file, rows, DIM, &source());
        assert!(matches!(opened, Err(CodesError::Length { .. })));
    }
}

#[test]
fn vectors_too_wide_for_32_bit_sums_are_refused() {
    let values = vec![1.0; MAX_DIM + 1];
    let vectors = Vectors::f32(&values, MAX_DIM + 1).unwrap();
    let result = write_codes(
        vectors,
        &source(),
        &mut Vec::new(),
        &|_| (),
        &Cancel::default(),
    );
    assert!(matches!(result, Err(WriteError::TooWide(_))));
}

#[test]
fn a_cancelled_copy_stops() {
    let cancel = Cancel::default();
    cancel.cancel();
    let values = values();
    let vectors = Vectors::f32(&values, DIM).unwrap();
    let result = write_codes(vectors, &source(), &mut Vec::new(), &|_| (), &cancel);
    assert!(matches!(result, Err(WriteError::Cancelled(_))));
}

#[test]
fn no_vectors_make_a_copy_that_opens() {
    let vectors = Vectors::f32(&[], DIM).unwrap();
    let mut file = Vec::new();
    write_codes(vectors, &source(), &mut file, &|_| (), &Cancel::default()).unwrap();
    assert!(Codes::open(file, 0, DIM, &source()).unwrap().is_empty());
}
