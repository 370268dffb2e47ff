//! Which texts are computed together where all are padded to one length.

use std::cmp::Reverse;

use crate::padded::padded_length;

/// The share of a batch, one in so many, that padding may take because texts are shorter than the longest;
/// rounding lengths up comes on top. In a batch of the usual 32,768 tokens this is 2,048, for which a GPU
/// takes about as long as for starting the operations of one more batch.
const PADDING_SHARE: usize = 16;

/// Cuts texts of these lengths into batches of at most `max_tokens`, padding included; a longer text is a
/// batch of its own.
///
/// Each batch names its texts, longest first, equal lengths in input order; long batches come first, so
/// that a device whose memory does not suffice is found out at once. Every text is in one batch.
pub(super) fn by_length(lengths: &[usize], max_tokens: usize) -> Vec<Vec<usize>> {
    let mut texts: Vec<usize> = (0..lengths.len()).collect();
    texts.sort_by_key(|&text| Reverse(lengths[text]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let (mut length, mut padding) = (0, 0);
    for text in texts {
        let own = padded_length(lengths[text]);
        let is_full = |batch: &Vec<usize>| (batch.len() + 1) * length > max_tokens;
        let wasted = padding + length.saturating_sub(own);
        match batches.last_mut() {
            Some(batch) if !is_full(batch) && wasted <= max_tokens / PADDING_SHARE => {
                batch.push(text);
                padding = wasted;
            }
            _ => {
                batches.push(vec![text]);
                (length, padding) = (own, 0);
            }
        }
    }
    batches
}

/// Puts the rows of batches, all equally wide, in the order of the texts.
pub(super) fn in_input_order(batches: &[Vec<usize>], rows: &[Vec<f32>]) -> Vec<f32> {
    let mut ordered = vec![0.0; rows.iter().map(Vec::len).sum()];
    for (texts, rows) in batches.iter().zip(rows) {
        let dim = rows.len() / texts.len();
        for (&text, row) in texts.iter().zip(rows.chunks_exact(dim)) {
            ordered[text * dim..][..dim].copy_from_slice(row);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths without order, from 1 to `longest`.
    fn lengths(n: usize, longest: usize) -> Vec<usize> {
        (0..n).map(|i| 1 + i * 7919 % longest).collect()
    }

    fn size(batch: &[usize], lengths: &[usize]) -> usize {
        batch.len() * padded_length(lengths[batch[0]])
    }

    #[test]
    fn every_text_is_in_one_batch_within_the_budget() {
        for (n, longest, max_tokens) in [(0, 1, 8), (1, 512, 8), (1000, 300, 4096), (500, 40, 64)] {
            let lengths = lengths(n, longest);
            let batches = by_length(&lengths, max_tokens);
            let mut texts = batches.concat();
            texts.sort_unstable();
            assert_eq!(texts, (0..n).collect::<Vec<_>>());
            for batch in &batches {
                assert!(batch.len() == 1 || size(batch, &lengths) <= max_tokens);
                assert!(batch.iter().all(|&text| lengths[text] <= lengths[batch[0]]));
            }
        }
    }

    #[test]
    fn a_text_longer_than_the_budget_is_alone() {
        let batches = by_length(&[3, 100, 3, 101], 16);
        assert_eq!(batches, [vec![3], vec![1], vec![0, 2]]);
    }

    #[test]
    fn padding_stays_within_its_share() {
        let lengths = lengths(5000, 512);
        let batches = by_length(&lengths, 32768);
        for batch in &batches {
            let rounded: usize = batch.iter().map(|&text| padded_length(lengths[text])).sum();
            assert!(size(batch, &lengths) - rounded <= 32768 / PADDING_SHARE);
        }
        assert!(batches.len() < 5000 * 256 / 32768 * 2, "{}", batches.len());
    }

    #[test]
    fn equal_lengths_keep_their_order() {
        assert_eq!(by_length(&[5, 5, 5, 5], 16), [[0, 1], [2, 3]]);
    }

    #[test]
    fn rows_return_to_the_order_of_the_texts() {
        let batches = [vec![2, 0], vec![1]];
        let rows = [vec![2.0, 2.5, 0.0, 0.5], vec![1.0, 1.5]];
        let ordered = in_input_order(&batches, &rows);
        assert_eq!(ordered, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
    }
}
