//! The packed encoder.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::aligned::Aligned;
use crate::batch::Batch;
use crate::embeddings::Embeddings;
use crate::first_token::{FirstTokenAttention, FirstTokenScratch};
use crate::layer::{Layer, Scratch};
use crate::rows::LayerNorm;
use crate::simd::Isa;
use crate::sizes::Sizes;
use crate::stages::{Stage, StageTimes};
use crate::weights::{BertShape, BertWeights};
use crate::{InstructionSet, Output, Precision};

/// A BERT encoder packed for the kernels of one instruction set; shared by all threads.
///
/// The vector of a sequence is the same bits whatever sequences are encoded with it, and for every
/// number of threads.
#[derive(Debug)]
pub struct PackedBert {
    shape: BertShape,
    sizes: Sizes,
    embeddings: Embeddings,
    layers: Vec<Layer>,
    first_token: FirstTokenAttention,
    idle: Mutex<Vec<ItemScratch>>,
}

/// Buffers of one thread: for BERT-base some 25 MB.
#[derive(Debug, Default)]
struct ItemScratch {
    states: Aligned<f32>,
    firsts: Aligned<f32>,
    layer: Scratch,
    first_token: FirstTokenScratch,
}

impl PackedBert {
    /// Packs the weights for the best instruction set of this processor.
    ///
    /// # Panics
    /// When a part of `weights` has another size than its shape says.
    #[must_use]
    pub fn new(weights: BertWeights, precision: Precision) -> Self {
        Self::with_instruction_set(weights, precision, InstructionSet::best())
    }

    /// Packs the weights for an instruction set.
    ///
    /// # Panics
    /// When this processor does not have it, or as [`new`](Self::new).
    #[must_use]
    pub fn with_instruction_set(
        weights: BertWeights,
        precision: Precision,
        instruction_set: InstructionSet,
    ) -> Self {
        weights.check();
        let isa = Isa::detect(instruction_set);
        let isa = isa.unwrap_or_else(|| panic!("this processor has no {instruction_set}"));
        // Beside bytes the rounding of pairs is lost; `bf16` would lose more than it gains.
        let in_pairs = precision == Precision::Int8 && instruction_set.gains_by_bf16();
        let sizes = Sizes::new(isa, &weights.shape, in_pairs);
        let last = weights.layers.last().expect("checked: at least one layer");
        Self {
            first_token: FirstTokenAttention::new(&sizes, last),
            // By value, so that each layer's plain weights go when they are packed.
            layers: weights
                .layers
                .into_par_iter()
                .map(|layer| Layer::new(&sizes, precision, &layer))
                .collect(),
            embeddings: Embeddings {
                norm: LayerNorm::new(&weights.embedding_norm, sizes.epsilon),
                words: weights.word_embeddings,
                positions: weights.position_embeddings,
                types: weights.token_type_embeddings,
            },
            shape: weights.shape,
            sizes,
            idle: Mutex::default(),
        }
    }

    /// The sizes of the encoder.
    pub fn shape(&self) -> &BertShape {
        &self.shape
    }

    /// Encodes sequences of token ids.
    ///
    /// `tokens` holds the ids of all sequences one after another, `types` their token types (all 0
    /// when there are none); sequence `i` is `offsets[i]..offsets[i + 1]`. Returns rows of
    /// `hidden_size` numbers: one for each sequence, or with [`Output::Hidden`] one for each token.
    ///
    /// Work is cut into items of some 512 tokens, each done by one thread of the current `rayon`
    /// pool. The encoder keeps the buffers of those threads for the next call.
    ///
    /// # Panics
    /// When `offsets` does not ascend from 0 to `tokens.len()`, when a sequence is empty or longer
    /// than `max_position_embeddings`, when an id or a type lies outside its table, or when `types`
    /// has another length than `tokens`.
    pub fn forward(
        &self,
        tokens: &[u32],
        types: Option<&[u32]>,
        offsets: &[usize],
        output: Output,
    ) -> Vec<f32> {
        let batch = Batch {
            tokens,
            types,
            offsets,
        };
        batch.check(&self.shape);
        let items = batch.items(rayon::current_num_threads());
        let encode =
            |item| self.with_scratch(|scratch| self.encode(batch.part(item), output, scratch));
        let rows: Vec<Vec<f32>> = items.into_par_iter().with_max_len(1).map(encode).collect();
        rows.concat()
    }

