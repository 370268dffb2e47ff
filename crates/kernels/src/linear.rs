//! Linear maps, packed once when a model is loaded.

#[cfg(test)]
mod tests;

use half::f16;

use crate::Precision;
use crate::aligned::Aligned;
use crate::arithmetic::{Arithmetic, Bf16Pairs, HalfWeights, Single};
use crate::bf16;
use crate::epilogue::{Biased, Finish};
use crate::int8::{self, Int8Weights};
use crate::matrix::{Rows, RowsMut, pack_left, pack_right};
use crate::product::{Packed, Product};
use crate::simd::Isa;
use crate::stages::{Stage, Stopwatch};
use crate::weights::LinearWeights;

/// `x ↦ W·x + b` for rows `x`.
#[derive(Debug)]
pub(crate) struct Linear {
    inputs: usize,
    bias: Aligned<f32>,
    weights: PackedWeights,
}

#[derive(Debug)]
enum PackedWeights {
    F32(Aligned<f32>),
    F16(Aligned<f16>),
    /// Pairs in words.
    Bf16(Aligned<i32>),
    Int8(Int8Weights),
}

/// Buffers for the packed activations of a product, and the clock of the thread that uses them.
#[derive(Debug, Default)]
pub(crate) struct LinearScratch {
    pub(crate) stopwatch: Stopwatch,
    packed: Aligned<f32>,
    pairs: bf16::Scratch,
    int8: int8::Scratch,
}

impl Linear {
    /// Packs a linear map of `weights.bias.len()` outputs.
    pub(crate) fn new(isa: Isa, precision: Precision, weights: &LinearWeights) -> Self {
        let outputs = weights.bias.len();
        let inputs = weights.weight.len() / outputs;
        let shape = (outputs, inputs);
        let width = isa.panel_width();
        let row = |output: usize| &weights.weight[output * inputs..][..inputs];
        let packed = match precision {
            Precision::F32 => PackedWeights::F32(panels(shape, width, &weights.weight)),
            Precision::F16 => {
                let halves: Vec<f16> = weights.weight.iter().copied().map(f16::from_f32).collect();
                PackedWeights::F16(panels(shape, width, &halves))
            }
            Precision::Bf16 => {
                let words = bf16::words(inputs);
                let mut pairs = vec![0; outputs * words];
                for (output, words) in pairs.chunks_exact_mut(words).enumerate() {
                    bf16::round_row(row(output), words);
                }
                PackedWeights::Bf16(panels((outputs, words), width, &pairs))
            }
            Precision::Int8 => PackedWeights::Int8(Int8Weights::pack(shape, width, row)),
        };
        Self {
            inputs,
            bias: Aligned::padded(&weights.bias, outputs.next_multiple_of(width)),
            weights: packed,
        }
    }

    /// Maps `n_rows` rows and writes as many, whole panels of columns; those behind the last output
    /// are what `finish` makes of 0.
    pub(crate) fn apply<F: Finish>(
        &self,
        isa: Isa,
        (input, n_rows): (Rows<'_>, usize),
        (finish, output): (F, RowsMut<'_>),
        scratch: &mut LinearScratch,
    ) {
        let bias = &*self.bias;
        let epilogue = Biased { bias, finish };
        let input = (input, n_rows, self.inputs);
        let LinearScratch {
            stopwatch,
            packed,
            pairs,
            int8,
        } = scratch;
        match &self.weights {
            PackedWeights::F32(panels) => {
                let left = pack(input, isa, packed);
                stopwatch.lap(Stage::Packing);
                multiply::<Single, _>(isa, (left, n_rows), panels, epilogue, output);
            }
            PackedWeights::F16(panels) => {
                let left = pack(input, isa, packed);
                stopwatch.lap(Stage::Packing);
                multiply::<HalfWeights, _>(isa, (left, n_rows), panels, epilogue, output);
            }
            PackedWeights::Bf16(panels) => {
                let left = pairs.round(isa, input);
                stopwatch.lap(Stage::Packing);
                multiply::<Bf16Pairs, _>(isa, (left, n_rows), panels, epilogue, output);
            }
            PackedWeights::Int8(weights) => {
                let left = int8.round(isa, input);
                stopwatch.lap(Stage::Packing);
                left.multiply(isa, weights, epilogue, output);
            }
        }
    }
}

/// Packs a matrix of `outputs` rows of `width` elements for the right side of a product.
fn panels<T: Copy + Default>(
    (outputs, width): (usize, usize),
    panel_width: usize,
    weights: &[T],
) -> Aligned<T> {
    let mut panels = Aligned::zeroed(outputs.next_multiple_of(panel_width) * width);
    let row = |output: usize| &weights[output * width..][..width];
    pack_right((outputs, width), panel_width, row, &mut panels);
    panels
}

/// Packs `n_rows` rows of `width` numbers for the left side of a product.
fn pack<'a>(
    (input, n_rows, width): (Rows<'_>, usize, usize),
    isa: Isa,
    packed: &'a mut Aligned<f32>,
) -> &'a [f32] {
    let packed = packed.at_least(n_rows * width);
    let row = |row| input.row(row, width);
    pack_left((n_rows, width), isa.tile_rows(), row, packed);
    packed
}

/// Multiplies packed rows with packed weights.
fn multiply<A: Arithmetic, F: Finish>(
    isa: Isa,
    (left, n_rows): (&[A::Left], usize),
    panels: &[A::Right],
    epilogue: Biased<'_, F>,
    output: RowsMut<'_>,
) {
    let depth = panels.len() / epilogue.bias.len();
    isa.run(Product::<A, _, _> {
        left: Packed(left),
        n_rows,
        depth,
        panels,
        epilogue,
        output,
    });
}
