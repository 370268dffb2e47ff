//! What a checkpoint holds, before it is packed.

use crate::table::EmbeddingTable;

/// The sizes of a BERT encoder, named as in `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct BertShape {
    /// Width of a token's state.
    pub hidden_size: usize,
    /// Number of layers, at least 1.
    pub num_hidden_layers: usize,
    /// Attention heads of a layer; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// Rows of the word embeddings.
    pub vocab_size: usize,
    /// Rows of the position embeddings: the longest sequence.
    pub max_position_embeddings: usize,
    /// Rows of the token type embeddings.
    pub type_vocab_size: usize,
    /// Added to a variance before its root is taken.
    pub layer_norm_eps: f64,
}

impl BertShape {
    /// BERT-base: the DPR encoders.
    #[must_use]
    pub fn bert_base() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            vocab_size: 30522,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
        }
    }

    /// `MiniLM` with six layers: the small sentence encoders.
    #[must_use]
    pub fn mini_lm() -> Self {
        Self {
            hidden_size: 384,
            num_hidden_layers: 6,
            intermediate_size: 1536,
            ..Self::bert_base()
        }
    }
}

/// A linear map `x ↦ W·x + b`.
#[derive(Debug, Clone)]
pub struct LinearWeights {
    /// `(outputs, inputs)`, row-major, as PyTorch stores it.
    pub weight: Vec<f32>,
    /// One for each output.
    pub bias: Vec<f32>,
}

/// Weight and bias of a layer normalisation, one for each column.
#[derive(Debug, Clone)]
pub struct LayerNormWeights {
    /// Multiplies the normalised number.
    pub weight: Vec<f32>,
    /// Is added to it.
    pub bias: Vec<f32>,
}

/// One layer, with the name of each part under `encoder.layer.N` in a checkpoint.
#[derive(Debug, Clone)]
pub struct BertLayerWeights {
    /// `attention.self.query`.
    pub query: LinearWeights,
    /// `attention.self.key`.
    pub key: LinearWeights,
    /// `attention.self.value`.
    pub value: LinearWeights,
    /// `attention.output.dense`.
    pub attention_output: LinearWeights,
    /// `attention.output.LayerNorm`.
    pub attention_norm: LayerNormWeights,
    /// `intermediate.dense`, followed by GELU in its exact form.
    pub intermediate: LinearWeights,
    /// `output.dense`.
    pub output: LinearWeights,
    /// `output.LayerNorm`.
    pub output_norm: LayerNormWeights,
}

/// A whole encoder.
///
/// The tables are row-major and `hidden_size` wide. A sequence reads the position embeddings from
/// the first row on; for RoBERTa, whose positions begin behind the padding id, leave out the rows
/// before.
#[derive(Debug, Clone)]
pub struct BertWeights {
    /// The sizes that all the rest must have.
    pub shape: BertShape,
    /// `embeddings.word_embeddings`.
    pub word_embeddings: EmbeddingTable,
    /// `embeddings.position_embeddings`.
    pub position_embeddings: Vec<f32>,
    /// `embeddings.token_type_embeddings`.
    pub token_type_embeddings: Vec<f32>,
    /// `embeddings.LayerNorm`.
    pub embedding_norm: LayerNormWeights,
    /// The layers, first to last.
    pub layers: Vec<BertLayerWeights>,
}

impl BertWeights {
    /// Panics unless everything has the size that the shape says.
    pub(crate) fn check(&self) {
        let shape = &self.shape;
        let (hidden, heads) = (shape.hidden_size, shape.num_attention_heads);
        assert!(
            hidden > 0 && heads > 0 && hidden % heads == 0,
            "{heads} heads of {hidden} columns"
        );
        assert!(shape.num_hidden_layers > 0, "at least one layer");
        assert_eq!(self.layers.len(), shape.num_hidden_layers, "layers");
        let words = self.word_embeddings.n_numbers();
        assert_eq!(
            words,
            shape.vocab_size * hidden,
            "numbers in word embeddings"
        );
        let positions = shape.max_position_embeddings * hidden;
        check_len("position embeddings", &self.position_embeddings, positions);
        check_len(
            "token type embeddings",
            &self.token_type_embeddings,
            shape.type_vocab_size * hidden,
        );
        self.embedding_norm.check(hidden);
        self.layers.iter().for_each(|layer| layer.check(shape));
    }
}

impl BertLayerWeights {
    fn check(&self, shape: &BertShape) {
        let (hidden, intermediate) = (shape.hidden_size, shape.intermediate_size);
        for square in [&self.query, &self.key, &self.value, &self.attention_output] {
            square.check(hidden, hidden);
        }
        self.intermediate.check(intermediate, hidden);
        self.output.check(hidden, intermediate);
        self.attention_norm.check(hidden);
        self.output_norm.check(hidden);
    }
}

impl LinearWeights {
    fn check(&self, outputs: usize, inputs: usize) {
        check_len("weight", &self.weight, outputs * inputs);
        check_len("bias", &self.bias, outputs);
    }
}

impl LayerNormWeights {
    fn check(&self, width: usize) {
        check_len("norm weight", &self.weight, width);
        check_len("norm bias", &self.bias, width);
    }
}

fn check_len(what: &str, numbers: &[f32], expected: usize) {
    assert_eq!(numbers.len(), expected, "numbers in {what}");
}
