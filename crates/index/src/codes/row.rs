//! The code of one vector.

/// The largest code.
const MAX_CODE: f64 = 127.0;

/// Vectors longer than this are not coded: products with questions as long stay far from overflow.
pub(crate) const MAX_NORM: f64 = (1_u64 << 60) as f64;

/// What is added to a length that was summed up in double precision, so that it is none too short.
const ROUNDING: f64 = 1e-9;

/// The numbers beside the codes of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RowNumbers {
    /// s, what one step of the codes means.
    pub(super) scale: f32,
    /// e, at least the length of what the codes leave out; infinite for a vector that is not coded.
    pub(super) error: f32,
    /// w, at least the length of what the codes say.
    pub(super) weight: f32,
}

impl RowNumbers {
    /// Says nothing of the vector: a scan takes it for as near as can be and looks at the vector
    /// itself.
    const UNKNOWN: Self = Self {
        scale: 0.0,
        error: f32::INFINITY,
        weight: 0.0,
    };
}

/// Codes `vector − mean`, a code a dimension; `codes` holds zeros before.
///
/// Every operation is on doubles and in a fixed order, so that the bytes are the same everywhere.
pub(super) fn encode(centred: &[f64], codes: &mut [i8]) -> RowNumbers {
    let largest = largest(centred);
    let length = length(centred.iter().copied());
    if length.is_nan() || length > MAX_NORM {
        return RowNumbers::UNKNOWN;
    }
    let scale = (largest / MAX_CODE) as f32;
    if scale < f32::MIN_POSITIVE {
        return RowNumbers {
            scale: 0.0,
            error: round_up(length),
            weight: 0.0,
        };
    }
    let step = f64::from(scale);
    for (code, value) in codes.iter_mut().zip(centred) {
        *code = (value / step).round_ties_even().clamp(-MAX_CODE, MAX_CODE) as i8;
    }
    let said = |code: &i8| step * f64::from(*code);
    let left = centred.iter().zip(&*codes).map(|(v, code)| v - said(code));
    RowNumbers {
        scale,
        error: round_up(self::length(left)),
        weight: round_up(self::length(codes.iter().map(said))),
    }
}

/// The largest magnitude; NaN is passed over.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| value.abs().max(most))
}

/// The Euclidean length, within [`ROUNDING`] of itself.
pub(crate) fn length(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

/// The single-precision number that is surely not below the true length.
pub(crate) fn round_up(length: f64) -> f32 {
    ((length * (1.0 + ROUNDING)) as f32).next_up()
}
