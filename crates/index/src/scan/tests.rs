//! The scan against scoring and sorting everything, on vectors made to mislead it.

use half::f16;
use proptest::prelude::*;
use ragdex_core::{Cancel, PassageId, Rows, Sha256, Vectors};

use super::question::Question;
use crate::score::inner_product_by;
use crate::simd::Isa;
use crate::{Codes, ExactIndex, Hit, SearchOptions, Segment, VectorIndex, write_codes};

/// What a row of a hostile set is made of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Usual,
    Zero,
    Equal,
    Huge,
    Tiny,
    Denormal,
    OneLarge,
    Far,
}

const KINDS: [Kind; 8] = [
    Kind::Usual,
    Kind::Zero,
    Kind::Equal,
    Kind::Huge,
    Kind::Tiny,
    Kind::Denormal,
    Kind::OneLarge,
    Kind::Far,
];

struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.bits() >> 33) as usize % end
    }

    fn number(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

fn row(kind: Kind, dim: usize, random: &mut Random) -> Vec<f32> {
    let scale = match kind {
        Kind::Huge => 1e37,
        Kind::Tiny => 1e-30,
        Kind::Denormal => 1e-42,
        Kind::Far => 1e22,
        _ => 1.0,
    };
    let mut row: Vec<f32> = match kind {
        Kind::Zero => vec![0.0; dim],
        Kind::Equal => vec![0.25; dim],
        _ => (0..dim).map(|_| 0.7 + random.number() * scale).collect(),
    };
    if matches!(kind, Kind::OneLarge) {
        row[random.below(dim)] = 1e4;
    }
    if matches!(kind, Kind::Tiny | Kind::Denormal) {
        for value in &mut row {
            *value = random.number() * scale;
        }
    }
    row
}

/// Mostly one kind, with others strewn in.
fn rows(main: Kind, count: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let kind = |random: &mut Random| match random.below(9) {
        0 => KINDS[random.below(KINDS.len())],
        _ => main,
    };
    (0..count)
        .flat_map(|_| {
            let kind = kind(&mut random);
            row(kind, dim, &mut random)
        })
        .collect()
}

fn codes(vectors: Vectors<'_>) -> Codes {
    let source = Sha256::of(b"vectors");
    let mut file = Vec::new();
    write_codes(vectors, &source, &mut file, &|_| (), &Cancel::default()).unwrap();
    Codes::open(file, vectors.len() as u64, vectors.dim(), &source).unwrap()
}

/// Scores every live row with the portable inner product, and sorts.
fn sorted(vectors: Vectors<'_>, live: &[bool], question: &[f32], k: usize) -> Vec<Hit> {
    let isa = Isa::available().pop().unwrap();
    let question: Vec<f64> = question.iter().map(|&value| value.into()).collect();
    let dim = vectors.dim();
    let score = |row: usize| match vectors.rows() {
        Rows::F32(values) => inner_product_by(isa, &question, &values[row * dim..][..dim]),
        Rows::F16(values) => inner_product_by(isa, &question, &values[row * dim..][..dim]),
    };
    let rows = (0..vectors.len()).filter(|&row| live[row]);
    let mut hits: Vec<Hit> = rows
        .map(|row| Hit {
            id: PassageId(row as u64),
            score: score(row),
        })
        .filter(|hit| !hit.score.is_nan())
        .collect();
    hits.sort_by(Hit::best_first);
    hits.truncate(k);
    hits
}

/// Searches by every instruction set, with codes and without, and holds it against the sort.
fn check(vectors: Vectors<'_>, live: &[bool], questions: &[f32], k: usize) {
    let dim = vectors.dim();
    let codes = codes(vectors);
    let expected: Vec<Vec<Hit>> = questions
        .chunks_exact(dim)
        .map(|question| sorted(vectors, live, question, k))
        .collect();
    let plain = Segment::new(vectors, PassageId(0)).with_live(live).unwrap();
    let coded = plain.clone().with_codes(&codes).unwrap();
    for isa in Isa::available() {
        for segment in [&plain, &coded] {
            let index = ExactIndex::new(dim, vec![segment.clone()]).unwrap().by(isa);
            let questions = Vectors::f32(questions, dim).unwrap();
            let found = index.search(questions, &SearchOptions::top(k)).unwrap();
            assert_eq!(
                found,
                expected,
                "{isa:?}, codes {}",
                segment.codes().is_some()
            );
        }
    }
}

fn check_both(values: &[f32], dim: usize, live: &[bool], questions: &[f32], k: usize) {
    check(Vectors::f32(values, dim).unwrap(), live, questions, k);
    let halves: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
    if halves.iter().all(|half| half.is_finite()) {
        check(
            Vectors::new(Rows::F16(&halves), dim).unwrap(),
            live,
            questions,
            k,
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_scan_equals_a_plain_sort(
        dim in prop::sample::select(vec![1, 2, 3, 4, 7, 16, 33, 100, 384]),
        count in 0_usize..700,
        main in prop::sample::select(KINDS.to_vec()),
        asked in prop::sample::select(KINDS.to_vec()),
        n_questions in 1_usize..20,
        k in 0_usize..130,
        dead in 0_usize..4,
        seed in any::<u64>(),
    ) {
        let count = if dim > 50 { count / 4 } else { count };
        let values = rows(main, count, dim, seed);
        let questions = rows(asked, n_questions, dim, !seed);
        let mut random = Random::new(seed ^ 5);
        let live: Vec<bool> = (0..count).map(|_| random.below(4) >= dead).collect();
        check_both(&values, dim, &live, &questions, k);
    }
}

#[test]
fn wide_vectors_and_counts_about_k_are_found() {
    for dim in [768, 1024, 4096] {
        for count in [0, 1, 4, 5, 6, 33, 257] {
            let values = rows(Kind::Usual, count, dim, count as u64);
            let questions = rows(Kind::Usual, 3, dim, 77);
            check_both(&values, dim, &vec![true; count], &questions, 5);
        }
    }
}

#[test]
fn nothing_is_lost_when_no_bound_tells_rows_apart() {
    // More than candidates are kept for, all with the same score, and a few above it.
    let (count, dim) = (12_000, 5);
    let mut values = vec![0.5; count * dim];
    for row in [17, 4_000, 11_998] {
        values[row * dim] = 0.500_001;
    }
    check_both(
        &values,
        dim,
        &vec![true; count],
        &[1.0, -1.0, 2.0, 0.5, 1.5],
        100,
    );
}

#[test]
fn scores_a_rounding_apart_are_told_apart() {
    let (count, dim) = (3_000, 24);
    let mut random = Random::new(3);
    let values: Vec<f32> = (0..count * dim)
        .map(|_| f32::from_bits(1.0_f32.to_bits() + random.below(3) as u32))
        .collect();
    let questions: Vec<f32> = (0..4 * dim).map(|_| random.number()).collect();
    check_both(&values, dim, &vec![true; count], &questions, 10);
}

#[test]
fn vectors_that_are_no_numbers_are_never_found_and_hide_nothing() {
    let dim = 6;
    let mut values = rows(Kind::Usual, 400, dim, 9);
    for (row, value) in [(3, f32::NAN), (64, f32::INFINITY), (65, f32::NEG_INFINITY)] {
        values[row * dim + 2] = value;
    }
    let questions = [1.0, 0.5, -1.0, 0.0, 2.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0];
    check(
        Vectors::f32(&values, dim).unwrap(),
        &[true; 400],
        &questions,
        7,
    );
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    let dim = 32;
    let values = rows(Kind::Usual, 5_000, dim, 21);
    let vectors = Vectors::f32(&values, dim).unwrap();
    let codes = codes(vectors);
    let questions = rows(Kind::Usual, 40, dim, 22);
    let search = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let segment = Segment::new(vectors, PassageId(0))
                .with_codes(&codes)
                .unwrap();
            let index = ExactIndex::new(dim, vec![segment]).unwrap();
            let questions = Vectors::f32(&questions, dim).unwrap();
            index.search(questions, &SearchOptions::top(20)).unwrap()
        })
    };
    let alone = search(1);
    assert_eq!(search(2), alone);
    assert_eq!(search(7), alone);
}

