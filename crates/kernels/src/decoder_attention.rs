//! Attention of a decoder: to contexts that are read once, and to the tokens written so far.
//!
//! Beams of one context share its keys and values, which are packed once for the products of every later
//! step. The tokens of a beam lie where they were written; when beams change places only a table of
//! places does.

use rayon::prelude::*;

use crate::InstructionSet;
use crate::aligned::Aligned;
use crate::arithmetic::Single;
use crate::attention::{Attention, AttentionScratch};
use crate::epilogue::Raw;
use crate::matrix::{Rows, RowsMut, pack_columns, pack_right};
use crate::product::{InPlace, Product};
use crate::rows::{Softmax, softmax_row};
use crate::simd::{Isa, Kernel, Simd};

/// Rows that attend to a context at once: their scores stay in the second-level cache.
const CHUNK_ROWS: usize = 56;

fn best_isa() -> Isa {
    Isa::detect(InstructionSet::best()).expect("available ones are detected")
}

/// Self-attention of whole sequences, one behind another, each attending to itself.
///
/// A row of `qkv` holds query, key and value side by side, the query already divided by the root of a
/// head's width; `lengths` are the rows of each sequence. Gives a row as wide as a query for each.
///
/// # Panics
/// When `qkv` has not as many rows as the lengths say, or the width does not divide by the heads.
pub fn self_attention(qkv: &[f32], lengths: &[usize], heads: usize) -> Vec<f32> {
    let n_rows: usize = lengths.iter().sum();
    let Some(stride) = qkv.len().checked_div(n_rows) else {
        return Vec::new();
    };
    let width = stride / 3;
    assert!(
        stride == 3 * width && qkv.len() == n_rows * stride,
        "query, key and value"
    );
    assert!(
        width.is_multiple_of(heads),
        "{heads} heads of {width} columns"
    );
    let isa = best_isa();
    let mut output = vec![0.0; n_rows * width];
    let (mut jobs, mut rest, mut first) = (Vec::new(), output.as_mut_slice(), 0);
    for &length in lengths {
        let (own, others) = rest.split_at_mut(length * width);
        jobs.push((&qkv[first * stride..][..length * stride], own));
        (rest, first) = (others, first + length);
    }
    jobs.into_par_iter().for_each(|(qkv, output)| {
        attend_sequence(isa, (qkv, stride), (output, width), heads);
    });
    output
}

fn attend_sequence(
    isa: Isa,
    (qkv, stride): (&[f32], usize),
    (output, width): (&mut [f32], usize),
    heads: usize,
) {
    let (head, length) = (width / heads, qkv.len() / stride);
    let mut scratch = AttentionScratch::default();
    let mut output = RowsMut::new(output, width);
    for column in (0..width).step_by(head) {
        let rows = Rows::new(qkv, stride);
        let attention = Attention {
            queries: rows.from(0, column),
            n_queries: length,
            keys: rows.from(0, width + column),
            values: rows.from(0, 2 * width + column),
            n_keys: length,
            width: head,
            scale: 1.0,
        };
        attention.run(isa, output.from(0, column), &mut scratch);
    }
}

/// Keys and values of one context for one layer, packed.
#[derive(Debug)]
pub struct CrossMemory {
    isa: Isa,
    n_keys: usize,
    head: usize,
    heads: Vec<HeadMemory>,
}

#[derive(Debug)]
struct HeadMemory {
    /// Panels of keys, for scores.
    keys: Aligned<f32>,
    /// Panels of columns of the values, for contexts.
    values: Aligned<f32>,
}

impl CrossMemory {
    /// Packs keys and values: a row holds a key and a value side by side.
    ///
    /// # Panics
    /// When there is no row, or the rows do not divide by the heads.
    #[must_use]
    pub fn new(key_value: &[f32], n_keys: usize, heads: usize) -> Self {
        let isa = best_isa();
        let width = key_value.len() / (2 * n_keys);
        assert!(key_value.len() == 2 * n_keys * width, "keys and values");
        assert!(
            width.is_multiple_of(heads),
            "{heads} heads of {width} columns"
        );
        let head = width / heads;
        let memory = |column| {
            let key = |row: usize| &key_value[row * 2 * width + column..][..head];
            let panel = isa.panel_width();
            let mut keys = Aligned::zeroed(n_keys.next_multiple_of(panel) * head);
            pack_right((n_keys, head), panel, key, &mut keys);
            let value = |row: usize| &key_value[(row * 2 + 1) * width + column..][..head];
            let mut values = Aligned::zeroed(head.next_multiple_of(panel) * n_keys);
            pack_columns((n_keys, head), panel, value, &mut values);
            HeadMemory { keys, values }
        };
        Self {
            isa,
            n_keys,
            head,
            heads: (0..width).step_by(head).map(memory).collect(),
        }
    }

