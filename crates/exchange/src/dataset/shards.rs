//! Rows cut into files of about the same length, whatever the format.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use ragdex_core::{Rows, Vectors};

use super::batch::Columns;
use super::{DatasetShape, Row};
use crate::{Error, Result};

/// What the hub advises for a file, and `datasets` aims at.
const FILE_BYTES: u64 = 500_000_000;

/// A file that batches are written into.
pub(super) trait ShardFile: Sized {
    /// Creates the file.
    fn create(path: &Path, schema: SchemaRef) -> Result<Self>;

    /// Writes a batch; `path` is for messages, here and below.
    fn write(&mut self, batch: &RecordBatch, path: &Path) -> Result<()>;

    /// Ends the file and syncs it.
    fn close(self, path: &Path) -> Result<()>;
}

/// Writes rows into as many files as they need, one after the other.
#[derive(Debug)]
pub(super) struct ShardWriter<F> {
    folder: PathBuf,
    names: ShardNames,
    columns: Columns,
    /// Rows of each file but the last.
    per_file: u64,
    n_files: u64,
    /// Rows written so far.
    rows: u64,
    open: Option<F>,
}

/// The names of the files: `train-00003-of-00017.parquet` is of the stem `train`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShardNames {
    pub(super) stem: &'static str,
    pub(super) extension: &'static str,
}

impl<F: ShardFile> ShardWriter<F> {
    /// Begins in a folder that is there.
    pub(super) fn new(
        folder: PathBuf,
        names: ShardNames,
        columns: Columns,
        shape: DatasetShape,
    ) -> Self {
        let per_file = shape.rows_per_file(shape.n_files(FILE_BYTES));
        Self {
            folder,
            names,
            columns,
            per_file,
            n_files: shape.rows.div_ceil(per_file).max(1),
            rows: 0,
            open: None,
        }
    }

    /// Writes the next rows; where a file is full, the rest goes into the next.
    pub(super) fn push(&mut self, mut rows: &[Row<'_>], mut vectors: Vectors<'_>) -> Result<()> {
        while !rows.is_empty() {
            let n = self.room(rows.len());
            let (now, later) = rows.split_at(n);
            let (these, those) = split_vectors(vectors, n);
            self.push_batch(now, these)?;
            (rows, vectors) = (later, those);
        }
        Ok(())
    }

    /// Ends the last file. Without any row there is a file too: readers look there for the columns.
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.open.is_none() && self.rows == 0 {
            self.open = Some(self.create()?);
        }
        self.close(&self.path(self.current()))
    }

    /// The names of all files, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.n_files).map(|n| self.name(n))
    }

    fn push_batch(&mut self, rows: &[Row<'_>], vectors: Vectors<'_>) -> Result<()> {
        if self.open.is_none() {
            self.open = Some(self.create()?);
        }
        let path = self.path(self.current());
        let batch = self.columns.batch(rows, vectors);
        let batch = batch.map_err(Error::write_arrow(&path))?;
        if let Some(file) = &mut self.open {
            file.write(&batch, &path)?;
        }
        self.rows += rows.len() as u64;
        if self.rows.is_multiple_of(self.per_file) {
            self.close(&path)?;
        }
        Ok(())
    }

    fn create(&self) -> Result<F> {
        F::create(&self.path(self.current()), self.columns.schema())
    }

    fn close(&mut self, path: &Path) -> Result<()> {
        match self.open.take() {
            Some(file) => file.close(path),
            None => Ok(()),
        }
    }

    /// The number of the file that the next row goes into.
    fn current(&self) -> u64 {
        self.rows / self.per_file
    }

    /// How many of `n` more rows go into the current file.
    fn room(&self, n: usize) -> usize {
        let left = self.per_file - self.rows % self.per_file;
        n.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    fn name(&self, n: u64) -> String {
        let ShardNames { stem, extension } = self.names;
        format!("{stem}-{n:05}-of-{:05}.{extension}", self.n_files)
    }

    fn path(&self, n: u64) -> PathBuf {
        self.folder.join(self.name(n))
    }
}

/// The first `n` vectors, and the others.
fn split_vectors(vectors: Vectors<'_>, n: usize) -> (Vectors<'_>, Vectors<'_>) {
    let dim = vectors.dim();
    let at = n * dim;
    let (these, those) = match vectors.rows() {
        Rows::F32(numbers) => {
            let (these, those) = numbers.split_at(at);
            (Rows::F32(these), Rows::F32(those))
        }
        Rows::F16(numbers) => {
            let (these, those) = numbers.split_at(at);
            (Rows::F16(these), Rows::F16(those))
        }
    };
    let whole = |rows| Vectors::new(rows, dim).expect("whole rows of the same width");
    (whole(these), whole(those))
}

#[cfg(test)]
mod tests {
    use ragdex_core::Element;

    use super::*;

    /// A file that keeps how many rows each batch had.
    #[derive(Debug, Default)]
    struct Counts(Vec<usize>);

    impl ShardFile for Counts {
        fn create(_: &Path, _: SchemaRef) -> Result<Self> {
            Ok(Self::default())
        }

        fn write(&mut self, batch: &RecordBatch, _: &Path) -> Result<()> {
            self.0.push(batch.num_rows());
            Ok(())
        }

        fn close(self, path: &Path) -> Result<()> {
            let counts = self.0.iter().map(usize::to_string).collect::<Vec<_>>();
            std::fs::write(path, counts.join(" ")).map_err(Error::write(path))
        }
    }

    const ROW: Row<'_> = Row {
        id: 7,
        title: "Elbe",
        text: "A river.",
        document: "1",
        section: None,
        url: None,
    };

    fn writer(folder: &Path, rows: u64) -> ShardWriter<Counts> {
        let (dim, element) = (2, Element::F32);
        let columns = Columns {
            dim,
            element,
            text_ids: true,
        };
        let names = ShardNames {
            stem: "data",
            extension: "txt",
        };
        let shape = DatasetShape { rows, dim, element };
        ShardWriter::new(folder.to_owned(), names, columns, shape)
    }

    /// Pushes batches of these sizes with 5 rows a file; gives the batches of each file.
    fn written(batches: &[usize]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let total: usize = batches.iter().sum();
        let mut writer = writer(folder.path(), total as u64);
        (writer.per_file, writer.n_files) = (5, total.div_ceil(5).max(1) as u64);
        for &n in batches {
            let numbers = vec![0.0; 2 * n];
            let vectors = Vectors::f32(&numbers, 2).unwrap();
            writer.push(&vec![ROW; n], vectors).unwrap();
        }
        writer.finish().unwrap();
        let read = |name: String| std::fs::read_to_string(folder.path().join(name)).unwrap();
        writer.names().map(read).collect()
    }

    #[test]
    fn batches_are_cut_where_a_file_is_full() {
        assert_eq!(written(&[3, 3, 6]), ["3 2", "1 4", "2"]);
        assert_eq!(written(&[10]), ["5", "5"]);
        assert_eq!(written(&[5, 0, 1]), ["5", "1"]);
    }

    #[test]
    fn no_row_at_all_is_a_file_without_rows() {
        assert_eq!(written(&[]), [""]);
    }

    #[test]
    fn names_tell_the_place_and_the_number_of_files() {
        let mut writer = writer(Path::new("x"), 3_000_000_000);
        assert!(writer.n_files > 1, "more than fit into one file");
        writer.n_files = 17;
        assert_eq!(writer.name(3), "data-00003-of-00017.txt");
    }
}