#[test]
fn segments_with_and_without_codes_are_one_index() {
    let dim = 19;
    let values = rows(Kind::Usual, 3_000, dim, 31);
    let (left, right) = values.split_at(1_111 * dim);
    let (left, right) = (
        Vectors::f32(left, dim).unwrap(),
        Vectors::f32(right, dim).unwrap(),
    );
    let codes = codes(left);
    let segments = vec![
        Segment::new(left, PassageId(0)).with_codes(&codes).unwrap(),
        Segment::new(right, PassageId(1_111)),
    ];
    let index = ExactIndex::new(dim, segments).unwrap();
    let questions = rows(Kind::Usual, 1_100, dim, 32);
    let found = index
        .search(
            Vectors::f32(&questions, dim).unwrap(),
            &SearchOptions::top(9),
        )
        .unwrap();
    let vectors = Vectors::f32(&values, dim).unwrap();
    for (found, question) in found.iter().zip(questions.chunks_exact(dim)) {
        assert_eq!(*found, sorted(vectors, &[true; 3_000], question, 9));
    }
}

#[test]
fn bounds_leave_few_rows_to_be_scored() {
    // Not a matter of right or wrong, but of what the codes are for.
    let dim = 64;
    let values = rows(Kind::Usual, 20_000, dim, 41);
    let vectors = Vectors::f32(&values, dim).unwrap();
    let question = rows(Kind::Usual, 1, dim, 42);
    let question = &Question::read(Vectors::f32(&question, dim).unwrap()).unwrap()[0];
    let codes = codes(vectors);
    let width = |panel: crate::codes::Panel<'_>| {
        let [_, error, weight] = panel.row(0);
        f64::from(question.error_factor) * error + f64::from(question.weight_factor) * weight
    };
    let widest = codes.block(0).unwrap().map(width).fold(0.0, f64::max);
    assert!(
        widest < 0.05 * question.norm() * (dim as f64).sqrt(),
        "{widest}"
    );
}

