//! The model: embeddings and layers.

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::layers::{Layer, LayerNorm};
use super::{BertConfig, PackedSequences, TokenRules};

/// BERT or RoBERTa without pooler, in `f32`.
///
/// # Source
/// Devlin et al. 2019, Liu et al. 2019; post-norm layers and exact GELU as in `modeling_bert.py` of transformers.
#[derive(Debug, Clone)]
pub(crate) struct BertModel {
    /// Shape `(vocab_size, hidden_size)`.
    words: Tensor,
    /// Shape `(max_position_embeddings, hidden_size)`.
    positions: Tensor,
    /// Shape `(type_vocab_size, hidden_size)`.
    types: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    rules: TokenRules,
}

impl BertModel {
    /// Loads the tensors below the prefix of `weights`. Tokens of `masked_id` get no attention.
    pub(crate) fn load(
        config: &BertConfig,
        weights: &VarBuilder,
        masked_id: Option<u32>,
    ) -> Result<Self> {
        let embeddings = weights.pp("embeddings");
        let table = |rows: usize, name: &str| {
            embeddings.get(
                (rows, config.hidden_size),
                &format!("{name}_embeddings.weight"),
            )
        };
        let layer = |i: usize| Layer::load(config, &weights.pp(format!("encoder.layer.{i}")));
        Ok(Self {
            words: table(config.vocab_size, "word")?,
            positions: table(config.max_position_embeddings, "position")?,
            types: table(config.type_vocab_size, "token_type")?,
            norm: LayerNorm::load(config, &embeddings.pp("LayerNorm"))?,
            layers: (0..config.num_hidden_layers)
                .map(layer)
                .collect::<Result<_>>()?,
            rules: config.token_rules(masked_id),
        })
    }

    /// Computes the last hidden state, shape `(n_tokens, hidden_size)`.
    ///
    /// The rows of a sequence do not depend on its neighbours, to the bit, on CPUs.
    pub(crate) fn forward(&self, batch: &PackedSequences) -> Result<Tensor> {
        let device = self.words.device();
        let rows = |table: &Tensor, ids: &[u32]| table.index_select(&Tensor::new(ids, device)?, 0);
        let words = rows(&self.words, &batch.ids)?;
        let types = rows(&self.types, &batch.type_ids)?;
        let positions = rows(&self.positions, &self.position_ids(batch))?;
        let masks = self.masks(batch, device)?;
        let mut x = self.norm.forward(&((words + types)? + positions)?)?;
        for layer in &self.layers {
            x = layer.forward(&x, batch, &masks)?;
        }
        Ok(x)
    }

    /// The rows of the table of positions.
    fn position_ids(&self, batch: &PackedSequences) -> Vec<u32> {
        let sequences = batch.ranges.iter().map(|rows| &batch.ids[rows.clone()]);
        sequences
            .flat_map(|ids| self.rules.positions(ids))
            .collect()
    }

    /// The mask of each sequence that holds a masked token.
    fn masks(&self, batch: &PackedSequences, device: &Device) -> Result<Vec<Option<Tensor>>> {
        let mask = |ids: &[u32]| {
            let masked = self.rules.masked_id.filter(|id| ids.contains(id));
            masked.map(|masked| {
                let bias = |&id: &u32| if id == masked { f32::MIN } else { 0.0 };
                let bias: Vec<f32> = ids.iter().map(bias).collect();
                Tensor::from_vec(bias, (1, 1, ids.len()), device)
            })
        };
        let sequences = batch.ranges.iter().map(|rows| &batch.ids[rows.clone()]);
        sequences.map(|ids| mask(ids).transpose()).collect()
    }
}
