//! Vectors to bytes.
//!
//! A number of a passage becomes `round((x - mean) · gain)`, clamped to ±127. The mean that all
//! passages share adds the same to every inner product with a question, so that leaving it out keeps
//! the order and gives the range of a byte to what differs. One gain serves all rows, so that norms
//! are kept. A question is coded with a gain of its own and without the mean.

use ragdex_core::{Rows, Vectors};

use crate::{Error, Segment};

/// The largest code.
const LARGEST: f32 = 127.0;

/// Rows that mean and gain are taken from, evenly spaced.
const SAMPLE_ROWS: usize = 4096;

/// The share of the sample's numbers that a byte holds without clamping.
const KEPT_SHARE: f64 = 0.9999;

/// How passages become codes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coding {
    /// What all passages share.
    pub(super) mean: Vec<f32>,
    /// Codes to a unit.
    pub(super) gain: f32,
}

impl Coding {
    /// Takes mean and gain from a sample of the live rows.
    ///
    /// # Errors
    /// [`Error::VectorNotFinite`] naming the row, counted over the segments.
    pub(super) fn fit(segments: &[Segment<'_>], dim: usize) -> Result<Self, Error> {
        let sample = sample(segments, dim)?;
        let n_rows = (sample.len() / dim).max(1) as f64;
        let mut sums = vec![0.0_f64; dim];
        for row in sample.chunks_exact(dim) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / n_rows) as f32).collect();
        let mut spread = sample;
        for row in spread.chunks_exact_mut(dim) {
            for (value, mean) in row.iter_mut().zip(&mean) {
                *value = (*value - mean).abs();
            }
        }
        let gain = gain(quantile(&mut spread, KEPT_SHARE));
        Ok(Self { mean, gain })
    }

    /// Codes a passage.
    pub(super) fn code(&self, vector: &[f32], codes: &mut Vec<i8>) {
        let numbers = vector.iter().zip(&self.mean);
        codes.clear();
        codes.extend(numbers.map(|(value, mean)| to_code((value - mean) * self.gain)));
    }
}

/// A question as a graph compares it.
#[derive(Debug)]
pub(super) struct CodedQuestion {
    pub(super) codes: Vec<i8>,
    gain: f64,
}

impl CodedQuestion {
    pub(super) fn new(question: &[f64]) -> Self {
        let largest = question
            .iter()
            .fold(0.0_f64, |most, value| most.max(value.abs()));
        let gain = gain(largest as f32);
        let code = |value: &f64| to_code((*value as f32) * gain);
        Self {
            codes: question.iter().map(code).collect(),
            gain: f64::from(gain),
        }
    }

    /// What the inner product of codes says of that of the vectors; `offset` is the question's with
    /// the mean. Comparable between graphs of different codings.
    pub(super) fn estimate(&self, product: f32, coding: &Coding, offset: f64) -> f64 {
        f64::from(product) / (self.gain * f64::from(coding.gain)) + offset
    }
}

/// Rounds and clamps; what is no number becomes 0.
fn to_code(value: f32) -> i8 {
    value.round_ties_even().clamp(-LARGEST, LARGEST) as i8
}

/// The gain that gives `largest` the largest code; finite whatever it is.
fn gain(largest: f32) -> f32 {
    if largest > 0.0 {
        (LARGEST / largest).clamp(f32::MIN_POSITIVE, f32::MAX)
    } else {
        1.0
    }
}

/// Evenly spaced live rows, widened.
fn sample(segments: &[Segment<'_>], dim: usize) -> Result<Vec<f32>, Error> {
    let n_rows: usize = segments.iter().map(|segment| segment.vectors().len()).sum();
    let step = n_rows.div_ceil(SAMPLE_ROWS).max(1);
    let mut sample = Vec::with_capacity(n_rows.div_ceil(step) * dim);
    let mut row = vec![0.0; dim];
    let mut first = 0;
    for segment in segments {
        let len = segment.vectors().len();
        let start = (step - first % step) % step;
        for at in (start..len).step_by(step).filter(|&at| segment.is_live(at)) {
            widen_row(segment.vectors(), at, &mut row);
            if row.iter().any(|value| !value.is_finite()) {
                return Err(Error::VectorNotFinite { row: first + at });
            }
            sample.extend_from_slice(&row);
        }
        first += len;
    }
    Ok(sample)
}

/// The value that `share` of the values do not exceed; 0 for none.
fn quantile(values: &mut [f32], share: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let place = ((values.len() - 1) as f64 * share).ceil() as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}

/// Copies a row in single precision.
pub(super) fn widen_row(vectors: Vectors<'_>, row: usize, to: &mut [f32]) {
    use half::slice::HalfFloatSliceExt as _;

    let place = row * vectors.dim()..(row + 1) * vectors.dim();
    match vectors.rows() {
        Rows::F32(values) => to.copy_from_slice(&values[place]),
        Rows::F16(values) => values[place].convert_to_f32_slice(to),
    }
}

#[cfg(test)]
mod tests {
    use ragdex_core::PassageId;

    use super::*;

    fn fitted(vectors: &[f32], dim: usize) -> Coding {
        let vectors = Vectors::f32(vectors, dim).unwrap();
        Coding::fit(&[Segment::new(vectors, PassageId(0))], dim).unwrap()
    }

    #[test]
    fn the_mean_goes_and_the_range_of_a_byte_is_used() {
        let coding = fitted(&[9.0, 1.0, 11.0, 3.0], 2);
        assert_eq!(coding.mean, [10.0, 2.0]);
        let mut codes = Vec::new();
        coding.code(&[9.0, 3.0], &mut codes);
        assert_eq!(codes, [-127, 127]);
        coding.code(&[1e30, -1e30], &mut codes);
        assert_eq!(codes, [127, -127]);
    }

    #[test]
    fn estimates_are_in_the_units_of_scores() {
        let coding = fitted(&[9.0, 1.0, 11.0, 3.0], 2);
        let question = [0.5, 0.25];
        let coded = CodedQuestion::new(&question);
        let mut codes = Vec::new();
        coding.code(&[9.0, 3.0], &mut codes);
        let product: i32 = codes
            .iter()
            .zip(&coded.codes)
            .map(|(a, b)| i32::from(*a) * i32::from(*b))
            .sum();
        let offset = 0.5 * 10.0 + 0.25 * 2.0;
        let estimate = coded.estimate(product as f32, &coding, offset);
        assert!((estimate - (4.5 + 0.75)).abs() < 0.02, "{estimate}");
    }

    #[test]
    fn vectors_without_spread_and_tiny_ones_have_a_finite_gain() {
        for vectors in [[0.0; 4], [7.0; 4], [1e-45, 0.0, 0.0, 0.0], [f32::MAX; 4]] {
            let coding = fitted(&vectors, 2);
            assert!(coding.gain.is_finite() && coding.gain > 0.0, "{vectors:?}");
        }
        assert_eq!(CodedQuestion::new(&[0.0, 0.0]).codes, [0, 0]);
    }

    #[test]
    fn a_number_that_is_none_is_refused_by_row() {
        let vectors = [0.0, 1.0, f32::NAN, 1.0];
        let segment = Segment::new(Vectors::f32(&vectors, 2).unwrap(), PassageId(0));
        let error = Coding::fit(&[segment], 2).unwrap_err();
        assert!(matches!(error, Error::VectorNotFinite { row: 1 }));
    }
}
