//! Vectors of questions that somebody else has made.

use std::path::Path;

use ragdex_core::Vectors;
use ragdex_exchange::VectorFiles;

use crate::results::SearchResult;
use crate::{Context, Result, Searcher};

/// The column of Parquet and Arrow files that holds vectors.
const COLUMN: &str = "embeddings";

/// A file of vectors to search for: NumPy `(n, dim)` in f16, f32 or f64, or any that
/// [`VectorFiles`] reads.
#[derive(Debug)]
pub struct QuestionVectors {
    files: VectorFiles,
    name: String,
}

impl QuestionVectors {
    /// Rows searched at once: they share a scan.
    const BATCH: usize = 64;

    /// Opens a file of vectors as wide as those that `searcher` searches.
    ///
    /// # Errors
    /// [`Error::Exchange`](crate::Error::Exchange): cut short, of another width, in columns (Fortran order),
    /// not of floating point numbers.
    pub fn open(path: &Path, searcher: &Searcher) -> Result<Self> {
        let files = VectorFiles::open(&[path.to_owned()], COLUMN, searcher.dim())?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            files,
            name: name.to_string_lossy().into_owned(),
        })
    }

    /// Searches all rows, some at a time, and hands each result to `each`, in order; a result's query is
    /// the file's name and the row, as `queries.npy[0]`.
    ///
    /// # Errors
    /// What [`Searcher::search_vectors`] gives, a row that holds NaN, and what `each` gives.
    ///
    /// # Panics
    /// For a searcher of another width than that opened with.
    pub fn search<E: From<crate::Error>>(
        &self,
        searcher: &Searcher,
        k: usize,
        context: &Context<'_>,
        mut each: impl FnMut(SearchResult) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut first = 0;
        while first < self.files.len() {
            let rows = self.rows(first)?;
            let count = rows.len() / searcher.dim();
            let names: Vec<String> = (first..first + count as u64)
                .map(|row| format!("{}[{row}]", self.name))
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let vectors =
                Vectors::f32(&rows, searcher.dim()).expect("rows of the width opened with");
            for result in searcher.search_vectors(&names, vectors, k, context)? {
                each(result)?;
            }
            first += count as u64;
        }
        Ok(())
    }

    /// The numbers of some rows from `first` on.
    fn rows(&self, first: u64) -> Result<Vec<f32>> {
        let mut rows = self.files.starting_at(first)?;
        let mut numbers = Vec::with_capacity(Self::BATCH * self.files.dim());
        for _ in 0..Self::BATCH {
            match rows.next()? {
                Some(row) => numbers.extend_from_slice(row.vector),
                None => break,
            }
        }
        Ok(numbers)
    }
}
