//! Linear maps, packed once when a model is loaded.

use crate::Precision;
use crate::aligned::Aligned;
use crate::epilogue::{Biased, Finish};
use crate::int8::{self, Int8Scratch, Int8Weights};
use crate::matrix::{Rows, RowsMut, pack_left, pack_right};
use crate::product::{Left, Product};
use crate::simd::Isa;
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
    Int8(Int8Weights),
}

/// Buffers for the packed activations of a product.
#[derive(Debug, Default)]
pub(crate) struct LinearScratch {
    packed: Aligned<f32>,
    int8: Int8Scratch,
}

impl Linear {
    /// Packs a linear map of `weights.bias.len()` outputs.
    pub(crate) fn new(isa: Isa, precision: Precision, weights: &LinearWeights) -> Self {
        let outputs = weights.bias.len();
        let inputs = weights.weight.len() / outputs;
        let shape = (outputs, inputs);
        let row = |output: usize| &weights.weight[output * inputs..][..inputs];
        let width = isa.panel_width();
        let padded = outputs.next_multiple_of(width);
        let packed = match precision {
            Precision::F32 => {
                let mut panels = Aligned::zeroed(padded * inputs);
                pack_right(shape, width, row, &mut panels);
                PackedWeights::F32(panels)
            }
            Precision::Int8 => PackedWeights::Int8(Int8Weights::pack(shape, width, row)),
        };
        Self {
            inputs,
            bias: Aligned::padded(&weights.bias, padded),
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
        let depth = self.inputs;
        match &self.weights {
            PackedWeights::F32(panels) => {
                let packed = scratch.packed.at_least(n_rows * depth);
                let row = |row| input.row(row, depth);
                pack_left((n_rows, depth), isa.tile_rows(), row, packed);
                let epilogue = Biased {
                    bias: &self.bias,
                    finish,
                };
                let left = Left::Packed(packed);
                isa.run(Product {
                    left,
                    n_rows,
                    depth,
                    panels,
                    epilogue,
                    output,
                });
            }
            PackedWeights::Int8(weights) => {
                let weights = (weights, &*self.bias, finish);
                int8::multiply(
                    isa,
                    (input, n_rows, depth),
                    weights,
                    output,
                    &mut scratch.int8,
                );
            }
        }
    }
}
