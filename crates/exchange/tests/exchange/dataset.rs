//! Datasets written, read back as others read them.

use std::fs::{self, File};
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Int64Type};
use arrow::ipc::reader::StreamReader;
use half::f16;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ragdex_core::{Element, Rows, Vectors};
use ragdex_exchange::{DatasetCard, DatasetShape, DatasetWriter, ParquetWriter, Row, VectorFiles};
use serde_json::Value;

fn card() -> DatasetCard {
    DatasetCard {
        name: "Islands: \"a test\"".into(),
        encoder: Some("an/encoder".into()),
        question_encoder: Some("a/partner".into()),
        source: "islands.jsonl, 2026-11-01".into(),
        licences: vec!["Text: CC BY-SA 4.0, from Wikipedia, the dump of 2026-11-01".into()],
        fingerprint: "0123456789abcdef".into(),
    }
}

fn titles(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("Island {i}")).collect()
}

fn rows(titles: &[String]) -> Vec<Row<'_>> {
    titles
        .iter()
        .enumerate()
        .map(|(i, title)| Row {
            id: i as u64 + 40,
            title,
            text: "An island.",
            document: title,
            section: (i % 2 == 0).then_some("Geography"),
            url: None,
        })
        .collect()
}

fn vectors(n: usize, dim: usize) -> Vec<f32> {
    (0..n * dim).map(|i| (i % 1000) as f32).collect()
}

fn read_streams(folder: &Path) -> Vec<RecordBatch> {
    let state: Value =
        serde_json::from_slice(&fs::read(folder.join("state.json")).unwrap()).unwrap();
    let mut batches = Vec::new();
    for file in state["_data_files"].as_array().unwrap() {
        let file = File::open(folder.join(file["filename"].as_str().unwrap())).unwrap();
        batches.extend(
            StreamReader::try_new(file, None)
                .unwrap()
                .map(Result::unwrap),
        );
    }
    batches
}

#[test]
fn a_dataset_on_disk_holds_every_row_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (n, dim) = (2500, 3);
    let (titles, numbers) = (titles(n), vectors(n, dim));
    let shape = DatasetShape {
        rows: n as u64,
        dim,
        element: Element::F32,
    };
    let mut writer = DatasetWriter::new(folder.path(), shape);
    for (rows, numbers) in rows(&titles).chunks(1000).zip(numbers.chunks(1000 * dim)) {
        writer
            .push(rows, Vectors::f32(numbers, dim).unwrap())
            .unwrap();
    }
    writer.finish(&card()).unwrap();
    let batches = read_streams(folder.path());
    let mut row = 0;
    for batch in &batches {
        let ids = batch.column_by_name("id").unwrap().as_string::<i32>();
        let lists = batch
            .column_by_name("embeddings")
            .unwrap()
            .as_fixed_size_list();
        let sections = batch.column_by_name("section").unwrap().as_string::<i32>();
        for i in 0..batch.num_rows() {
            assert_eq!(ids.value(i), (row + 40).to_string());
            let list = lists.value(i);
            let expected = &numbers[row * dim..(row + 1) * dim];
            assert_eq!(list.as_primitive::<Float32Type>().values(), expected);
            assert_eq!(sections.is_null(i), row % 2 == 1);
            row += 1;
        }
    }
    assert_eq!(row, n);
    let state: Value =
        serde_json::from_slice(&fs::read(folder.path().join("state.json")).unwrap()).unwrap();
    let keys: Vec<_> = state.as_object().unwrap().keys().cloned().collect();
    let needed = [
        "_data_files",
        "_fingerprint",
        "_format_columns",
        "_format_kwargs",
        "_format_type",
        "_output_all_columns",
        "_split",
    ];
    assert_eq!(keys, needed);
    let info: Value =
        serde_json::from_slice(&fs::read(folder.path().join("dataset_info.json")).unwrap())
            .unwrap();
    let schema = batches[0].schema();
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let features: Vec<_> = info["features"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(features, columns);
    assert!(info["license"].as_str().unwrap().contains("CC BY-SA"));
}

#[test]
fn files_are_cut_where_the_shape_says_and_hold_half_precision() {
    let folder = tempfile::tempdir().unwrap();
    let dim = 4;
    let shape = DatasetShape {
        rows: 1_000_000,
        dim,
        element: Element::F16,
    };
    let mut writer = DatasetWriter::new(folder.path(), shape);
    let halves: Vec<f16> = vectors(1000, dim)
        .iter()
        .map(|n| f16::from_f32(*n))
        .collect();
    let titles = titles(1000);
    let rows = rows(&titles);
    for _ in 0..1000 {
        writer
            .push(&rows, Vectors::new(Rows::F16(&halves), dim).unwrap())
            .unwrap();
    }
    writer.finish(&card()).unwrap();
    let batches = read_streams(folder.path());
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
        1_000_000
    );
    let vectors = batches[0]
        .schema()
        .field_with_name("embeddings")
        .unwrap()
        .data_type()
        .clone();
    assert!(
        matches!(vectors, DataType::FixedSizeList(item, 4) if item.data_type() == &DataType::Float16)
    );
    assert!(folder.path().join("data-00001-of-00002.arrow").is_file());
    assert!(!folder.path().join("data-00002-of-00002.arrow").exists());
}

#[test]
fn an_empty_dataset_has_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let shape = DatasetShape {
        rows: 0,
        dim: 4,
        element: Element::F32,
    };
    DatasetWriter::new(folder.path(), shape)
        .finish(&card())
        .unwrap();
    assert_eq!(read_streams(folder.path()).len(), 0);
    assert!(folder.path().join("data-00000-of-00001.arrow").is_file());
}

#[test]
fn parquet_for_the_hub_has_a_card_and_plain_columns() {
    let folder = tempfile::tempdir().unwrap();
    let (n, dim) = (100, 4);
    let (titles, numbers) = (titles(n), vectors(n, dim));
    let shape = DatasetShape {
        rows: n as u64,
        dim,
        element: Element::F16,
    };
    let mut writer = ParquetWriter::new(folder.path(), shape);
    writer
        .push(&rows(&titles), Vectors::f32(&numbers, dim).unwrap())
        .unwrap();
    writer.finish(&card()).unwrap();
    let path = folder.path().join("data/train-00000-of-00001.parquet");
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let ids = batch
        .column_by_name("id")
        .unwrap()
        .as_primitive::<Int64Type>();
    assert_eq!((ids.value(0), ids.value(99)), (40, 139));
    let files = VectorFiles::open(&[path], "embeddings", dim).unwrap();
    let mut rows = files.starting_at(99).unwrap();
    let last = rows.next().unwrap().unwrap().vector.to_vec();
    assert_eq!(last, numbers[99 * dim..]);
    let card = fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(
        card.starts_with("---\npretty_name: \"Islands: \\\"a test\\\"\"\n"),
        "{card}"
    );
    for part in [
        "path: data/train-*",
        "`a/partner`",
        "CC BY-SA 4.0",
        "2026-11-01",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
}
