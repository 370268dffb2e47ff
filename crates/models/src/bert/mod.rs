//! BERT in plain candle operations: the reference that faster implementations are held against.

mod activations;
mod config;
mod layers;
mod linear;
mod model;
mod packed;
mod tokens;

pub(crate) use self::activations::{gelu, softmax};
pub(crate) use self::config::BertConfig;
pub(crate) use self::linear::Linear;
pub(crate) use self::model::BertModel;
pub(crate) use self::packed::PackedSequences;
pub(crate) use self::tokens::TokenRules;
