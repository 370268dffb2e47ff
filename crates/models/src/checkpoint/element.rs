//! The number formats of stored tensors.

use half::{bf16, f16};
use safetensors::Dtype;

/// The weights per scale in the 8-bit format.
pub(super) const BLOCK: usize = 32;

/// How the numbers of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I8,
    /// Integers and flags other than `I8`; never read as weights.
    Other(Dtype),
}

impl Element {
    /// The length of one number in bytes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::I8 => 1,
            Self::Other(other) => other.bitsize().div_ceil(8),
        }
    }

    /// The same format in safetensors files.
    pub(crate) fn dtype(self) -> Dtype {
        match self {
            Self::F64 => Dtype::F64,
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
            Self::I8 => Dtype::I8,
            Self::Other(other) => other,
        }
    }

    /// Reads little-endian numbers; `None` for formats that are no floating point.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<Vec<f32>> {
        Some(match self {
            Self::F64 => numbers(bytes, |b| f64::from_le_bytes(b) as f32),
            Self::F32 => numbers(bytes, f32::from_le_bytes),
            Self::F16 => numbers(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => numbers(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Self::I8 | Self::Other(_) => return None,
        })
    }
}

/// Multiplies each block of [`BLOCK`] integers by its scale.
pub(super) fn dequantise(integers: &[u8], scales: &[u8]) -> Vec<f32> {
    let mut values = vec![0.0; integers.len()];
    dequantise_into(integers, scales.as_chunks().0, &mut values);
    values
}

/// As [`dequantise`], into numbers that are there.
pub(super) fn dequantise_into(integers: &[u8], scales: &[[u8; 2]], values: &mut [f32]) {
    let blocks = integers.chunks(BLOCK).zip(scales);
    for ((block, scale), values) in blocks.zip(values.chunks_mut(BLOCK)) {
        let scale = f16::from_le_bytes(*scale).to_f32();
        for (value, integer) in values.iter_mut().zip(block) {
            *value = f32::from(integer.cast_signed()) * scale;
        }
    }
}

fn numbers<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&b| read(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_shares_one_scale() {
        let integers: Vec<u8> = (0..64).map(|i: i8| (i - 32).cast_unsigned()).collect();
        let scales = [
            f16::from_f32(0.5).to_le_bytes(),
            f16::from_f32(2.0).to_le_bytes(),
        ];
        let values = dequantise(&integers, scales.as_flattened());
        assert_eq!(
            (values[0], values[31], values[32], values[63]),
            (-16.0, -0.5, 0.0, 62.0)
        );
    }
}
