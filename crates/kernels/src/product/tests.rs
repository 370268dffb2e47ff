use proptest::prelude::*;

use super::*;
use crate::aligned::Aligned;
use crate::arithmetic::Single;
use crate::epilogue::{AddTo, Assign, Biased, Finish, Gelu, Raw};
use crate::instruction_set::isas;
use crate::matrix::{pack_left, pack_right, padded_stride};
use crate::random::numbers;
use crate::simd::Isa;

/// A problem: rows of the left matrix, rows of the right one, both `depth` long.
struct Factors {
    n_rows: usize,
    depth: usize,
    n_columns: usize,
    left: Vec<f32>,
    right: Vec<f32>,
}

impl Factors {
    fn new(n_rows: usize, depth: usize, n_columns: usize) -> Self {
        let (left, right) = (numbers(n_rows * depth, 1), numbers(n_columns * depth, 2));
        Self {
            n_rows,
            depth,
            n_columns,
            left,
            right,
        }
    }

    /// The plain twin: an inner product in double precision.
    fn expected(&self, row: usize, column: usize) -> f64 {
        let left = &self.left[row * self.depth..][..self.depth];
        let right = &self.right[column * self.depth..][..self.depth];
        left.iter()
            .zip(right)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum()
    }

    /// Multiplies into rows that held 1 throughout; returns them and their stride.
    fn multiply<E: Epilogue>(&self, isa: Isa, is_packed: bool, epilogue: E) -> (Vec<f32>, usize) {
        let stride = padded_stride(self.n_columns, isa.panel_width());
        let mut output = vec![1.0; self.n_rows * stride];
        let mut packed = vec![0.0; self.left.len()];
        let row = |row: usize| &self.left[row * self.depth..];
        pack_left((self.n_rows, self.depth), isa.tile_rows(), row, &mut packed);
        let width = isa.panel_width();
        let n_columns = self.n_columns.next_multiple_of(width);
        let mut panels = Aligned::zeroed(n_columns * self.depth);
        let row = |row: usize| &self.right[row * self.depth..];
        pack_right((self.n_columns, self.depth), width, row, &mut panels);
        let output_rows = RowsMut::new(&mut output, stride);
        if is_packed {
            self.run(isa, Packed(&packed), &panels, epilogue, output_rows);
        } else {
            let rows = InPlace(Rows::new(&self.left, self.depth));
            self.run(isa, rows, &panels, epilogue, output_rows);
        }
        (output, stride)
    }

    fn run<L: Left<Single>, E: Epilogue>(
        &self,
        isa: Isa,
        left: L,
        panels: &[f32],
        epilogue: E,
        output: RowsMut<'_>,
    ) {
        isa.run(Product::<Single, _, _> {
            left,
            n_rows: self.n_rows,
            depth: self.depth,
            panels,
            epilogue,
            output,
        });
    }

    fn assert_each(&self, (output, stride): (Vec<f32>, usize), of: impl Fn(usize, f64) -> f64) {
        for row in 0..self.n_rows {
            for column in 0..self.n_columns {
                let found = f64::from(output[row * stride + column]);
                let expected = of(column, self.expected(row, column));
                let tolerance = 1e-5 * (self.depth as f64 / 70.0).max(1.0);
                assert!(
                    (found - expected).abs() < tolerance,
                    "{row}, {column}: {found}, {expected}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn products_match_inner_products(
        n_rows in 1..40_usize,
        depth in 1..70_usize,
        n_columns in 1..70_usize,
        is_packed: bool,
    ) {
        let factors = Factors::new(n_rows, depth, n_columns);
        for isa in isas() {
            factors.assert_each(factors.multiply(isa, is_packed, Raw), |_, sum| sum);
        }
    }
}

#[test]
fn products_of_one_block_of_steps_and_of_several_match_inner_products() {
    for depth in [BLOCK_STEPS - 1, BLOCK_STEPS, BLOCK_STEPS + 1, 600, 1024] {
        let factors = Factors::new(17, depth, 40);
        for isa in isas() {
            let packed = factors.multiply(isa, true, Raw);
            let in_place = factors.multiply(isa, false, Raw);
            assert_eq!(packed, in_place, "{depth}");
            factors.assert_each(packed, |_, sum| sum);
        }
    }
}

#[test]
fn a_row_is_the_same_bits_in_tiles_of_every_height() {
    for depth in [50, 300] {
        a_row_is_the_same_bits(&Factors::new(30, depth, 40));
    }
}

fn a_row_is_the_same_bits(whole: &Factors) {
    let depth = whole.depth;
    for isa in isas() {
        let (expected, stride) = whole.multiply(isa, true, Raw);
        for n_rows in 1..30 {
            let part = Factors::new(n_rows, depth, 40);
            let left = whole.left[..n_rows * depth].to_vec();
            let part = Factors {
                left,
                right: whole.right.clone(),
                ..part
            };
            assert_eq!(part.multiply(isa, true, Raw).0, expected[..n_rows * stride]);
        }
    }
}

#[test]
fn epilogues_see_their_columns() {
    let factors = Factors::new(17, 20, 40);
    let columns = numbers(64, 3);
    let at = |column: usize| f64::from(columns[column]);
    for isa in isas() {
        let biased = factors.multiply(isa, true, with_bias(&columns, Assign));
        factors.assert_each(biased, |column, sum| sum + at(column));
        let added = factors.multiply(isa, true, with_bias(&columns, AddTo));
        factors.assert_each(added, |column, sum| sum + at(column) + 1.0);
        let active = factors.multiply(isa, true, with_bias(&columns, Gelu));
        factors.assert_each(active, |column, sum| {
            crate::math::plain::gelu(sum + at(column))
        });
    }
}

fn with_bias<F: Finish>(bias: &[f32], finish: F) -> Biased<'_, F> {
    Biased { bias, finish }
}
