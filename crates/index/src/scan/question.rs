//! A question, prepared once for all vectors.

use std::ops::Range;

use ragdex_core::{Rows, Vectors};

use super::candidates::Bounds;
use crate::codes::{MAX_NORM, length, round_up};
use crate::score::{Number, inner_product_by};
use crate::simd::Isa;
use crate::{Codes, Error};

/// What the proof in [`super`] adds for rounding, relative to the sizes of the terms.
const ROUNDING: f64 = 1.0 / (1 << 20) as f64;

/// What it adds for numbers below the normal range: 2⁻¹²⁵.
pub(super) const SMALLEST: f64 = 2.0 * f32::MIN_POSITIVE as f64;

/// The largest code of a question.
const MAX_CODE: f64 = 127.0;

/// A question: as it is, in whole numbers, and how far these can mislead.
#[derive(Debug)]
pub(super) struct Question {
    exact: Vec<f64>,
    /// |q|; infinite when it is too long for bounds.
    norm: f64,
    /// p, a code a dimension.
    pub(super) codes: Vec<i8>,
    /// t, what one step of the codes means.
    pub(super) scale: f32,
    /// Q, what an error of a row counts.
    pub(super) error_factor: f32,
    /// D, what the weight of a row counts.
    pub(super) weight_factor: f32,
}

/// What the mean of a segment does to a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offset {
    /// q·m.
    pub(super) product: f64,
    /// What rounding may do to scores in this segment.
    pub(super) margin: f64,
}

impl Offset {
    /// What a row's bound beyond `q·m` must reach for the row to be kept.
    pub(super) fn limit(&self, threshold: f32) -> f32 {
        ((f64::from(threshold) - self.product - self.margin) as f32).next_down()
    }
}

impl Question {
    /// Reads a batch.
    ///
    /// # Errors
    /// [`Error::NotFinite`].
    pub(super) fn read(questions: Vectors<'_>) -> Result<Vec<Self>, Error> {
        let values: Vec<f64> = match questions.rows() {
            Rows::F32(values) => values.iter().map(|v| v.widen()).collect(),
            Rows::F16(values) => values.iter().map(|v| v.widen()).collect(),
        };
        let rows = values.chunks_exact(questions.dim());
        let infinite = |row: &[f64]| row.iter().any(|value| !value.is_finite());
        match rows.clone().position(infinite) {
            Some(question) => Err(Error::NotFinite { question }),
            None => Ok(rows.map(|row| Self::new(row.to_vec())).collect()),
        }
    }

    fn new(exact: Vec<f64>) -> Self {
        let norm = length(exact.iter().copied());
        if norm > MAX_NORM {
            return Self::unbounded(exact);
        }
        let largest = exact
            .iter()
            .fold(0.0, |most: f64, value| value.abs().max(most));
        let scale = (largest / MAX_CODE) as f32;
        // Numbers so small are left to the error as a whole.
        let scale = if scale < f32::MIN_POSITIVE {
            0.0
        } else {
            scale
        };
        let step = f64::from(scale);
        let code = |value: &f64| (value / step).round_ties_even().clamp(-MAX_CODE, MAX_CODE) as i8;
        let codes: Vec<i8> = match scale {
            0.0 => vec![0; exact.len()],
            _ => exact.iter().map(code).collect(),
        };
        let pairs = exact.iter().zip(&codes);
        let left = length(pairs.map(|(value, code)| value - step * f64::from(*code)));
        Self {
            codes,
            scale,
            error_factor: round_up(norm * (1.0 + ROUNDING)),
            weight_factor: round_up(left + ROUNDING * (norm + 2.0 * left)),
            norm,
            exact,
        }
    }

    /// One that every row must be scored for.
    fn unbounded(exact: Vec<f64>) -> Self {
        Self {
            codes: vec![0; exact.len()],
            scale: 0.0,
            error_factor: f32::INFINITY,
            weight_factor: 0.0,
            norm: f64::INFINITY,
            exact,
        }
    }

    /// The numbers of the question.
    pub(super) fn exact(&self) -> &[f64] {
        &self.exact
    }

    /// |q|, infinite for a question without bounds.
    pub(super) fn norm(&self) -> f64 {
        self.norm
    }

    /// What the mean of `codes` does; nothing where there are none.
    pub(super) fn offset(&self, codes: Option<&Codes>, isa: Isa) -> Offset {
        let Some(codes) = codes else {
            return Offset {
                product: 0.0,
                margin: SMALLEST,
            };
        };
        let product = inner_product_by(isa, &self.exact, codes.mean());
        // A question without bounds times no mean.
        let size = match codes.mean_length() {
            0.0 => 0.0,
            length => self.norm * length,
        };
        Offset {
            product: product.into(),
            margin: ROUNDING * size + SMALLEST,
        }
    }

    /// What is known of the score of a row with these scale, error and weight, and this inner product of
    /// codes.
    pub(super) fn bounds(&self, offset: Offset, row: [f64; 3], product: i32) -> Bounds {
        let [scale, error, weight] = row;
        let estimate = f64::from(self.scale) * scale * f64::from(product);
        let width = f64::from(self.error_factor) * error + f64::from(self.weight_factor) * weight;
        Bounds::around(offset.product + estimate, width + offset.margin)
    }
}

/// Cuts `n` questions into groups, each as wide as the first of `widths` that fits what is left and is not
/// above `widest`. `widths` descend and end with 1.
pub(super) fn groups(n: usize, widths: &[usize], widest: usize) -> Vec<Range<usize>> {
    let mut groups = Vec::with_capacity(n.div_ceil(widest));
    let mut first = 0;
    while first < n {
        let most = widest.min(n - first);
        let fits = |width: &&usize| **width <= most;
        let width = *widths.iter().find(fits).expect("a width of 1 fits");
        groups.push(first..first + width);
        first += width;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn groups_are_as_wide_as_fits_and_leave_nobody_out() {
        assert_eq!(groups(7, &[4, 2, 1], 4), [0..4, 4..6, 6..7]);
        assert_eq!(groups(5, &[12, 8, 4, 2, 1], 2), [0..2, 2..4, 4..5]);
        assert!(groups(0, &[4, 2, 1], 4).is_empty());
    }
}
