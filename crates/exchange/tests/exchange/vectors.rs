//! Vectors in files of others.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, ListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use ragdex_core::Vectors;
use ragdex_exchange::faiss::FlatWriter;
use ragdex_exchange::{Error, VectorFiles};

use crate::{data, five};

type Read = (Vec<Vec<f32>>, Vec<Option<String>>);

fn read_from(paths: &[PathBuf], start: u64) -> Result<Read, Error> {
    let files = VectorFiles::open(paths, "embeddings", 4)?;
    let mut rows = files.starting_at(start)?;
    let (mut vectors, mut ids) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        vectors.push(row.vector.to_vec());
        ids.push(row.id);
    }
    assert_eq!(vectors.len() as u64, files.len().saturating_sub(start));
    Ok((vectors, ids))
}

fn refusal(name: &str) -> String {
    let error = read_from(&[data(name)], 0).expect_err(name);
    assert!(error.is_bad_input(), "{name}");
    error.to_string()
}

/// Writes the five vectors as a column of lists, in batches of two.
fn write_columns(path: &Path, number: &DataType) {
    let five = five();
    let batches = five.chunks(2).map(|rows| {
        let numbers: ArrayRef = Arc::new(Float32Array::from_iter_values(
            rows.iter().flatten().copied(),
        ));
        let field = Arc::new(Field::new("element", number.clone(), true));
        let offsets = OffsetBuffer::from_lengths(rows.iter().map(Vec::len));
        let numbers = cast(&numbers, number).unwrap();
        let lists: ArrayRef = Arc::new(ListArray::new(field, offsets, numbers, None));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|_| "x")));
        RecordBatch::try_from_iter([("text", texts), ("embeddings", lists)]).unwrap()
    });
    let batches: Vec<RecordBatch> = batches.collect();
    let (file, schema) = (File::create(path).unwrap(), batches[0].schema());
    match path.extension().unwrap().to_str().unwrap() {
        "parquet" => {
            let mut writer = ArrowWriter::try_new(file, schema, None).unwrap();
            for batch in &batches {
                writer.write(batch).unwrap();
            }
            writer.close().unwrap();
        }
        "arrow" => {
            let mut writer = FileWriter::try_new(file, &schema).unwrap();
            for batch in &batches {
                writer.write(batch).unwrap();
            }
            writer.finish().unwrap();
        }
        _ => {
            let mut writer = StreamWriter::try_new(file, &schema).unwrap();
            for batch in &batches {
                writer.write(batch).unwrap();
            }
            writer.finish().unwrap();
        }
    }
}

