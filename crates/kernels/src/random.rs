//! Random weights, for tests and measurements.

use crate::weights::{BertLayerWeights, BertShape, BertWeights, LayerNormWeights, LinearWeights};

/// What checkpoints are initialised with; trained ones are not far from it.
const DEVIATION: f32 = 0.02;

impl BertWeights {
    /// Weights of the spread that a model begins its training with; the same for the same `seed`.
    ///
    /// Speed does not depend on the values, so this is enough to measure it.
    #[must_use]
    pub fn random(shape: BertShape, seed: u64) -> Self {
        let random = &mut Random(seed);
        let hidden = shape.hidden_size;
        Self {
            word_embeddings: random.numbers(shape.vocab_size * hidden, 1.0).into(),
            position_embeddings: random.numbers(shape.max_position_embeddings * hidden, 1.0),
            token_type_embeddings: random.numbers(shape.type_vocab_size * hidden, 1.0),
            embedding_norm: random.norm(hidden),
            layers: (0..shape.num_hidden_layers)
                .map(|_| random.layer(&shape))
                .collect(),
            shape,
        }
    }
}

/// Uniform numbers in −1..1, the same for the same seed.
#[cfg(test)]
pub(crate) fn numbers(len: usize, seed: u64) -> Vec<f32> {
    Random(seed).numbers(len, 1.0 / (3.0_f32.sqrt() * DEVIATION))
}

/// A generator of 64-bit states.
///
/// # Source
/// `SplitMix64`, Steele, Lea and Flood 2014.
struct Random(u64);

impl Random {
    fn layer(&mut self, shape: &BertShape) -> BertLayerWeights {
        let (hidden, intermediate) = (shape.hidden_size, shape.intermediate_size);
        BertLayerWeights {
            query: self.linear(hidden, hidden),
            key: self.linear(hidden, hidden),
            value: self.linear(hidden, hidden),
            attention_output: self.linear(hidden, hidden),
            attention_norm: self.norm(hidden),
            intermediate: self.linear(intermediate, hidden),
            output: self.linear(hidden, intermediate),
            output_norm: self.norm(hidden),
        }
    }

    fn linear(&mut self, outputs: usize, inputs: usize) -> LinearWeights {
        LinearWeights {
            weight: self.numbers(outputs * inputs, 1.0),
            bias: self.numbers(outputs, 1.0),
        }
    }

    fn norm(&mut self, width: usize) -> LayerNormWeights {
        let weight = self
            .numbers(width, 5.0)
            .into_iter()
            .map(|weight| 1.0 + weight)
            .collect();
        LayerNormWeights {
            weight,
            bias: self.numbers(width, 5.0),
        }
    }

    /// Uniform numbers with `spread` times the usual deviation.
    fn numbers(&mut self, len: usize, spread: f32) -> Vec<f32> {
        let half_width = 3.0_f32.sqrt() * DEVIATION * spread;
        (0..len)
            .map(|_| (2.0 * self.unit() - 1.0) * half_width)
            .collect()
    }

    /// A number from 0 up to 1.
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1_u32 << 24) as f32
    }
}