#[test]
fn a_score_lies_in_its_interval_also_for_the_question_that_the_codes_mislead_most() {
    let (count, dim) = (96, 40);
    for main in KINDS {
        let values = rows(main, count, dim, 51);
        let vectors = Vectors::f32(&values, dim).unwrap();
        let codes = codes(vectors);
        let panels: Vec<_> = codes.block(0).unwrap().collect();
        for row in 0..count {
            let (panel, place) = (&panels[row / 32], row % 32);
            let code = |i: usize| i32::from(panel.codes[(i / 4 * 32 + place) * 4 + i % 4]) - 128;
            let [scale, ..] = panel.row(place);
            let vector = &values[row * dim..][..dim];
            // Along what the codes leave out, Cauchy and Schwarz are equal.
            let left = |i: usize| {
                let said = f64::from(codes.mean()[i]) + scale * f64::from(code(i));
                ((f64::from(vector[i]) - said) * 1e3).clamp(-1e30, 1e30) as f32
            };
            let question: Vec<f32> = (0..dim).map(left).collect();
            let question = Question::read(Vectors::f32(&question, dim).unwrap()).unwrap();
            let product = (0..dim)
                .map(|i| code(i) * i32::from(question[0].codes[i]))
                .sum();
            for isa in Isa::available() {
                let offset = question[0].offset(Some(&codes), isa);
                let bounds = question[0].bounds(offset, panel.row(place), product);
                let score = inner_product_by(isa, question[0].exact(), vector);
                assert!(
                    bounds.lower <= score && score <= bounds.upper,
                    "{bounds:?} {score}"
                );
            }
        }
    }
}
