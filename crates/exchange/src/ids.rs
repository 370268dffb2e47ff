//! Ids as an array of NumPy.

use std::io::{self, Seek, Write};

use npyz::{NpyWriter, WriteOptions, WriterBuilder};

/// Writes ids as a `.npy` file of `int64`: what each label of an index beside it stands for.
pub struct IdsWriter<W: Write + Seek> {
    array: NpyWriter<i64, W>,
}

impl<W: Write + Seek> IdsWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// What `out` gives.
    pub fn new(out: W) -> io::Result<Self> {
        let options = WriteOptions::new().default_dtype().writer(out);
        Ok(Self {
            array: options.begin_1d()?,
        })
    }

    /// Writes the next ids.
    ///
    /// # Errors
    /// What `out` gives; `InvalidInput` for one of 2⁶³ or more.
    pub fn push(&mut self, ids: impl IntoIterator<Item = u64>) -> io::Result<()> {
        for id in ids {
            let id = i64::try_from(id).map_err(|_| io::ErrorKind::InvalidInput)?;
            self.array.push(&id)?;
        }
        Ok(())
    }

    /// Writes the number of ids into the header and flushes.
    ///
    /// # Errors
    /// What `out` gives.
    pub fn finish(self) -> io::Result<()> {
        self.array.finish()
    }
}

impl<W: Write + Seek> std::fmt::Debug for IdsWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdsWriter").finish_non_exhaustive()
    }
}
