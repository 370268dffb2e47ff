//! Vectors that exist already, in files of others: row for row beside the passages they belong to.

mod columns;
mod npy;
mod numbers;
mod shard;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use self::columns::ColumnRows;
use self::numbers::{Element, Matrix, append};
use self::shard::Shard;
use crate::faiss::{self, FlatFile};
use crate::{Error, Result, map};

/// Files of vectors, one behind another, as one list of rows counted from 0.
///
/// What a file is, its content says:
///
/// | kind | vectors | ids |
/// | --- | --- | --- |
/// | NumPy `.npy` | shape `(n, dim)`, C order, f16, f32 or f64 | none |
/// | FAISS `IndexFlat` | f32 | those of an `IndexIDMap` around it |
/// | Parquet, Arrow file or stream | a column of lists of numbers | none |
/// | pickled shard of DPR (`generate_dense_embeddings`) | f16, f32 or f64 | of each passage |
///
/// Memory: NumPy and FAISS files are mapped; of a shard a note of 40 bytes a row is kept, after 1 kB a row while
/// it is opened; of columns 1,024 rows.
#[derive(Debug)]
pub struct VectorFiles {
    files: Vec<VectorFile>,
    dim: usize,
}

/// A file whose beginning is understood.
#[derive(Debug)]
struct VectorFile {
    path: PathBuf,
    len: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Row-major numbers of one kind; and where i64 ids begin.
    Matrix {
        map: Mmap,
        matrix: Matrix,
        ids: Option<usize>,
    },
    /// Rows anywhere in the file.
    Shard { map: Mmap, shard: Shard },
    /// Parquet or Arrow, read in batches.
    Columns { column: String },
}

/// One vector, and where it came from.
#[derive(Debug, PartialEq)]
pub struct VectorRow<'a> {
    /// The file.
    pub path: &'a Path,
    /// The row of the file, from 0.
    pub row: u64,
    /// The id that the file gives to the row.
    pub id: Option<String>,
    /// The numbers, all finite.
    pub vector: &'a [f32],
}

impl VectorFiles {
    /// Opens files of vectors of `dim` numbers; `column` names the column of Parquet and Arrow files.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Kind`], [`Error::Malformed`], [`Error::ForbiddenGlobal`], [`Error::Dimension`];
    /// of columns, whose width only rows tell, [`VectorRows::next`] gives an [`Error::Row`].
    pub fn open(paths: &[PathBuf], column: &str, dim: usize) -> Result<Self> {
        let file = |path: &PathBuf| {
            let (file, width) = VectorFile::open(path, column)?;
            match width {
                Some(found) if found != dim => Err(Error::Dimension {
                    path: path.clone(),
                    expected: dim,
                    found,
                }),
                _ => Ok(file),
            }
        };
        Ok(Self {
            files: paths.iter().map(file).collect::<Result<_>>()?,
            dim,
        })
    }

    /// The width of the vectors of a file; `None` where it has no row to tell it.
    ///
    /// # Errors
    /// As [`VectorFiles::open`]; of columns, what reading the first row gives.
    pub fn width(path: &Path, column: &str) -> Result<Option<usize>> {
        let (file, width) = VectorFile::open(path, column)?;
        let Kind::Columns { column } = &file.kind else {
            return Ok(width.filter(|_| file.len > 0));
        };
        if file.len == 0 {
            return Ok(None);
        }
        let mut vector = Vec::new();
        ColumnRows::open(path, column, 0)?.next_into(&mut vector, 0)?;
        Ok(Some(vector.len()))
    }

    /// The number of rows of all files.
    pub fn len(&self) -> u64 {
        self.files.iter().map(|file| file.len).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The width of the vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Whether a file gives ids to its rows.
    pub fn has_ids(&self) -> bool {
        let has_ids = |file: &VectorFile| match &file.kind {
            Kind::Matrix { ids, .. } => ids.is_some(),
            Kind::Shard { .. } => true,
            Kind::Columns { .. } => false,
        };
        self.files.iter().any(has_ids)
    }

    /// The file and its own row of a row of the list; `None` behind the last.
    pub fn place(&self, row: u64) -> Option<(&Path, u64)> {
        let (file, row) = self.find(row);
        Some((&self.files.get(file)?.path, row))
    }

    /// Begins at a row. Cheap: rows before it are not read.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Malformed`] for a file of columns.
    pub fn starting_at(&self, row: u64) -> Result<VectorRows<'_>> {
        let (file, row) = self.find(row);
        let mut rows = VectorRows {
            files: self,
            file,
            row,
            columns: None,
            vector: Vec::with_capacity(self.dim),
        };
        rows.enter()?;
        Ok(rows)
    }

    /// The number of the file that has a row, and the row in it.
    fn find(&self, mut row: u64) -> (usize, u64) {
        for (i, file) in self.files.iter().enumerate() {
            if row < file.len {
                return (i, row);
            }
            row -= file.len;
        }
        (self.files.len(), 0)
    }
}

/// Reads vectors row by row, through all files.
#[derive(Debug)]
pub struct VectorRows<'a> {
    files: &'a VectorFiles,
    file: usize,
    /// The next row of the file.
    row: u64,
    /// Of a file of columns.
    columns: Option<ColumnRows>,
    vector: Vec<f32>,
}

