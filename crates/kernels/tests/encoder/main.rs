//! The packed encoder against a plain one in double precision, and against itself.

mod invariance;
mod parity;
mod plain;
mod refusals;

use ragdex_kernels::BertShape;

/// Sizes with the few rows that a test needs.
fn shape(hidden: usize, heads: usize, intermediate: usize) -> BertShape {
    BertShape {
        hidden_size: hidden,
        num_hidden_layers: 2,
        num_attention_heads: heads,
        intermediate_size: intermediate,
        vocab_size: 50,
        max_position_embeddings: 70,
        ..BertShape::bert_base()
    }
}

/// Sequences of these lengths: token ids, token types and offsets.
struct Sequences {
    tokens: Vec<u32>,
    types: Vec<u32>,
    offsets: Vec<usize>,
}

impl Sequences {
    fn new(lengths: &[usize]) -> Self {
        let mut sequences = Self {
            tokens: vec![],
            types: vec![],
            offsets: vec![0],
        };
        for (sequence, &length) in lengths.iter().enumerate() {
            let position = 0..length;
            sequences.tokens.extend(
                position
                    .clone()
                    .map(|at| ((at * at + 7 * sequence) % 50) as u32),
            );
            sequences
                .types
                .extend(position.map(|at| u32::from(at > length / 2)));
            sequences.offsets.push(sequences.tokens.len());
        }
        sequences
    }

    /// Token ids and types of each sequence.
    fn iter(&self) -> impl Iterator<Item = (&[u32], &[u32])> {
        self.offsets.windows(2).map(|bounds| {
            let range = bounds[0]..bounds[1];
            (&self.tokens[range.clone()], &self.types[range])
        })
    }
}
