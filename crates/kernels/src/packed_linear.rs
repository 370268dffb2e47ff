//! Linear maps by themselves, for models other than BERT.

use rayon::prelude::*;

use crate::aligned::Aligned;
use crate::epilogue::{Assign, Finish, Gelu};
use crate::linear::{Linear, LinearScratch};
use crate::matrix::{Rows, RowsMut};
use crate::simd::Isa;
use crate::weights::LinearWeights;
use crate::{InstructionSet, Precision};

/// Columns that are packed by themselves, about: threads share them where there are few rows.
const BLOCK_COLUMNS: usize = 512;

/// Blocks of the widest map, the output layer over a vocabulary; each packs the rows again.
const MAX_BLOCKS: usize = 16;

/// Rows that a thread takes at once; fewer would read the weights too often.
const CHUNK_ROWS: usize = 256;

/// With fewer rows for each thread, threads divide the columns: the time is that of reading the weights.
const FEW_ROWS: usize = 32;

/// What is done to the outputs of a linear map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// GELU in its exact form.
    Gelu,
}

/// `x ↦ W·x + b` for rows `x`, packed once for the best instruction set of this processor.
///
/// The result of a row is the same bits whatever rows lie beside it, and for every number of threads.
#[derive(Debug)]
pub struct PackedLinear {
    isa: Isa,
    inputs: usize,
    outputs: usize,
    blocks: Vec<Block>,
}

/// Some columns of a map.
#[derive(Debug)]
struct Block {
    first: usize,
    columns: usize,
    linear: Linear,
}

impl PackedLinear {
    /// Packs the weights.
    ///
    /// # Panics
    /// When `weights` has no bias, or its weight is no matrix of as many rows.
    #[must_use]
    pub fn new(weights: &LinearWeights, precision: Precision) -> Self {
        Self::with_instruction_set(weights, precision, InstructionSet::best())
    }

    /// Packs the weights for an instruction set.
    ///
    /// # Panics
    /// When this processor does not have it, or as [`new`](Self::new).
    #[must_use]
    pub fn with_instruction_set(
        weights: &LinearWeights,
        precision: Precision,
        instruction_set: InstructionSet,
    ) -> Self {
        let isa = Isa::detect(instruction_set);
        let isa = isa.unwrap_or_else(|| panic!("this processor has no {instruction_set}"));
        let outputs = weights.bias.len();
        assert!(outputs > 0, "at least one output");
        let inputs = weights.weight.len() / outputs;
        assert_eq!(weights.weight.len(), outputs * inputs, "numbers in weight");
        let wanted = outputs.div_ceil(BLOCK_COLUMNS).min(MAX_BLOCKS);
        let width = outputs.div_ceil(wanted).next_multiple_of(isa.panel_width());
        let firsts: Vec<usize> = (0..outputs).step_by(width).collect();
        let block = |first: usize| {
            let columns = width.min(outputs - first);
            let own = LinearWeights {
                weight: weights.weight[first * inputs..][..columns * inputs].to_vec(),
                bias: weights.bias[first..][..columns].to_vec(),
            };
            Block {
                first,
                columns,
                linear: Linear::new(isa, precision, &own),
            }
        };
        Self {
            isa,
            inputs,
            outputs,
            blocks: firsts.into_par_iter().map(block).collect(),
        }
    }

    /// Numbers of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Numbers of an output row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Maps rows of [`inputs`](Self::inputs) numbers to rows of [`outputs`](Self::outputs), on the threads of
    /// the current `rayon` pool.
    ///
    /// # Panics
    /// When `input` is no whole number of rows.
    pub fn apply(&self, input: &[f32], activation: Activation) -> Vec<f32> {
        match activation {
            Activation::None => self.finish(input, Assign),
            Activation::Gelu => self.finish(input, Gelu),
        }
    }

    fn finish<F: Finish>(&self, input: &[f32], finish: F) -> Vec<f32> {
        assert!(input.len().is_multiple_of(self.inputs), "rows of numbers");
        let n_rows = input.len() / self.inputs;
        let mut output = vec![0.0; n_rows * self.outputs];
        let threads = rayon::current_num_threads();
        if threads > 1 && n_rows < FEW_ROWS * threads && self.blocks.len() > 1 {
            self.divide_columns((input, n_rows), finish, &mut output);
            return output;
        }
        let rows = n_rows.div_ceil(threads).clamp(1, CHUNK_ROWS);
        let chunks = output.par_chunks_mut(rows * self.outputs);
        let inputs = input.par_chunks(rows * self.inputs);
        chunks.zip(inputs).for_each(|(output, input)| {
            let mut scratch = (LinearScratch::default(), Aligned::default());
            for block in &self.blocks {
                self.block(block, input, (finish, &mut *output), &mut scratch);
            }
        });
        output
    }

