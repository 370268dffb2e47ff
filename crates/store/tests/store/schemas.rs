//! The written schemas against real files.

use std::fs;
use std::path::PathBuf;

use arrow::datatypes::{DataType, Schema};
use ragdex_core::Element;
use ragdex_store::{documents_schema, embeddings_schema, passages_schema};
use ragdex_testing::toy_documents;
use serde_json::{Value, json};

use crate::build::built;

fn written(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let text = fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn manifests_follow_their_schema() {
    let validator = jsonschema::validator_for(&written("manifest.schema.json")).unwrap();
    for n_documents in [0, 40] {
        let storage = built(&toy_documents(1, n_documents));
        let manifest = &storage.files()["snapshots/00000001.json"];
        let manifest: Value = serde_json::from_slice(manifest).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&manifest)
            .map(|e| e.to_string())
            .collect();
        assert_eq!(errors, [""; 0]);
    }
    assert!(!validator.is_valid(&json!({})));
}

/// Columns as `schemas/*.arrow.json` writes them.
fn columns(schema: &Schema) -> Value {
    let columns = schema.fields().iter().map(|field| {
        json!({
            "name": field.name(),
            "type": type_name(field.data_type()),
            "nullable": field.is_nullable(),
        })
    });
    columns.collect()
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::UInt32 => "uint32".into(),
        DataType::UInt64 => "uint64".into(),
        DataType::Utf8 => "utf8".into(),
        DataType::Float32 => "float32".into(),
        DataType::Float16 => "float16".into(),
        DataType::FixedSizeBinary(width) => format!("fixed_size_binary({width})"),
        DataType::FixedSizeList(item, _) => {
            format!("fixed_size_list<{}>(dim)", type_name(item.data_type()))
        }
        other => panic!("{other} is in no file"),
    }
}

/// The written columns without their descriptions.
fn written_columns(name: &str) -> Value {
    let mut columns = written(name)["columns"].take();
    for column in columns.as_array_mut().unwrap() {
        let column = column.as_object_mut().unwrap();
        assert!(
            column
                .remove("description")
                .is_some_and(|text| text.is_string())
        );
    }
    columns
}

#[test]
fn the_arrow_schemas_are_written_down() {
    assert_eq!(
        columns(&documents_schema()),
        written_columns("documents.arrow.json")
    );
    assert_eq!(
        columns(&passages_schema()),
        written_columns("passages.arrow.json")
    );
    let embeddings = written_columns("embeddings.arrow.json");
    assert_eq!(columns(&embeddings_schema(3, Element::F32)), embeddings);
    let half = embeddings.to_string().replace("float32", "float16");
    assert_eq!(
        columns(&embeddings_schema(3, Element::F16)).to_string(),
        half
    );
}

#[test]
fn general_readers_read_the_files() {
    let files = built(&toy_documents(1, 40)).files();
    let parquet = |path: &str| {
        use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
        ParquetRecordBatchReaderBuilder::try_new(files[path].clone()).unwrap()
    };
    let passages = parquet("passages/part-00000.parquet");
    assert_eq!(passages.schema().fields(), passages_schema().fields());
    let documents = parquet("documents/part-00000.parquet");
    assert_eq!(documents.schema().fields(), documents_schema().fields());

    let content = std::io::Cursor::new(&files["embeddings/part-00000.arrow"]);
    let embeddings = arrow::ipc::reader::FileReader::try_new(content, None).unwrap();
    assert_eq!(*embeddings.schema(), embeddings_schema(4, Element::F32));
    let n_rows: usize = embeddings.map(|batch| batch.unwrap().num_rows()).sum();
    let n_passages: usize = passages
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(n_rows, n_passages);
}