    /// Lets rows of queries attend, already divided by the root of a head's width; writes a row for each.
    ///
    /// # Panics
    /// When the two have not the same number of whole rows.
    pub fn attend(&self, queries: &[f32], output: &mut [f32]) {
        let width = self.head * self.heads.len();
        assert!(
            queries.len() == output.len() && queries.len().is_multiple_of(width),
            "rows"
        );
        let mut scratch = Scratch::default();
        let chunk = CHUNK_ROWS * width;
        for (queries, output) in queries.chunks(chunk).zip(output.chunks_mut(chunk)) {
            for (index, memory) in self.heads.iter().enumerate() {
                let queries = Rows::new(queries, width).from(0, index * self.head);
                let n_rows = output.len() / width;
                let output = RowsMut::new(&mut output[index * self.head..], width);
                self.attend_head(memory, (queries, n_rows), output, &mut scratch);
            }
        }
    }

    fn attend_head(
        &self,
        memory: &HeadMemory,
        (queries, n_rows): (Rows<'_>, usize),
        mut output: RowsMut<'_>,
        scratch: &mut Scratch,
    ) {
        let (isa, panel) = (self.isa, self.isa.panel_width());
        let stride = self.n_keys.next_multiple_of(panel);
        let scores = scratch.scores.at_least(n_rows * stride);
        isa.run(Product::<Single, _, _> {
            left: InPlace(queries),
            n_rows,
            depth: self.head,
            panels: &memory.keys,
            epilogue: Raw,
            output: RowsMut::new(scores, stride),
        });
        let inverse_sums = &mut [0.0; CHUNK_ROWS][..n_rows];
        isa.run(Softmax {
            rows: RowsMut::new(scores, stride),
            width: self.n_keys,
            scale: 1.0,
            inverse_sums,
        });
        let wide = self.head.next_multiple_of(panel);
        let context = scratch.context.at_least(n_rows * wide);
        isa.run(Product::<Single, _, _> {
            left: InPlace(Rows::new(scores, stride)),
            n_rows,
            depth: self.n_keys,
            panels: &memory.values,
            epilogue: Raw,
            output: RowsMut::new(context, wide),
        });
        let context = context.chunks_exact(wide).zip(inverse_sums);
        for (row, (context, inverse)) in context.enumerate() {
            let output = output.row(row, self.head).iter_mut();
            output
                .zip(context)
                .for_each(|(to, from)| *to = from * *inverse);
        }
    }
}

/// Buffers of one head.
#[derive(Debug, Default)]
struct Scratch {
    scores: Aligned<f32>,
    context: Aligned<f32>,
}

/// Keys and values of what was written so far, for one layer.
///
/// Position `p` of the sequences is a block of rows with a key and a value side by side. Which row of the block
/// a sequence continues, the caller's table says.
#[derive(Debug)]
pub struct WrittenMemory {
    isa: Isa,
    width: usize,
    heads: usize,
    positions: Vec<Vec<f32>>,
}

impl WrittenMemory {
    /// Begins with nothing written.
    ///
    /// # Panics
    /// When the width does not divide by the heads.
    #[must_use]
    pub fn new(width: usize, heads: usize) -> Self {
        assert!(
            width.is_multiple_of(heads),
            "{heads} heads of {width} columns"
        );
        Self {
            isa: best_isa(),
            width,
            heads,
            positions: Vec::new(),
        }
    }

    /// Positions written.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Writes the next `length` positions of every sequence. A row of `qkv` holds query, key and value; the rows
    /// of a sequence lie one behind another.
    ///
    /// # Panics
    /// When `qkv` is no whole number of sequences.
    pub fn push(&mut self, qkv: &[f32], length: usize) {
        let stride = 3 * self.width;
        assert!(qkv.len().is_multiple_of(length * stride), "whole sequences");
        for position in 0..length {
            let sequences = qkv.chunks_exact(length * stride);
            let block = sequences.flat_map(|rows| {
                let row = &rows[position * stride..][..stride];
                row[self.width..].iter().copied()
            });
            self.positions.push(block.collect());
        }
    }