    /// Computes one block of all rows and writes it to its columns.
    fn block<F: Finish>(
        &self,
        block: &Block,
        input: &[f32],
        (finish, output): (F, &mut [f32]),
        (scratch, wide): &mut (LinearScratch, Aligned<f32>),
    ) {
        let n_rows = input.len() / self.inputs;
        let rows = (Rows::new(input, self.inputs), n_rows);
        let mut output = RowsMut::new(output, self.outputs);
        if block.columns.is_multiple_of(self.isa.panel_width()) {
            let output = output.from(0, block.first);
            return block
                .linear
                .apply(self.isa, rows, (finish, output), scratch);
        }
        // Whole panels are written, and the last one is wider than what is left of a row.
        let stride = block.columns.next_multiple_of(self.isa.panel_width());
        let wide = wide.at_least(n_rows * stride);
        block.linear.apply(
            self.isa,
            rows,
            (finish, RowsMut::new(wide, stride)),
            scratch,
        );
        for (row, wide) in wide.chunks_exact(stride).enumerate() {
            output
                .from(row, block.first)
                .row(0, block.columns)
                .copy_from_slice(&wide[..block.columns]);
        }
    }

    /// Lets each thread compute other columns of all rows.
    fn divide_columns<F: Finish>(
        &self,
        (input, n_rows): (&[f32], usize),
        finish: F,
        output: &mut [f32],
    ) {
        let compute = |block: &Block| {
            let stride = block.columns.next_multiple_of(self.isa.panel_width());
            let mut columns = Aligned::zeroed(n_rows * stride);
            block.linear.apply(
                self.isa,
                (Rows::new(input, self.inputs), n_rows),
                (finish, RowsMut::new(&mut columns, stride)),
                &mut LinearScratch::default(),
            );
            (stride, columns)
        };
        let computed: Vec<(usize, Aligned<f32>)> = self.blocks.par_iter().map(compute).collect();
        for (block, (stride, columns)) in self.blocks.iter().zip(computed) {
            let rows = output.chunks_exact_mut(self.outputs);
            for (row, columns) in rows.zip(columns.chunks_exact(stride)) {
                row[block.first..][..block.columns].copy_from_slice(&columns[..block.columns]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::plain;
    use crate::random::numbers;

    fn weights(inputs: usize, outputs: usize) -> LinearWeights {
        LinearWeights {
            weight: numbers(inputs * outputs, 1),
            bias: numbers(outputs, 2),
        }
    }

    /// The plain twin, in double precision.
    fn map(weights: &LinearWeights, input: &[f32], activation: Activation) -> Vec<f64> {
        let inputs = weights.weight.len() / weights.bias.len();
        let rows = input.chunks_exact(inputs);
        rows.flat_map(|row| {
            let outputs = weights.weight.chunks_exact(inputs).zip(&weights.bias);
            outputs.map(move |(weight, bias)| {
                let products = weight.iter().zip(row);
                let sum: f64 = products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let value = sum + f64::from(*bias);
                match activation {
                    Activation::None => value,
                    Activation::Gelu => plain::gelu(value),
                }
            })
        })
        .collect()
    }

    fn assert_maps(linear: &PackedLinear, weights: &LinearWeights, n_rows: usize) {
        let input = numbers(n_rows * linear.inputs(), 3);
        for activation in [Activation::None, Activation::Gelu] {
            let found = linear.apply(&input, activation);
            let expected = map(weights, &input, activation);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 2e-5, "{found} {expected}");
            }
        }
    }

    #[test]
    fn maps_of_every_shape_match_the_plain_one() {
        for (inputs, outputs) in [(1, 1), (7, 33), (64, 96), (20, 1300), (3, 9000)] {
            let weights = weights(inputs, outputs);
            for set in InstructionSet::available() {
                let linear = PackedLinear::with_instruction_set(&weights, Precision::F32, set);
                for n_rows in [0, 1, 5, 31] {
                    assert_maps(&linear, &weights, n_rows);
                }
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_threads_or_neighbours() {
        let weights = weights(48, 1500);
        let linear = PackedLinear::new(&weights, Precision::F32);
        let input = numbers(90 * 48, 4);
        let whole = linear.apply(&input, Activation::None);
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("threads");
            assert_eq!(
                whole,
                pool.install(|| linear.apply(&input, Activation::None))
            );
            for (row, expected) in input.chunks(48).zip(whole.chunks(1500)).step_by(17) {
                assert_eq!(
                    expected,
                    pool.install(|| linear.apply(row, Activation::None))
                );
            }
        }
    }

    #[test]
    fn lower_precisions_stay_near() {
        let weights = weights(64, 100);
        let input = numbers(3 * 64, 5);
        let expected = map(&weights, &input, Activation::None);
        for (precision, tolerance) in [(Precision::F16, 0.02), (Precision::Bf16, 0.15)] {
            let linear = PackedLinear::new(&weights, precision);
            for (found, expected) in linear.apply(&input, Activation::None).iter().zip(&expected) {
                assert!(
                    (f64::from(*found) - expected).abs() < tolerance,
                    "{precision:?}"
                );
            }
        }
    }
}
