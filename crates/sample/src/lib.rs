//! The bundled sample corpus and the bundled models, as bytes inside the program.
//!
//! No logic: whoever wants them links this crate, and a program without it stays small.

/// A MediaWiki dump (bzip2) of about a hundred short articles written for ragdex, with a few redirects.
pub static SAMPLE_DUMP: &[u8] = include_bytes!("../data/ragdex-sample.xml.bz2");

/// The name under which [`SAMPLE_DUMP`] is written to a folder.
pub const SAMPLE_DUMP_NAME: &str = "ragdex-sample.xml.bz2";

/// Five questions about the sample, for a first look.
pub const DEMO_QUESTIONS: [&str; 5] = [
    "Who invented the saxophone?",
    "How many hearts does an octopus have?",
    "What is the only river that drains Lake Baikal?",
    "What did Marie Curie call the element she named in honour of her home country?",
    "Who discovered Neptune's big moon Triton?",
];

/// The bundled encoder: BERT in 8 bits; both DPR towers come from it.
pub static MINI_ENCODER: &[u8] = include_bytes!("../models/mini/encoder-q8.safetensors");

/// The bundled reader: BART in 8 bits.
pub static MINI_GENERATOR: &[u8] = include_bytes!("../models/mini/generator-q8.safetensors");

/// The tokenizer of both.
pub static MINI_TOKENIZER: &[u8] = include_bytes!("../models/mini/tokenizer.json");

/// Settings of the tokenizer.
pub static MINI_TOKENIZER_CONFIG: &[u8] = include_bytes!("../models/mini/tokenizer_config.json");