    /// Where the time of all calls so far went.
    pub fn stage_times(&self) -> StageTimes {
        let mut times = StageTimes::default();
        for scratch in self.idle().iter() {
            times += scratch.layer.block.linear.stopwatch.times();
        }
        times
    }

    fn idle(&self) -> MutexGuard<'_, Vec<ItemScratch>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends buffers that are not in use, so that there are never more than threads at work.
    fn with_scratch<T>(&self, work: impl FnOnce(&mut ItemScratch) -> T) -> T {
        let taken = self.idle().pop();
        let mut scratch = taken.unwrap_or_default();
        let result = work(&mut scratch);
        self.idle().push(scratch);
        result
    }

    /// Encodes an item on this thread.
    fn encode(&self, item: Batch<'_>, output: Output, scratch: &mut ItemScratch) -> Vec<f32> {
        let sizes = &self.sizes;
        let offsets: Vec<usize> = item
            .offsets
            .iter()
            .map(|end| end - item.offsets[0])
            .collect();
        let n_tokens = offsets[offsets.len() - 1];
        let states = scratch.states.at_least(n_tokens * sizes.hidden_stride);
        scratch.layer.block.linear.stopwatch.start();
        self.embeddings.forward(sizes, item, states);
        let stopwatch = &mut scratch.layer.block.linear.stopwatch;
        stopwatch.lap(Stage::Embeddings);

        let whole = self.layers.len() - usize::from(output == Output::Cls);
        let groups = groups(&offsets);
        for layer in &self.layers[..whole] {
            for group in &groups {
                let offsets = &offsets[group.start..=group.end];
                layer.forward(sizes, offsets, states, &mut scratch.layer);
            }
        }
        match output {
            Output::Cls => self.encode_first_tokens(&offsets, scratch),
            Output::Mean => means(sizes, &offsets, states),
            Output::Hidden => compact(sizes, n_tokens, states),
        }
    }

    /// Applies the last layer to the first token of each sequence.
    fn encode_first_tokens(&self, offsets: &[usize], scratch: &mut ItemScratch) -> Vec<f32> {
        let ItemScratch {
            states,
            firsts,
            layer,
            first_token,
        } = scratch;
        let sizes = &self.sizes;
        let stride = sizes.hidden_stride;
        let n_sequences = offsets.len() - 1;
        let firsts = firsts.at_least(n_sequences * stride);
        for (to, first) in firsts.chunks_exact_mut(stride).zip(offsets) {
            to.copy_from_slice(&states[first * stride..][..stride]);
        }
        let block = &self.layers[self.layers.len() - 1].block;
        self.first_token.forward(
            (sizes, block),
            (offsets, states),
            firsts,
            (layer, first_token),
        );
        compact(sizes, n_sequences, firsts)
    }
}

/// Tokens that go through a layer together, at least: what lies between its steps should stay in the second-level
/// cache.
const GROUP_TOKENS: usize = 128;

/// Ranges of sequences, in order: the fewest that reach [`GROUP_TOKENS`]; the last may have fewer.
fn groups(offsets: &[usize]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    for end in 1..offsets.len() {
        if offsets[end] - offsets[start] >= GROUP_TOKENS || end == offsets.len() - 1 {
            groups.push(start..end);
            start = end;
        }
    }
    groups
}

/// The mean over the tokens of each sequence.
fn means(sizes: &Sizes, offsets: &[usize], states: &[f32]) -> Vec<f32> {
    let mut means = Vec::with_capacity((offsets.len() - 1) * sizes.hidden);
    for bounds in offsets.windows(2) {
        let rows = &states[bounds[0] * sizes.hidden_stride..bounds[1] * sizes.hidden_stride];
        let mut sum = vec![0.0; sizes.hidden];
        for row in rows.chunks_exact(sizes.hidden_stride) {
            sum.iter_mut()
                .zip(row)
                .for_each(|(sum, state)| *sum += state);
        }
        let n_tokens = (bounds[1] - bounds[0]) as f32;
        means.extend(sum.iter().map(|sum| sum / n_tokens));
    }
    means
}

/// The first `n_rows` rows without the gaps between them.
fn compact(sizes: &Sizes, n_rows: usize, states: &[f32]) -> Vec<f32> {
    let rows = states.chunks_exact(sizes.hidden_stride).take(n_rows);
    rows.flat_map(|row| &row[..sizes.hidden]).copied().collect()
}
