//! RAG against what Hugging Face transformers computes, stored with the script that made it, and
//! what bad input gives.

mod bad_input;
mod generate;
mod golden;
mod grounded;
mod losses;
mod provenance;
mod texts;
