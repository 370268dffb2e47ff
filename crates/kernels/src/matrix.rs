//! Borrowed matrices whose rows lie a stride apart, and the two packed layouts of a product.

use std::array::from_fn;

/// Floats between the end of a row and the next: rows a multiple of 4 KB apart would share a few
/// sets of the first-level cache.
const ROW_GAP: usize = 16;

/// Rows of numbers, `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    data: &'a [f32],
    stride: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(data: &'a [f32], stride: usize) -> Self {
        Self { data, stride }
    }

    /// The first `width` numbers of a row.
    pub(crate) fn row(self, row: usize, width: usize) -> &'a [f32] {
        &self.data[row * self.stride..][..width]
    }

    /// The matrix without the rows above and the columns left of this place.
    pub(crate) fn from(self, row: usize, column: usize) -> Self {
        Self::new(&self.data[row * self.stride + column..], self.stride)
    }

    /// Every `n`-th row.
    pub(crate) fn every(self, n: usize) -> Self {
        Self::new(self.data, n * self.stride)
    }
}

/// Rows of numbers to write, `stride` apart.
#[derive(Debug)]
pub(crate) struct RowsMut<'a> {
    data: &'a mut [f32],
    stride: usize,
}

impl<'a> RowsMut<'a> {
    pub(crate) fn new(data: &'a mut [f32], stride: usize) -> Self {
        Self { data, stride }
    }

    /// The first `width` numbers of a row.
    pub(crate) fn row(&mut self, row: usize, width: usize) -> &mut [f32] {
        &mut self.data[row * self.stride..][..width]
    }

    /// Every `n`-th row.
    pub(crate) fn every(self, n: usize) -> Self {
        Self::new(self.data, n * self.stride)
    }

    /// The matrix without the rows above and the columns left of this place.
    pub(crate) fn from(&mut self, row: usize, column: usize) -> RowsMut<'_> {
        RowsMut::new(&mut self.data[row * self.stride + column..], self.stride)
    }
}

/// The stride of a buffer for rows of `width` numbers that products write panel by panel.
pub(crate) fn padded_stride(width: usize, panel_width: usize) -> usize {
    width.next_multiple_of(panel_width) + ROW_GAP
}

/// Cuts `n_rows` into tiles of at most `tallest` rows, as even as can be: yields first row and count.
///
/// Even tiles beat tall ones with a small one left over, whose few rows would pay for all columns.
pub(crate) fn tiles(n_rows: usize, tallest: usize) -> impl Iterator<Item = (usize, usize)> {
    let n_tiles = n_rows.div_ceil(tallest);
    let mut first = 0;
    (0..n_tiles).map(move |tile| {
        let count = (n_rows - first).div_ceil(n_tiles - tile);
        let place = (first, count);
        first += count;
        place
    })
}

/// Calls `$run!(N)` with the constant equal to `$rows`: for code that unrolls over the rows of a tile.
macro_rules! with_constant_rows {
    ($rows:expr, $run:ident) => {
        match $rows {
            1 => $run!(1),
            2 => $run!(2),
            3 => $run!(3),
            4 => $run!(4),
            5 => $run!(5),
            6 => $run!(6),
            7 => $run!(7),
            8 => $run!(8),
            9 => $run!(9),
            10 => $run!(10),
            11 => $run!(11),
            12 => $run!(12),
            13 => $run!(13),
            14 => $run!(14),
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}
pub(crate) use with_constant_rows;

/// Packs rows of `width` elements for the left side of a product.
///
/// The layout is `[tile][width][rows of the tile]`: a step of the product reads the rows of its
/// tile side by side. `row` gives a row by its number.
pub(crate) fn pack_left<'a, T: Copy + 'a>(
    (n_rows, width): (usize, usize),
    tallest: usize,
    row: impl Fn(usize) -> &'a [T],
    packed: &mut [T],
) {
    for (first, count) in tiles(n_rows, tallest) {
        let tile = &mut packed[first * width..][..count * width];
        pack_tile((count, width), |lane| row(first + lane), tile);
    }
}

/// Packs the `n_rows` rows of one tile for the left side of a product; see [`pack_left`].
pub(crate) fn pack_tile<'a, T: Copy + 'a>(
    (n_rows, width): (usize, usize),
    row: impl Fn(usize) -> &'a [T],
    tile: &mut [T],
) {
    macro_rules! interleave {
        ($rows:literal) => {
            interleave::<T, $rows>(from_fn(|lane| &row(lane)[..width]), tile)
        };
    }
    with_constant_rows!(n_rows, interleave);
}

/// Writes the first elements of all rows, then the second ones, and so on.
///
/// Element by element, so that writing is sequential: row by row, a tile that is larger than the
/// first-level cache would pass through it once a row.
fn interleave<T: Copy, const ROWS: usize>(rows: [&[T]; ROWS], tile: &mut [T]) {
    for (at, step) in tile.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
        *step = from_fn(|lane| rows[lane][at]);
    }
}

/// Packs rows of `width` elements for the right side of a product, transposed.
///
/// The layout is `[panel][width][panel_width]`; rows missing from the last panel are 0. `row` gives
/// a row by its number.
pub(crate) fn pack_right<'a, T: Copy + Default + 'a>(
    (n_rows, width): (usize, usize),
    panel_width: usize,
    row: impl Fn(usize) -> &'a [T],
    packed: &mut [T],
) {
    for (index, panel) in packed.chunks_exact_mut(width * panel_width).enumerate() {
        let first = index * panel_width;
        for lane in 0..panel_width {
            if first + lane < n_rows {
                let steps = panel
                    .chunks_exact_mut(panel_width)
                    .zip(&row(first + lane)[..width]);
                steps.for_each(|(step, &element)| step[lane] = element);
            } else {
                panel
                    .iter_mut()
                    .skip(lane)
                    .step_by(panel_width)
                    .for_each(|to| *to = T::default());
            }
        }
    }
}

/// Packs rows of `width` numbers for the right side of a product, as they stand.
///
/// The layout is `[panel][row][panel_width]`; columns missing from the last panel are 0. `row` gives a
/// row by its number.
pub(crate) fn pack_columns<'a>(
    (n_rows, width): (usize, usize),
    panel_width: usize,
    row: impl Fn(usize) -> &'a [f32],
    packed: &mut [f32],
) {
    for (index, panel) in packed.chunks_exact_mut(n_rows * panel_width).enumerate() {
        let first = index * panel_width;
        let count = panel_width.min(width - first);
        for (number, step) in panel.chunks_exact_mut(panel_width).enumerate() {
            let (columns, padding) = step.split_at_mut(count);
            columns.copy_from_slice(&row(number)[first..][..count]);
            padding.fill(0.0);
        }
    }
}
