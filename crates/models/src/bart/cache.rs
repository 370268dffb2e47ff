//! What self-attention keeps of the tokens read so far.

use candle_core::Tensor;

use crate::Error;

/// Positions a cache has room for at first; answers are rarely longer.
const FIRST_CAPACITY: usize = 32;

/// Self-attention keys and values of one layer, `(rows, heads, capacity, d)`, written in place.
pub(super) struct Cache {
    keys: Tensor,
    values: Tensor,
}

impl Cache {
    /// Makes a cache for rows of keys like these; it grows as far as `limit` positions.
    pub(super) fn new(like: &Tensor, limit: usize) -> Result<Self, Error> {
        let capacity = like.dim(2)?.max(FIRST_CAPACITY).min(limit);
        Self::with_capacity(like, capacity)
    }

    fn with_capacity(like: &Tensor, capacity: usize) -> Result<Self, Error> {
        let (rows, heads, _, dim) = like.dims4()?;
        let zeros = || Tensor::zeros((rows, heads, capacity, dim), like.dtype(), like.device());
        Ok(Self {
            keys: zeros()?,
            values: zeros()?,
        })
    }

    /// Writes keys and values behind the `used` former ones, and gives all of them.
    pub(super) fn append(
        &mut self,
        k: &Tensor,
        v: &Tensor,
        used: usize,
        limit: usize,
    ) -> Result<[Tensor; 2], Error> {
        let end = used + k.dim(2)?;
        let capacity = self.keys.dim(2)?;
        if end > capacity {
            let mut larger =
                Self::with_capacity(&self.keys, (2 * capacity).clamp(end, limit.max(end)))?;
            larger.restore(&[
                self.keys.narrow(2, 0, used)?,
                self.values.narrow(2, 0, used)?,
            ])?;
            *self = larger;
        }
        self.keys.slice_set(k, 2, used)?;
        self.values.slice_set(v, 2, used)?;
        Ok([self.keys.narrow(2, 0, end)?, self.values.narrow(2, 0, end)?])
    }

    fn restore(&mut self, [keys, values]: &[Tensor; 2]) -> Result<(), Error> {
        self.keys.slice_set(&keys.contiguous()?, 2, 0)?;
        self.values.slice_set(&values.contiguous()?, 2, 0)?;
        Ok(())
    }

    /// Makes row `i` what row `rows[i]` was, as far as `used` positions go.
    pub(super) fn select(&mut self, rows: &Tensor, used: usize) -> Result<(), Error> {
        let selected = [
            self.keys
                .narrow(2, 0, used)?
                .contiguous()?
                .index_select(rows, 0)?,
            self.values
                .narrow(2, 0, used)?
                .contiguous()?
                .index_select(rows, 0)?,
        ];
        if rows.elem_count() != self.keys.dim(0)? {
            *self = Self::with_capacity(&selected[0], self.keys.dim(2)?)?;
        }
        self.restore(&selected)
    }
}
