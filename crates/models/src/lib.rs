//! Checkpoints, tokenizers, passage and question encoders and BART, in candle.
//!
//! A [`Checkpoint`] is a model as it is stored: a folder, such as one in the
//! model cache of a hub, or bytes in memory. It gives a [`Tokenizer`] and weights. A [`BertEncoder`]
//! loaded from it maps passages and questions to vectors; other parts of ragdex know it as an
//! [`Encoder`], and two of them as an [`EncoderPair`].
//!
//! ```no_run
//! use ragdex_models::{
//!     BertEncoder, Checkpoint, EncodeOptions, Encoder, EncoderOptions, PassageText,
//! };
//!
//! # fn main() -> Result<(), ragdex_models::Error> {
//! let checkpoint = Checkpoint::from_folder("dpr-ctx_encoder-single-nq-base")?;
//! let encoder = BertEncoder::open(&checkpoint, &EncoderOptions::default())?;
//! let passage = PassageText { title: "Aruba", text: "Aruba is an island." };
//! let vectors = encoder.encode_passages(&[passage], &EncodeOptions::default())?;
//! assert_eq!(vectors.len(), encoder.dim());
//! # Ok(())
//! # }
//! ```

pub mod bart;
mod bert;
mod checkpoint;
mod device;
mod encoder;
mod error;
mod padded;
mod pickle;
mod tokenizer;

pub use candle_core::Device;
pub use checkpoint::{Checkpoint, WeightsFile};
pub use device::{CudaDevices, DeviceChoice, DeviceKind, Devices, UnknownDevice};
pub use encoder::{
    BertEncoder, EncodeOptions, Encoded, Encoder, EncoderDescription, EncoderOptions, EncoderPair,
    PassageForm, PassageText, Pooling, Precision, PrecisionChoice, Prepared, UnknownPrecision,
};
pub use error::Error;
pub use tokenizer::{DecodeOptions, Encoding, Tokenizer};