#[test]
fn every_kind_of_file_gives_the_same_vectors() {
    let names = [
        "f4.npy",
        "f2.npy",
        "f8.npy",
        "version-2.npy",
        "flat.faiss",
        "flat-l2.faiss",
        "map.faiss",
        "map2.faiss",
        "shard-3.pickle",
        "shard-4.pickle",
        "shard-5.pickle",
        "shard-half.pickle",
    ];
    for name in names {
        for start in 0..=5 {
            let (vectors, _) = read_from(&[data(name)], start).unwrap();
            assert_eq!(vectors, five()[start as usize..], "{name} from {start}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for kind in ["parquet", "arrow", "stream"] {
        for number in [DataType::Float16, DataType::Float32, DataType::Float64] {
            let path = folder.path().join(format!("v.{kind}"));
            write_columns(&path, &number);
            for start in 0..=5 {
                let (vectors, _) = read_from(std::slice::from_ref(&path), start).unwrap();
                assert_eq!(
                    vectors,
                    five()[start as usize..],
                    "{kind} {number} from {start}"
                );
            }
        }
    }
}

#[test]
fn ids_come_with_the_rows_that_have_them() {
    let ids = |name: &str| {
        let (_, ids) = read_from(&[data(name)], 0).unwrap();
        ids.into_iter().flatten().collect::<Vec<_>>()
    };
    let dpr = ["wiki:1", "wiki:2", "wiki:3", "wiki:4", "wiki:5"];
    assert_eq!(ids("shard-4.pickle"), dpr);
    assert_eq!(ids("map.faiss"), ["11", "7", "30", "2", "5"]);
    assert!(ids("f4.npy").is_empty());
}

#[test]
fn rows_go_on_over_files_from_any_start_and_pass_over_some() {
    let folder = tempfile::tempdir().unwrap();
    let parquet = folder.path().join("v.parquet");
    write_columns(&parquet, &DataType::Float32);
    let paths = [data("f4.npy"), parquet, data("shard-4.pickle")];
    let all = [five(), five(), five()].concat();
    for start in 0..=15 {
        assert_eq!(read_from(&paths, start).unwrap().0, all[start as usize..]);
    }
    let files = VectorFiles::open(&paths, "embeddings", 4).unwrap();
    assert_eq!(files.place(9), Some((&*paths[1], 4)));
    assert_eq!(files.place(15), None);
    let mut rows = files.starting_at(3).unwrap();
    for expected in [&all[3], &all[5], &all[7], &all[9], &all[11], &all[13]] {
        let row = rows.next().unwrap().unwrap();
        assert_eq!(row.vector, expected);
        rows.skip().unwrap();
    }
    assert_eq!(rows.next().unwrap(), None);
    assert!(!rows.skip().unwrap());
}

#[test]
fn what_cannot_be_taken_over_is_refused_with_its_place() {
    let cases = [
        ("fortran.npy", "ascontiguousarray"),
        ("big-endian.npy", "`<f2`, `<f4` or `<f8` expected"),
        ("integers.npy", "`<f2`, `<f4` or `<f8` expected"),
        ("objects.npy", "expected"),
        ("vector.npy", "shape (n, dim) expected, found [4]"),
        ("nan.npy", "row 2: finite numbers expected, found NaN"),
        ("sq8.faiss", "of the kind `IxSQ` holds no vectors"),
        ("hnsw.faiss", "of the kind `IHNf` holds no vectors"),
        ("map-twice.faiss", "row 3: the id 7 is that of row 1 too"),
        (
            "map-none.faiss",
            "row 2: an id of 0 or more expected, found -1",
        ),
        (
            "shard-twice.pickle",
            "row 4: the id `wiki:2` is that of row 1 too",
        ),
        (
            "shard-ragged.pickle",
            "a vector of 4 numbers expected, found 3",
        ),
        (
            "shard-big-endian.pickle",
            "row 1: numbers `<f2`, `<f4` or `<f8` expected",
        ),
        ("shard-code.pickle", "the pickle names `builtins.print`"),
        ("make.py", "a file of an unknown kind"),
    ];
    for (name, expected) in cases {
        let found = refusal(name);
        assert!(found.contains(expected), "{name}: {found}");
        assert!(found.contains(name), "{found}");
    }
    let wide = VectorFiles::open(&[data("f4.npy")], "embeddings", 768).unwrap_err();
    assert!(
        wide.to_string()
            .contains("vectors of 768 numbers expected, found 4")
    );
}

#[test]
fn the_width_of_a_file_is_told_and_whether_its_rows_have_ids() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = ["f2.npy", "map.faiss", "shard-4.pickle"].map(data).to_vec();
    for kind in ["parquet", "arrow", "stream"] {
        let path = folder.path().join(format!("v.{kind}"));
        write_columns(&path, &DataType::Float32);
        paths.push(path);
    }
    let have_ids = [false, true, true, false, false, false];
    for (path, has_ids) in paths.iter().zip(have_ids) {
        let width = VectorFiles::width(path, "embeddings").unwrap();
        assert_eq!(width, Some(4), "{}", path.display());
        let files = VectorFiles::open(std::slice::from_ref(path), "embeddings", 4).unwrap();
        assert_eq!(files.has_ids(), has_ids, "{}", path.display());
    }
    let hostile = [data("make.py"), data("objects.npy"), data("no such file")];
    assert!(
        hostile
            .iter()
            .all(|path| VectorFiles::width(path, "embeddings").is_err())
    );
}

#[test]
fn a_missing_column_and_one_without_lists_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["parquet", "arrow", "stream"] {
        let path = folder.path().join(format!("v.{kind}"));
        write_columns(&path, &DataType::Float32);
        let paths = [path];
        let error = VectorFiles::open(&paths, "vectors", 4)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a column `vectors` expected, found text, embeddings"),
            "{error}"
        );
        let files = VectorFiles::open(&paths, "text", 4).unwrap();
        let error = files
            .starting_at(0)
            .unwrap()
            .next()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("lists of numbers expected, found Utf8"),
            "{error}"
        );
    }
}

#[test]
fn a_flat_index_is_that_of_faiss_to_the_last_bit() {
    let mut index = FlatWriter::new(Vec::new(), 4, 5).unwrap();
    for vector in five() {
        index.push(Vectors::f32(&vector, 4).unwrap()).unwrap();
    }
    let written = index.finish().unwrap();
    assert_eq!(written, std::fs::read(data("flat.faiss")).unwrap());
    assert_eq!(
        written.len() as u64,
        FlatWriter::<Vec<u8>>::file_bytes(4, 5)
    );
}

#[test]
fn a_flat_index_of_another_length_or_width_than_told_is_refused() {
    let vectors = [0.0; 8];
    let two = Vectors::f32(&vectors, 4).unwrap();
    assert!(
        FlatWriter::new(Vec::new(), 4, 1)
            .unwrap()
            .push(two)
            .is_err()
    );
    assert!(
        FlatWriter::new(Vec::new(), 8, 2)
            .unwrap()
            .push(two)
            .is_err()
    );
    let mut index = FlatWriter::new(Vec::new(), 4, 3).unwrap();
    index.push(two).unwrap();
    assert!(index.finish().is_err());
    assert!(FlatWriter::new(Vec::new(), 4, u64::MAX).is_err());
}
