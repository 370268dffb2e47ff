//! BERT in plain candle operations: the reference that faster implementations are held against.
//!
//! GELU and softmax too are candle's, though it takes them one number at a time: what is wrong in one of
//! two twins shows only where the other is another's work.

mod config;
mod layers;
mod linear;
mod model;
mod packed;
mod tokens;

pub(crate) use self::config::BertConfig;
pub(crate) use self::linear::Linear;
pub(crate) use self::model::BertModel;
pub(crate) use self::packed::PackedSequences;
pub(crate) use self::tokens::TokenRules;