impl<'a> VectorRows<'a> {
    /// Reads the next row; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::Row`] for a row without a vector, with one of another width, or with numbers that are not finite;
    /// what reading gives.
    #[expect(
        clippy::should_implement_trait,
        reason = "a row borrows the buffer that the next one fills"
    )]
    pub fn next(&mut self) -> Result<Option<VectorRow<'_>>> {
        let Some(file) = self.current()? else {
            return Ok(None);
        };
        let row = self.row;
        self.vector.clear();
        match &mut self.columns {
            Some(columns) => columns.next_into(&mut self.vector, row)?,
            None => file.read_into(row, &mut self.vector),
        }
        self.row += 1;
        let found = self.vector.len();
        if found != self.files.dim {
            let problem = format!(
                "a vector of {} numbers expected, found {found}",
                self.files.dim
            );
            return Err(Error::row(&file.path, row, problem));
        }
        if let Some(number) = self.vector.iter().find(|number| !number.is_finite()) {
            let problem = format!("finite numbers expected, found {number}");
            return Err(Error::row(&file.path, row, problem));
        }
        Ok(Some(VectorRow {
            path: &file.path,
            row,
            id: file.id(row),
            vector: &self.vector,
        }))
    }

    /// Passes over a row; `false` behind the last.
    ///
    /// # Errors
    /// What reading gives.
    pub fn skip(&mut self) -> Result<bool> {
        if self.current()?.is_none() {
            return Ok(false);
        }
        if let Some(columns) = &mut self.columns {
            columns.skip()?;
        }
        self.row += 1;
        Ok(true)
    }

    /// The file of the next row.
    fn current(&mut self) -> Result<Option<&'a VectorFile>> {
        let files = self.files;
        while let Some(file) = files.files.get(self.file)
            && self.row >= file.len
        {
            self.file += 1;
            self.row = 0;
            self.enter()?;
        }
        Ok(files.files.get(self.file))
    }

    /// Opens what reading the current file takes.
    fn enter(&mut self) -> Result<()> {
        self.columns = match self.files.files.get(self.file) {
            Some(file) => match &file.kind {
                Kind::Columns { column } => Some(ColumnRows::open(&file.path, column, self.row)?),
                _ => None,
            },
            None => None,
        };
        Ok(())
    }
}

impl VectorFile {
    /// Opens a file and tells the width of its vectors, but for columns, of which only rows tell it.
    fn open(path: &Path, column: &str) -> Result<(Self, Option<usize>)> {
        let map = map::map(path)?;
        let (kind, len, width) = if map.starts_with(npy::MAGIC) {
            let matrix = npy::read(&map, path)?;
            let (len, dim) = (matrix.len, matrix.dim);
            let ids = None;
            (Kind::Matrix { map, matrix, ids }, len, Some(dim))
        } else if faiss::is_index(&map) {
            Self::open_flat(map, path)?
        } else if columns::is_columns(&map) {
            let column = column.to_owned();
            let len = columns::count_rows(path, &column)?;
            (Kind::Columns { column }, len, None)
        } else if shard::is_pickle(&map) {
            let shard = Shard::read(&map, path)?;
            let (len, width) = (shard.len(), shard.dim());
            (Kind::Shard { map, shard }, len, width)
        } else {
            return Err(Error::Kind {
                path: path.to_owned(),
                found: "a file of an unknown kind".into(),
            });
        };
        let path = path.to_owned();
        Ok((Self { path, len, kind }, width))
    }

    fn open_flat(map: Mmap, path: &Path) -> Result<(Kind, u64, Option<usize>)> {
        let FlatFile {
            dim,
            len,
            start,
            ids,
        } = FlatFile::read(&map, path)?;
        if let Some(ids) = ids {
            check_ids(&map, ids, len, path)?;
        }
        let matrix = Matrix {
            dim,
            len,
            start,
            element: Element::F32,
        };
        Ok((Kind::Matrix { map, matrix, ids }, len, Some(dim)))
    }

    /// Adds the vector of a row; nothing for columns.
    fn read_into(&self, row: u64, vector: &mut Vec<f32>) {
        match &self.kind {
            Kind::Matrix { map, matrix, .. } => {
                append(&map[matrix.row(row)], matrix.element, vector);
            }
            Kind::Shard { map, shard } => {
                append(&map[shard.vector(row)], shard.element(row), vector);
            }
            Kind::Columns { .. } => {}
        }
    }

    /// The id of a row.
    fn id(&self, row: u64) -> Option<String> {
        match &self.kind {
            Kind::Matrix { map, ids, .. } => Some(id_at(map, (*ids)?, row)?.to_string()),
            Kind::Shard { map, shard } => {
                Some(String::from_utf8_lossy(&map[shard.id(row)]).into_owned())
            }
            Kind::Columns { .. } => None,
        }
    }
}

/// Refuses ids that name no row: FAISS gives -1 for "none", and two rows of one id cannot be told apart.
fn check_ids(map: &[u8], ids: usize, len: u64, path: &Path) -> Result<()> {
    let mut seen = HashMap::new();
    for row in 0..len {
        let id = id_at(map, ids, row).unwrap_or(-1);
        if id < 0 {
            return Err(Error::row(
                path,
                row,
                format!("an id of 0 or more expected, found {id}"),
            ));
        }
        if let Some(before) = seen.insert(id, row) {
            return Err(Error::row(
                path,
                row,
                format!("the id {id} is that of row {before} too"),
            ));
        }
    }
    Ok(())
}

fn id_at(map: &[u8], ids: usize, row: u64) -> Option<i64> {
    let at = ids.checked_add(usize::try_from(row).ok()?.checked_mul(size_of::<i64>())?)?;
    let (id, _) = map.get(at..)?.split_first_chunk()?;
    Some(i64::from_le_bytes(*id))
}