    /// Lets each row of `qkv`, which [`push`](Self::push) has taken, attend to all positions of its sequence up
    /// to its own. `places` holds for each sequence, in a row of [`len`](Self::len), its row in each block.
    ///
    /// # Panics
    /// When the table does not belong to the rows.
    pub fn attend(&self, qkv: &[f32], length: usize, places: &[u32]) -> Vec<f32> {
        let (stride, written) = (3 * self.width, self.positions.len());
        let n_rows = qkv.len() / stride;
        assert_eq!(
            places.len(),
            n_rows / length * written,
            "places of each sequence"
        );
        let mut output = vec![0.0; n_rows * self.width];
        let rows = output
            .par_chunks_mut(self.width)
            .zip(qkv.par_chunks(stride));
        rows.with_min_len(8)
            .enumerate()
            .for_each(|(row, (output, qkv))| {
                let (sequence, position) = (row / length, row % length);
                let seen = written - length + position + 1;
                let places = &places[sequence * written..][..seen];
                let blocks = self.positions.iter().zip(places);
                let read: Vec<&[f32]> = blocks
                    .map(|(block, &place)| {
                        &block[place as usize * 2 * self.width..][..2 * self.width]
                    })
                    .collect();
                self.isa.run(AttendWritten {
                    query: &qkv[..self.width],
                    read: &read,
                    head: self.width / self.heads,
                    scores: &mut vec![0.0; seen.next_multiple_of(crate::simd::MAX_LANES)],
                    output,
                });
            });
        output
    }
}

/// One query of every head over rows that lie anywhere.
struct AttendWritten<'a> {
    query: &'a [f32],
    /// Keys and values side by side.
    read: &'a [&'a [f32]],
    head: usize,
    scores: &'a mut [f32],
    /// Zeros.
    output: &'a mut [f32],
}

impl Kernel for AttendWritten<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.query.len();
        for column in (0..width).step_by(self.head) {
            let query = &self.query[column..][..self.head];
            self.scores.fill(f32::NEG_INFINITY);
            for (score, row) in self.scores.iter_mut().zip(self.read) {
                *score = dot(simd, query, &row[column..][..self.head]);
            }
            let inverse = softmax_row(simd, self.scores, 1.0);
            let output = &mut self.output[column..][..self.head];
            for (power, row) in self.scores.iter().zip(self.read) {
                add_scaled(
                    simd,
                    power * inverse,
                    &row[width + column..][..self.head],
                    output,
                );
            }
        }
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let body = a.len() - a.len() % S::LANES;
    let mut sums = simd.splat(0.0);
    for at in (0..body).step_by(S::LANES) {
        sums = simd.mul_add(simd.load(&a[at..]), simd.load(&b[at..]), sums);
    }
    let tail: f32 = a[body..].iter().zip(&b[body..]).map(|(a, b)| a * b).sum();
    simd.sum(sums) + tail
}

