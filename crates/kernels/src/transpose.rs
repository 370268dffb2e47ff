//! Transposing in registers, for the two packed layouts of a product.

use crate::simd::{MAX_LANES, Simd};

/// Numbers of 32 bits.
pub(crate) trait Word: Copy + Default {
    /// The bits of the first `LANES` numbers of `source`; panics when there are fewer.
    fn load<S: Simd>(simd: S, source: &[Self]) -> S::I32;
    /// Writes numbers with these bits to the front of `destination`; panics when it is shorter.
    fn store<S: Simd>(simd: S, bits: S::I32, destination: &mut [Self]);
}

impl Word for i32 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, source: &[Self]) -> S::I32 {
        simd.load_i32(source)
    }

    #[inline(always)]
    fn store<S: Simd>(simd: S, bits: S::I32, destination: &mut [Self]) {
        simd.store_i32(bits, destination);
    }
}

impl Word for f32 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, source: &[Self]) -> S::I32 {
        simd.bits(simd.load(source))
    }

    #[inline(always)]
    fn store<S: Simd>(simd: S, bits: S::I32, destination: &mut [Self]) {
        simd.store(simd.of_bits(bits), destination);
    }
}

/// Writes element `at` of row `lane` to `output[at * stride + lane]`, for `width` elements of `n_rows` rows, at
/// most a vector's lanes of them.
///
/// A step of the output is as wide as the stride, and at most a vector: where there are fewer rows, 0 follows. With a stride of
/// less than a vector, what lies behind the last step may be overwritten by 0 too.
#[inline(always)]
pub(crate) fn transpose<'a, S: Simd, T: Word + 'a>(
    simd: S,
    (n_rows, width): (usize, usize),
    row: impl Fn(usize) -> &'a [T],
    stride: usize,
    output: &mut [T],
) {
    debug_assert!(n_rows <= S::LANES, "{n_rows} rows of {}", S::LANES);
    for first in (0..width).step_by(S::LANES) {
        let count = S::LANES.min(width - first);
        let mut square = [simd.splat_i32(0); MAX_LANES];
        for (lane, numbers) in square.iter_mut().enumerate().take(n_rows) {
            let source = &row(lane)[first..][..count];
            *numbers = if count == S::LANES {
                T::load(simd, source)
            } else {
                let mut padded = [T::default(); MAX_LANES];
                padded[..count].copy_from_slice(source);
                T::load(simd, &padded)
            };
        }
        let columns = simd.transpose(square);
        let steps = columns.into_iter().zip(first..first + count);
        for (column, at) in steps {
            let step = &mut output[at * stride..];
            if step.len() >= S::LANES {
                // What goes beyond the stride is overwritten by the next step.
                T::store(simd, column, step);
            } else {
                let mut padded = [T::default(); MAX_LANES];
                T::store(simd, column, &mut padded);
                let width = stride.min(step.len());
                step[..width].copy_from_slice(&padded[..width]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::isas;
    use crate::matrix::{Rows, pack_right};
    use crate::random::numbers;
    use crate::simd::Kernel;

    /// Both layouts of the same rows.
    #[derive(Clone, Copy)]
    struct Both<'a> {
        rows: Rows<'a>,
        shape: (usize, usize),
    }

    impl Kernel for Both<'_> {
        /// Lanes, a left tile, a right half panel.
        type Output = (usize, Vec<f32>, Vec<f32>);

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let (n_rows, width) = self.shape;
            let n_rows = n_rows.min(S::LANES);
            let row = |row: usize| self.rows.row(row, width);
            let mut left = vec![-1.0; n_rows * width];
            transpose(simd, (n_rows, width), row, n_rows, &mut left);
            let mut right = vec![-1.0; S::LANES * width];
            transpose(simd, (n_rows, width), row, S::LANES, &mut right);
            (S::LANES, left, right)
        }
    }

    #[test]
    fn rows_become_columns_as_packing_them_one_by_one_does() {
        for (n_rows, width) in [
            (1, 1),
            (2, 16),
            (5, 7),
            (14, 33),
            (16, 64),
            (8, 8),
            (13, 50),
        ] {
            let data = numbers(n_rows * width, 5);
            let rows = Rows::new(&data, width);
            let row = |row: usize| rows.row(row, width);
            for isa in isas() {
                let shape = (n_rows, width);
                let (lanes, left, right) = isa.run(Both { rows, shape });
                let shape = (n_rows.min(lanes), width);
                let expected: Vec<f32> = (0..width)
                    .flat_map(|at| (0..shape.0).map(move |lane| row(lane)[at]))
                    .collect();
                assert_eq!(left, expected, "{shape:?}");
                let mut expected = vec![0.0; right.len()];
                pack_right(shape, lanes, row, &mut expected);
                assert_eq!(right, expected, "{shape:?}");
            }
        }
    }
}
