//! Rows to passages, and rows that are refused.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, ListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use parquet::arrow::ArrowWriter;
use ragdex_core::{Passage, PassageId};

use super::*;

const SHAPE: EmbeddingShape = EmbeddingShape {
    dim: 2,
    element: Element::F32,
};

/// The vector of a row; half precision holds it exactly.
fn vector(row: u64) -> [f32; 2] {
    let number = (row % 512) as f32;
    [number, number + 0.5]
}

/// A file of vectors beside texts.
fn write(path: &Path, vectors: &[[f32; 2]]) {
    let numbers = vectors.iter().flatten().copied();
    let numbers: ArrayRef = Arc::new(Float32Array::from_iter_values(numbers));
    let field = Arc::new(Field::new("element", DataType::Float32, true));
    let offsets = OffsetBuffer::from_lengths(vectors.iter().map(|_| 2));
    let lists: ArrayRef = Arc::new(ListArray::new(field, offsets, numbers, None));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(vectors.iter().map(|_| "x")));
    let batch = RecordBatch::try_from_iter([("text", texts), ("embeddings", lists)]).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn taken(files: &[PathBuf], left_out: &[u64]) -> TakenVectors {
    TakenVectors {
        of: VectorsOf::Column,
        files: files.to_vec(),
        left_out: left_out.to_vec(),
        is_whole: true,
    }
}

#[test]
fn rows_without_a_passage_are_passed_over() {
    let left_out = [0, 3, 4, 9];
    let taken: Vec<u64> = (0..12).filter(|row| !left_out.contains(row)).collect();
    for (n, row) in taken.into_iter().enumerate() {
        assert_eq!(row_of(n as u64, &left_out), row);
    }
}

#[test]
fn passages_get_the_vectors_of_their_own_rows() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a", "b"].map(|name| folder.path().join(name));
    let rows: Vec<[f32; 2]> = (0..13).map(vector).collect();
    write(&files[0], &rows[..7]);
    write(&files[1], &rows[7..]);
    let left_out = [0, 3, 4, 7, 9, 12];
    let kept: Vec<u64> = (0..13).filter(|row| !left_out.contains(row)).collect();
    let vectors = taken(&files, &left_out);
    let open = vectors.open("embeddings", SHAPE).unwrap();
    for start in 0..kept.len() {
        let mut rows = open.starting_at(start as u64).unwrap();
        for row in &kept[start..] {
            let mut vector = Vec::new();
            assert!(rows.next_into(None, &mut vector).unwrap());
            assert_eq!(vector[0], *row as f32, "from passage {start}");
        }
        assert!(!rows.next_into(None, &mut Vec::new()).unwrap());
    }
}

#[test]
fn a_wrong_width_and_a_missing_column_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let files = [folder.path().join("a")];
    write(&files[0], &[vector(0), vector(1), vector(2)]);
    let vectors = taken(&files, &[]);
    let wide = EmbeddingShape { dim: 3, ..SHAPE };
    let open = vectors.open("embeddings", wide).unwrap();
    let mut rows = open.starting_at(1).unwrap();
    let error = rows.next_into(None, &mut Vec::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("row 1: a vector of 3 numbers expected, found 2"),
        "{error}"
    );
    assert!(vectors.open("vectors", SHAPE).is_err());
    let text = vectors.open("text", SHAPE).unwrap();
    let mut rows = text.starting_at(0).unwrap();
    assert!(rows.next_into(None, &mut Vec::new()).is_err());
}

#[test]
fn numbers_beyond_half_precision_are_refused_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let files = [folder.path().join("a")];
    write(&files[0], &[vector(0), [1.0, -65_520.0]]);
    let vectors = taken(&files, &[]);
    for (element, is_refused) in [(Element::F16, true), (Element::F32, false)] {
        let open = vectors.open("embeddings", EmbeddingShape { element, ..SHAPE });
        let open = open.unwrap();
        let mut rows = open.starting_at(1).unwrap();
        let found = rows.next_into(None, &mut Vec::new());
        assert_eq!(found.is_err(), is_refused);
        if let Err(error) = found {
            let expected = "row 1: numbers up to 65504 expected for `f16`, found -65520";
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[test]
fn an_id_is_the_key_behind_any_prefix_or_the_number_of_the_passage() {
    let passage = PassageRecord {
        id: PassageId(7),
        document: "12".into(),
        passage: Passage::default(),
        hash: Passage::default().content_hash(),
    };
    let row = |id: &str| VectorRow {
        path: Path::new("shard_3"),
        row: 9,
        id: Some(id.into()),
        vector: &[],
    };
    for id in ["12", "wiki:12", "news:wiki:12", "7"] {
        assert!(check_id(&row(id), &passage).is_ok(), "{id}");
    }
    for id in ["112", "wiki:112", "wiki:7", "", "18446744073709551615"] {
        let error = check_id(&row(id), &passage).unwrap_err().to_string();
        assert!(
            error.contains("`shard_3`: row 9: the id `12` expected"),
            "{error}"
        );
    }
}
