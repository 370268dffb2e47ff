//! Sequences being written.

use std::sync::Arc;

use ragdex_kernels::WrittenMemory;
use rayon::prelude::*;

use super::super::TargetScore;
use super::{Context, DecoderLayer, Model};

/// The same number of rows for each context, context-major.
pub(in super::super) struct Decoding<'a> {
    model: &'a Model,
    contexts: Vec<Arc<Context>>,
    rows_per_context: usize,
    /// One for each layer.
    written: Vec<WrittenMemory>,
    /// For each row, where each of its positions was written.
    places: Vec<Vec<u32>>,
}

impl<'a> Decoding<'a> {
    pub(in super::super) fn new(
        model: &'a Model,
        contexts: Vec<Arc<Context>>,
        rows_per_context: usize,
    ) -> Self {
        let layers = model.decoder.layers.iter();
        let rows = contexts.len() * rows_per_context;
        Self {
            written: layers
                .map(|_| WrittenMemory::new(model.width, model.decoder_heads))
                .collect(),
            places: vec![Vec::new(); rows],
            model,
            contexts,
            rows_per_context,
        }
    }

    pub(in super::super) fn rows(&self) -> usize {
        self.places.len()
    }

    /// Positions written.
    pub(in super::super) fn used(&self) -> usize {
        self.places.first().map_or(0, Vec::len)
    }

    /// Appends tokens, as many to each row; gives the logits behind each.
    pub(in super::super) fn logits(&mut self, tokens: &[u32]) -> Vec<f32> {
        let states = self.extend(tokens);
        self.model.project(&states)
    }

    /// Appends tokens and scores the target behind each.
    pub(in super::super) fn score(&mut self, tokens: &[u32], targets: &[u32]) -> Vec<TargetScore> {
        /// Bounds the logits in memory: 50 MB at 50,000 entries.
        const CHUNK: usize = 256;
        let states = self.extend(tokens);
        let (width, vocab) = (self.model.width, self.model.vocab_size);
        let chunks = states.chunks(CHUNK * width).zip(targets.chunks(CHUNK));
        chunks
            .flat_map(|(states, targets)| {
                let logits = self.model.project(states);
                let rows = logits.par_chunks_exact(vocab).zip(targets);
                let scores = rows.map(|(row, &target)| TargetScore::of(row, target));
                scores.collect::<Vec<_>>()
            })
            .collect()
    }

    /// Makes row `i` continue what row `rows[i]` was.
    pub(in super::super) fn select_rows(&mut self, rows: &[u32]) {
        let places = rows.iter().map(|&row| self.places[row as usize].clone());
        self.places = places.collect();
    }

    /// Keeps the named contexts with their rows, in that order.
    pub(in super::super) fn keep_contexts(&mut self, contexts: &[u32]) {
        let per = self.rows_per_context as u32;
        let rows: Vec<u32> = contexts
            .iter()
            .flat_map(|c| c * per..(c + 1) * per)
            .collect();
        self.select_rows(&rows);
        let kept = contexts
            .iter()
            .map(|&c| Arc::clone(&self.contexts[c as usize]));
        self.contexts = kept.collect();
    }

    fn extend(&mut self, tokens: &[u32]) -> Vec<f32> {
        let (rows, used) = (self.rows(), self.used());
        let length = tokens.len().checked_div(rows).unwrap_or(0);
        if length == 0 {
            return Vec::new();
        }
        for (row, places) in self.places.iter_mut().enumerate() {
            places.extend(std::iter::repeat_n(row as u32, length));
        }
        let places = self.places.concat();
        let model = self.model;
        let placed = tokens.chunks_exact(length);
        let placed = placed.flat_map(|own| own.iter().copied().zip(used..));
        let mut x = model.decoder.embedding.forward(&model.shared, placed);
        for (index, layer) in model.decoder.layers.iter().enumerate() {
            let qkv = layer.attention.qkv(&x);
            let written = &mut self.written[index];
            written.push(&qkv, length);
            layer
                .attention
                .finish(&mut x, &written.attend(&qkv, length, &places));
            self.cross(layer, index, &mut x);
            layer.feed_forward.forward(&mut x);
        }
        x
    }

    /// Lets all rows attend to their contexts.
    fn cross(&self, layer: &DecoderLayer, index: usize, x: &mut [f32]) {
        let queries = layer.cross.query(x);
        let mut attended = vec![0.0; queries.len()];
        let own = queries.len() / self.contexts.len();
        let rows = queries.par_chunks(own).zip(attended.par_chunks_mut(own));
        rows.zip(&self.contexts)
            .for_each(|((queries, attended), context)| {
                context.layers[index].attend(queries, attended);
            });
        layer.cross.finish(x, &attended);
    }
}