/// Adds `weight · row` to `output`.
#[inline(always)]
fn add_scaled<S: Simd>(simd: S, weight: f32, row: &[f32], output: &mut [f32]) {
    let body = row.len() - row.len() % S::LANES;
    let weights = simd.splat(weight);
    for at in (0..body).step_by(S::LANES) {
        let sum = simd.mul_add(weights, simd.load(&row[at..]), simd.load(&output[at..]));
        simd.store(sum, &mut output[at..]);
    }
    for (to, from) in output[body..].iter_mut().zip(&row[body..]) {
        *to += weight * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::numbers;

    /// The plain twin: one query of one head, in double precision.
    fn attend(query: &[f32], keys: &[&[f32]], values: &[&[f32]]) -> Vec<f64> {
        let score = |key: &&[f32]| -> f64 {
            let products = query.iter().zip(*key);
            products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let powers: Vec<f64> = keys.iter().map(|key| score(key).exp()).collect();
        let sum: f64 = powers.iter().sum();
        let column = |at: usize| {
            let weighed = powers.iter().zip(values);
            let sums: f64 = weighed
                .map(|(power, value)| power * f64::from(value[at]))
                .sum();
            sums / sum
        };
        (0..query.len()).map(column).collect()
    }

    fn assert_close(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 5e-6,
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn sequences_attend_to_themselves() {
        for (width, heads, lengths) in [(6, 3, vec![1, 5]), (64, 2, vec![40, 3]), (48, 4, vec![7])]
        {
            let n_rows: usize = lengths.iter().sum();
            let qkv = numbers(n_rows * 3 * width, 1);
            let found = self_attention(&qkv, &lengths, heads);
            let (head, mut first) = (width / heads, 0);
            for length in lengths {
                let rows: Vec<&[f32]> = qkv[first * 3 * width..]
                    .chunks_exact(3 * width)
                    .take(length)
                    .collect();
                for (i, row) in rows.iter().enumerate() {
                    for column in (0..width).step_by(head) {
                        let part = |offset: usize| -> Vec<&[f32]> {
                            rows.iter()
                                .map(|row| &row[offset + column..][..head])
                                .collect()
                        };
                        let expected =
                            attend(&row[column..][..head], &part(width), &part(2 * width));
                        assert_close(&found[(first + i) * width + column..][..head], &expected);
                    }
                }
                first += length;
            }
        }
        assert!(self_attention(&[], &[], 1).is_empty());
    }

    #[test]
    fn every_row_attends_to_the_whole_context() {
        for (width, heads, n_keys, n_rows) in [(4, 2, 1, 1), (64, 1, 33, 4), (96, 3, 70, 130)] {
            let both = numbers(n_keys * 2 * width, 1);
            let queries = numbers(n_rows * width, 2);
            let mut found = vec![0.0; n_rows * width];
            CrossMemory::new(&both, n_keys, heads).attend(&queries, &mut found);
            let head = width / heads;
            for (queries, found) in queries.chunks(width).zip(found.chunks(width)) {
                for column in (0..width).step_by(head) {
                    let part = |offset: usize| -> Vec<&[f32]> {
                        let rows = both.chunks(2 * width);
                        rows.map(|row| &row[offset + column..][..head]).collect()
                    };
                    let expected = attend(&queries[column..][..head], &part(0), &part(width));
                    assert_close(&found[column..][..head], &expected);
                }
            }
        }
    }

    #[test]
    fn rows_of_a_context_do_not_depend_on_each_other() {
        let memory = CrossMemory::new(&numbers(40 * 2 * 64, 1), 40, 2);
        let queries = numbers(80 * 64, 2);
        let mut together = vec![0.0; queries.len()];
        memory.attend(&queries, &mut together);
        for (query, expected) in queries.chunks(64).zip(together.chunks(64)) {
            let mut alone = vec![0.0; 64];
            memory.attend(query, &mut alone);
            assert_eq!(alone, expected);
        }
    }

    /// Writes steps of sequences that change places, and compares with sequences kept whole.
    #[test]
    fn sequences_that_change_places_keep_what_they_wrote() {
        let (width, heads, n_rows) = (24, 2, 3);
        let mut memory = WrittenMemory::new(width, heads);
        let mut whole: Vec<Vec<Vec<f32>>> = vec![Vec::new(); n_rows];
        let mut places: Vec<Vec<u32>> = vec![Vec::new(); n_rows];
        let parents = [[0, 0, 2], [2, 1, 0], [1, 1, 1], [0, 1, 2]];
        for (step, parents) in parents.iter().enumerate() {
            let qkv = numbers(n_rows * 3 * width, step as u64);
            memory.push(&qkv, 1);
            for row in 0..n_rows {
                whole[row].push(qkv[row * 3 * width..][..3 * width].to_vec());
                places[row].push(row as u32);
            }
            let found = memory.attend(&qkv, 1, &places.concat());
            for row in 0..n_rows {
                for column in (0..width).step_by(width / heads) {
                    let head = width / heads;
                    let part = |offset: usize| -> Vec<&[f32]> {
                        whole[row]
                            .iter()
                            .map(|r| &r[offset + column..][..head])
                            .collect()
                    };
                    let query = &qkv[row * 3 * width + column..][..head];
                    let expected = attend(query, &part(width), &part(2 * width));
                    assert_close(&found[row * width + column..][..head], &expected);
                }
            }
            whole = parents.iter().map(|&p| whole[p].clone()).collect();
            places = parents.iter().map(|&p| places[p].clone()).collect();
        }
    }

    #[test]
    fn many_positions_at_once_are_as_many_steps() {
        let (width, heads, n_rows, length) = (16, 2, 3, 5);
        let qkv = numbers(n_rows * length * 3 * width, 7);
        let mut together = WrittenMemory::new(width, heads);
        together.push(&qkv, length);
        let places: Vec<u32> = (0..n_rows as u32).flat_map(|r| [r; 5]).collect();
        let found = together.attend(&qkv, length, &places);
        let mut steps = WrittenMemory::new(width, heads);
        for position in 0..length {
            let rows = qkv.chunks(length * 3 * width);
            let step: Vec<f32> = rows
                .flat_map(|rows| rows[position * 3 * width..][..3 * width].to_vec())
                .collect();
            steps.push(&step, 1);
            let places: Vec<u32> = (0..n_rows as u32)
                .flat_map(|row| vec![row; position + 1])
                .collect();
            let expected = steps.attend(&step, 1, &places);
            for (row, expected) in expected.chunks(width).enumerate() {
                assert_eq!(
                    &found[(row * length + position) * width..][..width],
                    expected
                );
            }
        }
        assert_eq!((together.len(), together.is_empty()), (5, false));
    }
}
